"""Samples of a pilot and of what runs beside it, and of a region that is watched, which the real statistics judge, by the kind of version."""

import json
from functools import cache
from typing import Any

from lockgate.verifier.core.measure import Counted, Measure
from lockgate.verifier.statistics.evidence import Evidence, parse
from lockgate.verifier.statistics.record import settled, told
from lockgate.verifier.statistics.verification import Verification
from tests.simulation.artifacts import Kind
from tests.simulation.measuring import Source
from tests.support.besides import beside
from tests.support.verification import PER_SCRAPE, PILOT_PER_SCRAPE, pod, steady
from tests.support.watching import watched

MANY = 100
"""So many times the traffic of `tests.support.verification` that ten scrapes are enough to pass."""
DIGEST = "0" * 64
"""Of the samples, which nobody keeps here."""


def samples(kind: Kind, order: Measure) -> Source:
    if order.control:
        return Besides(kind, order)
    return Samples(kind, order) if order.began is None else Watched(kind, order)


class Samples:
    """Of a pilot."""

    def __init__(self, kind: Kind, order: Measure) -> None:
        self._evidence = _evidence(kind, order.scrapes, json.dumps(order.policy))
        self._verification = Verification.of(self._evidence)

    def counted(self, run: str, first: int, end: int) -> tuple[Counted, bool]:
        verification, evidence = self._verification, self._evidence
        assert verification.measuring is not None
        block = verification.measuring.fold(evidence, evidence.start + end)
        over = verification.judge(block).verdict != "running"
        said = Counted(
            run=run,
            first=first,
            end=end,
            settled=settled(verification.setup) if first == 0 else None,
            told=told(verification.setup, block),
            digest=DIGEST if over else None,
        )
        return said, over


class Watched:
    """Of a region in its watch. Of what is undecided too little is known from before."""

    def __init__(self, kind: Kind, order: Measure) -> None:
        self._order = order.model_dump(mode="json")
        self._errors = 8.0 if kind in {Kind.BAD_PILOT, Kind.BAD_WATCH} else 1.0
        self._placebos = 5 if kind is Kind.UNDECIDED else 23

    def counted(self, run: str, first: int, end: int) -> tuple[Counted, bool]:
        given = watched(self._order, end, first, run, placebos=self._placebos, errors=self._errors)
        said = Counted.model_validate(given)
        return said, said.digest is not None


class Besides:
    """Of a region of a wave."""

    def __init__(self, kind: Kind, order: Measure) -> None:
        narrow = {"err_margin": 1.06} if kind is Kind.UNDECIDED else {}
        self._order = order.model_copy(update={"policy": order.policy | narrow}).model_dump(mode="json")
        self._errors = 3.0 if kind in {Kind.BAD_PILOT, Kind.BAD_WATCH} else 1.0

    def counted(self, run: str, first: int, end: int) -> tuple[Counted, bool]:
        given = beside(self._order, end, first, run, requests=50_000, errors=self._errors)
        said = Counted.model_validate(given)
        return said, said.digest is not None


@cache
def _evidence(kind: Kind, scrapes: int, policy: str) -> Evidence:
    """Of one that is undecided there are so few requests that no margin as narrow as that can be shown."""
    undecided = kind is Kind.UNDECIDED
    narrow = {"err_margin": 1.06} if undecided else {}
    evidence = steady(scrapes, policy=json.loads(policy) | narrow)
    length, worse = len(evidence["weight"]), 40 if kind is Kind.BAD_PILOT else 1
    many = 1 if undecided else MANY
    counted = [_times(step, many, bad) for step, bad in ((PER_SCRAPE, 1), (PILOT_PER_SCRAPE, worse))]
    evidence["pods"] = [pod(f"b-{index}", "baseline", counted[0], length) for index in range(3)]
    evidence["pods"].append(pod("p-0", "pilot", counted[1], length))
    return parse(evidence)


def _times(step: dict[str, Any], many: int, worse: int) -> dict[str, Any]:
    return {
        "requests": many * step["requests"],
        "errors": many * worse * step["errors"],
        "buckets": [many * count for count in step["buckets"]],
    }
