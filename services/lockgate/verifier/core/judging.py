"""The verdict so far of one region's verification, or of a wave's, from what their measuring has reported and from nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from lockgate.verifier.core.rows import PartRow
from lockgate.verifier.core.terms import Terms
from lockgate.verifier.statistics import alone, alone_record
from lockgate.verifier.statistics.control import Control
from lockgate.verifier.statistics.measured import Block
from lockgate.verifier.statistics.record import load_block, load_setup
from lockgate.verifier.statistics.regions import Regions
from lockgate.verifier.statistics.verification import Verification, joined


@dataclass(frozen=True, slots=True)
class Judged:
    result: dict[str, Any] | None
    """The verdict with its reason and its evidence; None while nothing is proven."""
    idle: bool = False
    """There was nothing to compare in the latest scrapes."""
    through: tuple[str, ...] = ()
    """Of a wave that is decided: the regions that are shown to be within the margins."""


def judged(terms: Terms, parts: Sequence[PartRow], digest: str) -> Judged:
    """`digest`: of the samples, if a verdict is reached with the last part."""
    return _beside(parts, digest) if terms.beside else _before(parts, digest)


def judged_together(
    terms: Terms,
    region: str,
    parts: Mapping[str, Sequence[PartRow]],
    digests: Mapping[str, str],
    alpha: float,
) -> Judged:
    """The verdict on all regions of a wave, of which `region` was told more. `parts`: of those of which anything was told;
    `digests`: of the samples of those whose own comparison is decided; `alpha`: of all.
    """
    runs = {name: Verification(load_setup(told[0].settled or {})) for name, told in parts.items()}
    together = Regions(alpha, runs, Control(terms.control, _astray(parts)), len(terms.regions))
    together.judge({name: _block(run, parts[name]) for name, run in runs.items()})
    if together.outcome.verdict == "running":
        return Judged(None, idle=_is_idle(runs[region]))
    return Judged(together.result({**dict.fromkeys(runs, ""), **digests}), through=together.through)


def _astray(parts: Mapping[str, Sequence[PartRow]]) -> dict[str, int]:
    """The regions without the release that went astray, by the first scrape with which any of the others says so."""
    found: dict[str, int] = {}
    for part in chain.from_iterable(parts.values()):
        for name, at in part.told.get("astray", {}).items():
            found[name] = min(at, found.get(name, at))
    return found


def _beside(parts: Sequence[PartRow], digest: str) -> Judged:
    run = Verification(load_setup(parts[0].settled or {}))
    outcome = run.judge(_block(run, parts))
    return (
        Judged(None, idle=_is_idle(run))
        if outcome.verdict == "running"
        else Judged(run.result(outcome, digest))
    )


def _block(run: Verification, parts: Sequence[PartRow]) -> Block:
    return joined([load_block(run.setup, part.told, part.first) for part in parts])


def _is_idle(run: Verification) -> bool:
    return run.outcome.at - run.deciding.last - 1 >= run.setup.policy.stale


def _before(parts: Sequence[PartRow], digest: str) -> Judged:
    measured = alone_record.load(parts[0].settled or {}, [part.told for part in parts])
    if alone.judge(measured).verdict != "running":
        return Judged(alone_record.result(measured, digest))
    stale, requests = measured.policy.stale, measured.requests
    return Judged(None, idle=len(requests) >= stale and not (requests[-stale:] > 0).any())
