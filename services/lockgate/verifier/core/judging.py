"""The verdict so far of one region's verification, from what its measuring has reported and from nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.verifier.core.rows import PartRow
from lockgate.verifier.core.terms import Terms
from lockgate.verifier.statistics import alone, alone_record
from lockgate.verifier.statistics.record import load_block, load_setup
from lockgate.verifier.statistics.verification import Verification, joined


@dataclass(frozen=True, slots=True)
class Judged:
    result: dict[str, Any] | None
    """The verdict with its reason and its evidence; None while nothing is proven."""
    idle: bool = False
    """There was nothing to compare in the latest scrapes."""


def judged(terms: Terms, parts: Sequence[PartRow], digest: str) -> Judged:
    """`digest`: of the samples, if a verdict is reached with the last part."""
    return _beside(parts, digest) if terms.beside else _before(parts, digest)


def _beside(parts: Sequence[PartRow], digest: str) -> Judged:
    setup = load_setup(parts[0].settled or {})
    run = Verification(setup)
    outcome = run.judge(joined([load_block(setup, part.told, part.first) for part in parts]))
    if outcome.verdict != "running":
        return Judged(run.result(outcome, digest))
    return Judged(None, idle=outcome.at - run.deciding.last - 1 >= setup.policy.stale)


def _before(parts: Sequence[PartRow], digest: str) -> Judged:
    measured = alone_record.load(parts[0].settled or {}, [part.told for part in parts])
    if alone.judge(measured).verdict != "running":
        return Judged(alone_record.result(measured, digest))
    stale, requests = measured.policy.stale, measured.requests
    return Judged(None, idle=len(requests) >= stale and not (requests[-stale:] > 0).any())
