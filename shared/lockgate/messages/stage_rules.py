"""What must hold between the stages of a plan: which names, in which order, and which region in which.

Pure. For the model of a plan, which refuses the first breach, and for the check of a written one, which tells all of
them with their places, also where the plan is otherwise broken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

STAGE_KINDS: Final = ("preprod", "pilot", "wave", "watch")
"""In the order in which a release meets them."""

Path = tuple[str | int, ...]
Breach = tuple[Path, str]
"""The place in the plan, as keys and positions, and a sentence that says what to write."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What the rules need of a stage. None and empty: not known, so no rule is broken by it."""

    name: str | None
    kind: str | None
    regions: Sequence[str | None] = ()
    canary: Sequence[float | None] = ()
    """The shares of its canary."""
    verifies: bool = False
    """Of a watch: whether every region is measured in it."""


MOST_VERIFIED: Final = 20
"""Regions that a watch measures: each asks for a day or two of samples when it begins."""

MOST_WITHOUT_ROUTE: Final = 0.5
"""Of the traffic, where a clone's share is that of its pods: it has at most as many as production."""


def breaches(stages: Sequence[Outline], *, routed: bool) -> Iterator[Breach]:
    """Every rule that is broken, with its place. `routed`: the workload has a route, or that is not known."""
    yield from _names(stages)
    yield from _order(stages)
    yield from _missing(stages)
    yield from _regions(stages)
    yield from _measured(stages)
    if not routed:
        yield from _shares(stages)


def _names(stages: Sequence[Outline]) -> Iterator[Breach]:
    first: dict[str, int] = {}
    for i, stage in enumerate(stages):
        if stage.name is not None and first.setdefault(stage.name, i) != i:
            told = f"two stages are named {stage.name}, the first is stages[{first[stage.name]}]: give each its own name"
            yield ("stages", i, "name"), told


def _order(stages: Sequence[Outline]) -> Iterator[Breach]:
    latest = 0
    for i, stage in enumerate(stages):
        if stage.kind is None:
            continue
        place = STAGE_KINDS.index(stage.kind)
        if place < latest:
            yield (
                ("stages", i, "kind"),
                (
                    f"a {stage.kind} stage cannot come after a {STAGE_KINDS[latest]} stage: write first preprod, then "
                    "pilot, then the waves, then the watch"
                ),
            )
        latest = max(latest, place)
    for i in [i for i, stage in enumerate(stages) if stage.kind == "watch"][1:]:
        yield ("stages", i, "kind"), "a plan ends with one watch, and this is another one: remove it"


def _missing(stages: Sequence[Outline]) -> Iterator[Breach]:
    kinds = [stage.kind for stage in stages]
    if not stages or None in kinds:
        return
    if "watch" not in kinds:
        yield (
            ("stages",),
            "a plan ends with one watch: write {name: watch, kind: watch, for: 2h} as its last stage",
        )
    if "wave" not in kinds:
        yield (
            ("stages",),
            (
                "a plan needs a wave, without one no region is ever deployed to: write "
                "{name: all, kind: wave, regions: [eu-west]}"
            ),
        )


def _regions(stages: Sequence[Outline]) -> Iterator[Breach]:
    waves: dict[str, Path] = {}
    preprod = {region for _, region in _named(stages, "preprod")}
    for path, region in _named(stages, "wave"):
        first = waves.setdefault(region, path)
        if first != path:
            told = f"the region {region} is deployed to twice, first by stages[{first[1]}]: name it in one wave, once"
            yield path, told
        elif region in preprod:
            yield path, f"the region {region} is in a preprod stage and in a wave: it can be only one of them"
    if None not in [stage.kind for stage in stages]:
        for path, region in _named(stages, "pilot"):
            if region not in waves:
                yield path, f"the region {region} has a pilot but is in no wave: add it to a wave"


def _measured(stages: Sequence[Outline]) -> Iterator[Breach]:
    count = len({region for _, region in _named(stages, "wave")})
    for i, stage in enumerate(stages):
        if stage.kind == "watch" and stage.verifies and count > MOST_VERIFIED:
            told = (
                f"a watch measures at most {MOST_VERIFIED} regions, and the waves have {count}: leave `verify` out, "
                "and let monitoring report incidents"
            )
            yield ("stages", i, "verify"), told


def _named(stages: Sequence[Outline], kind: str) -> Iterator[tuple[Path, str]]:
    for i, stage in enumerate(stages):
        for j, region in enumerate(stage.regions if stage.kind == kind else ()):
            if region is not None:
                yield ("stages", i, "regions", j), region


def _shares(stages: Sequence[Outline]) -> Iterator[Breach]:
    for i, stage in enumerate(stages):
        for j, share in enumerate(stage.canary):
            if share is not None and MOST_WITHOUT_ROUTE < share <= 1:
                yield (
                    ("stages", i, "strategy", "canary", j),
                    (
                        f"without a route the clone's share is that of its pods, at most {MOST_WITHOUT_ROUTE:.0%}: name "
                        f"the workload's route, or end the canary with {MOST_WITHOUT_ROUTE:.0%}"
                    ),
                )
