"""What a plan must have so that its pilots, canaries, waves and requests can be measured at all: rules between its metrics and
its stages.

Pure. For the check of a plan that is written; not for its model, by which plans that were accepted before are read.
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeGuard

from lockgate.messages.plan import AfterWave, PilotStage, Plan, PreprodStage, Stage, WaveStage
from lockgate.messages.stage_rules import Breach, Path
from lockgate.messages.strategies import BlueGreen, Canary
from lockgate.messages.values import write_duration

LEAST_SCRAPES: Final = 10
"""Of a verification: with fewer nothing can pass."""
LEAST_REQUESTS: Final = 20
"""Of those that are judged together: with fewer nothing is measured."""
BETA: Final = 0.05
"""How likely a pass may be where as many fail as may."""
MOST_COMPARED: Final = 1000
"""Steps of canaries in regions, each of which is a verification: with more, each would have next to nothing of `false-alarms`."""
MOST_AT_ONCE: Final = 20
"""Regions that are measured beside each other: so many may a pilot have."""
MOST_IN_A_WAVE: Final = 12
"""Regions on which one verdict is reached: its event carries what was measured in all of them."""
_OF_VERIFY: Final = {"soak", "margins", "on_inconclusive"}
"""What a canary or a wave says of its comparison."""
MOST_OF_A_WAVE: Final = 120
"""Scrapes of all regions of a wave together: each of many has fewer of them."""
MOST_APART: Final = 1800.0
"""Seconds between a wave's first grant and its comparison; after more the time of day alone makes regions differ."""
BY_BACKEND: Final = ("envoy-gateway", "nginx")
"""Presets that count at the gateway, by backend."""


class Compared(NamedTuple):
    """A comparison with what runs beside it: where it is written, of whom, for how long, and its soak time."""

    path: Path
    who: str
    verify: float
    soak: float


def unmeasurable(plan: Plan) -> Iterator[Breach]:
    """Every rule that is broken, with its place and what to write instead."""
    yield from _too_few(plan)
    yield from _unverified(plan)
    yield from _too_many(plan)
    compared = [asked for i, stage in enumerate(plan.stages) if (asked := _asked(i, stage))]
    waves = [(i, stage) for i, stage in enumerate(plan.stages) if _is_compared(stage)]
    of_waves = [
        Compared(("stages", i, "after"), "wave", stage.after.verify, stage.after.soak) for i, stage in waves
    ]
    for each in (*compared, *of_waves):
        yield from _too_short(each, plan.metrics.interval)
    for i, wave in waves:
        yield from _alone(plan, i, wave)
        yield from _too_coarse(i, wave, plan.metrics.interval)
        yield from _too_far(i, wave)
    if compared and plan.metrics.preset in BY_BACKEND and not plan.workload.is_by_http_route:
        yield (
            ("metrics", "preset"),
            (
                f"{plan.metrics.preset} counts by backend, and without an HTTPRoute the {compared[0].who} has none of its own: "
                "name it as workload.route, or write a preset that counts by pod, such as opentelemetry-http or istio"
            ),
        )


def _asked(i: int, stage: Stage) -> Compared | None:
    match stage:
        case PilotStage(after=after):
            return Compared(("stages", i, "after"), "pilot", after.verify, after.soak)
        case WaveStage(strategy=Canary(verify=verify, soak=soak)) if verify > 0:
            return Compared(("stages", i, "strategy"), "canary", verify, soak)
        case _:
            return None


def _is_compared(stage: Stage) -> TypeGuard[WaveStage]:
    return isinstance(stage, WaveStage) and stage.after.verify > 0


def _alone(plan: Plan, i: int, wave: WaveStage) -> Iterator[Breach]:
    """Whether there are regions that the wave can be compared with, not too many of its own, and their metrics can be told apart."""
    here: Path = ("stages", i, "after", "verify")
    if not plan.beyond(wave.name):
        told = (
            f"after {wave.name} no region is left that does not have the release, or only those of pilots, so there is nothing to "
            "compare it with: leave `verify` out here, and write {name: watch, kind: watch, for: 2h, verify: {}}, in which each "
            "region is compared with its own time before"
        )
        yield here, told
    if (count := len(wave.regions)) > MOST_IN_A_WAVE:
        told = f"at most {MOST_IN_A_WAVE} regions are compared as one, and the wave has {count}: write smaller waves, or leave `verify` out"
        yield here, told
    if plan.metrics.labels.region == "none":
        told = (
            f"without a label of the region {wave.name} cannot be compared with other regions: name the label, or leave `verify` "
            "out of its `after`"
        )
        yield ("metrics", "labels", "region"), told
    if plan.metrics.preset == "envoy-gateway" and not plan.workload.is_by_http_route:
        told = (
            f"envoy-gateway counts by route, and the workload has no HTTPRoute, so nothing is known of {wave.name}: name it as "
            "workload.route, or write a preset that counts by pod, such as opentelemetry-http or istio"
        )
        yield ("metrics", "preset"), told


def _too_coarse(i: int, wave: WaveStage, interval: float) -> Iterator[Breach]:
    """Whether a pass needs more time than is written: the scrapes of many regions are longer, and so many are needed."""
    after, count = wave.after, len(wave.regions)
    if count > MOST_IN_A_WAVE:
        return  # refused as it is
    longest = interval * (MOST_OF_A_WAVE // count)
    step = interval * math.ceil((after.verify + after.on_inconclusive.extend) / longest)
    if LEAST_SCRAPES * interval <= after.verify < LEAST_SCRAPES * step:
        told = (
            f"with its extension each of {count} regions has scrapes of {write_duration(step)}, and {write_duration(after.verify)} have fewer "
            f"than {LEAST_SCRAPES} of them, too few to pass: write less `extend`, a longer `verify`, or smaller waves"
        )
        yield ("stages", i, "after", "verify"), told


def _too_far(i: int, wave: WaveStage) -> Iterator[Breach]:
    """Whether the strategy alone takes longer than may lie between what is known of before and the comparison."""
    match wave.strategy:
        case Canary(verify=verify, soak=soak, compared=compared) if verify > 0:
            least = compared * (soak or verify / 2)
        case Canary(canary=shares, wait=wait):
            least = len(shares) * wait
        case BlueGreen(blue_green=side):
            least = side.keep
        case _:
            return
    if least > MOST_APART:
        told = (
            f"the wave takes at least {write_duration(least)} by its strategy, and after more than {write_duration(MOST_APART)} regions differ by "
            "the time of day alone, so nothing could be compared: leave `verify` out of its `after`, or write shorter steps"
        )
        yield ("stages", i, "after", "verify"), told


def _too_short(asked: Compared, interval: float) -> Iterator[Breach]:
    least, verify, soak = LEAST_SCRAPES * interval, asked.verify, asked.soak
    if verify < least:
        yield (
            (*asked.path, "verify"),
            (
                f"{write_duration(verify)} have fewer than {LEAST_SCRAPES} scrapes of "
                f"{write_duration(interval)}, too few to pass: write at least "
                f"{write_duration(least)}, or a shorter metrics.interval"
            ),
        )
    if soak > verify:
        yield (
            (*asked.path, "soak"),
            (
                f"nothing could pass: the {asked.who} soaks for {write_duration(soak)} and is compared for "
                f"{write_duration(verify)}: write at most {write_duration(verify)}"
            ),
        )


def _unverified(plan: Plan) -> Iterator[Breach]:
    """What is written of a comparison of a canary or a wave that there is none of."""
    for i, stage in enumerate(plan.stages):
        if not isinstance(stage, WaveStage):
            continue
        yield from _without(("stages", i, "after"), "wave", stage.after)
        canary = stage.strategy
        if not isinstance(canary, Canary):
            continue
        if canary.verify > 0 and not canary.compared:
            told = "at 100 % no production is left beside the canary: begin it with a smaller share, or leave `verify` out"
            yield ("stages", i, "strategy", "verify"), told
        yield from _without(("stages", i, "strategy"), "canary", canary)


def _without(path: Path, who: str, asked: Canary | AfterWave) -> Iterator[Breach]:
    if asked.verify <= 0 and (said := sorted(asked.model_fields_set & _OF_VERIFY)):
        field = said[0].replace("_", "-")
        told = (
            f"`{field}` is of a comparison, and the {who} has none: write verify: 30m beside it, or remove it"
        )
        yield (*path, field), told


def _too_many(plan: Plan) -> Iterator[Breach]:
    """Steps of canaries that are compared, in all regions and at once."""
    steps = 0
    for i, stage in enumerate(plan.stages):
        match stage:
            case WaveStage(strategy=Canary(verify=verify) as canary) if verify > 0:
                steps += canary.compared * len(stage.regions)
            case _:
                continue
        if steps > MOST_COMPARED:
            told = (
                f"{steps} steps in regions are to be compared, and {MOST_COMPARED} are the most in a plan: leave `verify` out in the "
                "later waves, or write fewer shares"
            )
            yield ("stages", i, "strategy", "verify"), told
            return
        if min(stage.max_parallel, len(stage.regions)) > MOST_AT_ONCE:
            told = f"at most {MOST_AT_ONCE} regions are compared at once: write at most {MOST_AT_ONCE}, or leave `verify` out"
            yield ("stages", i, "max-parallel"), told


def _too_few(plan: Plan) -> Iterator[Breach]:
    """Requests that are judged together, and too few to prove that no more of them fail than may."""
    for i, stage in enumerate(plan.stages):
        if not isinstance(stage, PreprodStage):
            continue
        sent = sum(request.times for request in stage.requests if request.times > 1)
        if sent and (sent < LEAST_REQUESTS or (1 - stage.failures) ** sent > BETA):
            needed = max(LEAST_REQUESTS, math.ceil(math.log(BETA) / math.log(1 - stage.failures)))
            yield (
                ("stages", i, "requests"),
                (
                    f"the requests with `times` are {sent} together, and at least {needed} without a failure prove that no "
                    f"more than {100 * stage.failures:.4g} % fail: send more of them, or allow more `failures`"
                ),
            )
