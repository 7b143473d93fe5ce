"""In place of the statistics: what was measured says itself which verdict it comes to, so that a seed takes no second.

The verifier's core keeps, orders and joins the reports as ever; only what it asks of `verifier.statistics` is answered
here. With `samples` the real statistics judge; a test runs some seeds so.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from lockgate.verifier.core import verifying
from lockgate.verifier.core.judging import Judged
from lockgate.verifier.core.measure import Counted, Measure
from lockgate.verifier.core.rows import PartRow
from lockgate.verifier.core.terms import Terms
from tests.simulation.artifacts import Kind

_BAD_AFTER = 3
"""Scrapes in which a bad version shows."""


class Oracle:
    """What is measured: the kind of the version."""

    def __init__(self, kind: Kind, order: Measure) -> None:
        self._kind = kind
        self._policy = order.policy
        self._beside = order.began is None

    def counted(self, run: str, first: int, end: int) -> tuple[Counted, bool]:
        told = {"kind": self._kind.value, "first": first, "end": end}
        settled = self._policy if first == 0 else None
        over = _verdict(self._policy, told, beside=self._beside) is not None
        return Counted(run=run, first=first, end=end, settled=settled, told=told), over


def judged(terms: Terms, parts: Sequence[PartRow], digest: str) -> Judged:
    """What the core asks the oracle instead of the statistics."""
    told = [part.told for part in parts]
    firsts, ends = [part["first"] for part in told], [part["end"] for part in told]
    if firsts[1:] != ends[:-1]:
        raise ValueError(f"the parts of a verification do not follow each other: {told}")
    verdict = _verdict(parts[0].settled or {}, told[-1], beside=terms.beside)
    if verdict is None:
        return Judged(None)
    evidence = {"scrapes": ends[-1], "samples": digest}
    reason = f"It is {verdict} after {ends[-1]} scrapes."
    return Judged({"verdict": verdict, "reason": reason, "evidence": evidence})


def _verdict(policy: dict[str, Any], told: dict[str, Any], *, beside: bool) -> str | None:
    """A good version passes beside production after its soak time, and a watch at its end; a bad one fails soon; anything
    else is undecided.
    """
    end, kind = told["end"], Kind(told["kind"])
    worse = kind is Kind.BAD_PILOT or (kind is Kind.BAD_WATCH and not beside)
    if worse:
        return "fail" if end >= _BAD_AFTER else None
    if kind is Kind.UNDECIDED:
        return "inconclusive" if end >= policy["deadline"] else None
    return "pass" if end >= policy["soak" if beside else "deadline"] else None


@contextmanager
def judging() -> Iterator[None]:
    """The verifier's core asks the oracle."""
    with patch.object(verifying, "judged", judged):
        yield
