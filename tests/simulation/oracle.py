"""In place of the statistics: what was measured says itself which verdict it comes to, so that a seed takes no second.

The verifier's core keeps, orders and joins the reports as ever; only what it asks of `verifier.statistics` is answered
here. With `samples` the real statistics judge; a test runs some seeds so.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from lockgate.verifier.core import verifying
from lockgate.verifier.core.measure import Counted, Measure
from tests.simulation.artifacts import Kind

_BAD_AFTER = 3
"""Scrapes in which a bad pilot shows."""


class Oracle:
    """What is measured: the kind of the version."""

    def __init__(self, kind: Kind, order: Measure) -> None:
        self._kind = kind
        self._policy = order.policy

    def counted(self, run: str, first: int, end: int) -> tuple[Counted, bool]:
        told = {"kind": self._kind.value, "first": first, "end": end}
        settled = self._policy if first == 0 else None
        over = Judge(_setup(self._policy)).judge([told]).verdict != "running"
        return Counted(run=run, first=first, end=end, settled=settled, told=told), over


@dataclass(frozen=True, slots=True)
class Judged:
    verdict: str
    at: int


class Judge:
    """What stands for `Verification`: good passes after its soak time, bad fails soon, anything else is undecided."""

    def __init__(self, setup: SimpleNamespace) -> None:
        self.policy = setup.policy
        self.deciding = SimpleNamespace(last=0)

    def judge(self, told: Sequence[dict[str, Any]]) -> Judged:
        firsts, ends = [part["first"] for part in told], [part["end"] for part in told]
        if firsts[1:] != ends[:-1]:
            raise ValueError(f"the parts of a verification do not follow each other: {told}")
        end, kind = ends[-1], Kind(told[-1]["kind"])
        self.deciding.last = end - 1
        return Judged(self._verdict(kind, end), end)

    def _verdict(self, kind: Kind, end: int) -> str:
        match kind:
            case Kind.BAD_PILOT if end >= _BAD_AFTER:
                return "fail"
            case Kind.UNDECIDED if end >= self.policy.deadline:
                return "inconclusive"
            case Kind.BAD_PILOT | Kind.UNDECIDED:
                return "running"
            case _:
                return "pass" if end >= self.policy.soak else "running"

    def result(self, judged: Judged, digest: str) -> dict[str, Any]:
        return {
            "verdict": judged.verdict,
            "reason": f"It is {judged.verdict} after {judged.at} scrapes.",
            "evidence": {"scrapes": judged.at, "samples": digest},
        }


def _setup(policy: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(policy=SimpleNamespace(**policy))


@contextmanager
def judging() -> Iterator[None]:
    """The verifier's core asks the oracle."""
    with patch.multiple(
        verifying,
        Verification=Judge,
        load_setup=_setup,
        load_block=lambda _setup, told, _first: told,
        joined=list,
    ):
        yield
