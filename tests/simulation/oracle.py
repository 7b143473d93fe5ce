"""In place of the statistics: what was measured says itself which verdict it comes to, so that a seed takes no second.

The verifier's core keeps, orders and joins the reports as ever; only what it asks of `verifier.statistics` is answered
here. With `samples` the real statistics judge; a test runs some seeds so.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any, Self
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
        self._of = _Of.order(order)

    def counted(self, run: str, first: int, end: int) -> tuple[Counted, bool]:
        told = {"kind": self._kind.value, "first": first, "end": end}
        settled = self._policy if first == 0 else None
        over = _verdict(self._policy, told, self._of) is not None
        digest = "0" * 64 if over and self._of is _Of.WAVE else None
        return Counted(run=run, first=first, end=end, settled=settled, told=told, digest=digest), over


def judged(terms: Terms, parts: Sequence[PartRow], digest: str) -> Judged:
    """What the core asks the oracle instead of the statistics."""
    told = [part.told for part in parts]
    firsts, ends = [part["first"] for part in told], [part["end"] for part in told]
    if firsts[1:] != ends[:-1]:
        raise ValueError(f"the parts of a verification do not follow each other: {told}")
    verdict = _verdict(parts[0].settled or {}, told[-1], _Of.terms(terms))
    if verdict is None:
        return Judged(None)
    evidence = {"scrapes": ends[-1], "samples": digest}
    reason = f"It is {verdict} after {ends[-1]} scrapes."
    return Judged({"verdict": verdict, "reason": reason, "evidence": evidence})


def judged_together(
    terms: Terms,
    region: str,
    parts: Mapping[str, Sequence[PartRow]],
    digests: Mapping[str, str],
    alpha: float,
) -> Judged:
    """Of all regions of a wave: the worst of what is said of each, once it is said of all; a fail at once."""
    said = {name: judged(terms, told, digests.get(name, "")).result for name, told in parts.items()}
    verdicts = {name: None if result is None else result["verdict"] for name, result in said.items()}
    guilty = [name for name, verdict in verdicts.items() if verdict == "fail"]
    if not guilty and (len(verdicts) < len(terms.regions) or None in verdicts.values()):
        return Judged(None)
    worst = next(one for one in ("fail", "inconclusive", "pass") if one in verdicts.values())
    evidence = {"alpha": f"{alpha:.6f}", "told": sorted(verdicts), "last": region}
    reason = f"It is {worst}."
    through = tuple(name for name, verdict in verdicts.items() if verdict == "pass")
    return Judged(
        {"verdict": worst, "reason": reason, "guilty": guilty, "evidence": evidence}, through=through
    )


class _Of(Enum):
    """What a verdict is of."""

    CLONE = auto()
    WAVE = auto()
    WATCH = auto()

    @classmethod
    def order(cls, order: Measure) -> Self:
        return cls.WAVE if order.control else cls.CLONE if order.began is None else cls.WATCH

    @classmethod
    def terms(cls, terms: Terms) -> Self:
        return cls.WAVE if terms.control else cls.CLONE if terms.beside else cls.WATCH


def _verdict(policy: dict[str, Any], told: dict[str, Any], of: _Of) -> str | None:
    """A good version passes beside something else after its soak time, and a watch at its end; a bad one fails soon; anything
    else is undecided.
    """
    end, kind = told["end"], Kind(told["kind"])
    worse = kind is Kind.BAD_PILOT or (kind is Kind.BAD_WATCH and of is not _Of.CLONE)
    if worse:
        return "fail" if end >= _BAD_AFTER else None
    if kind is Kind.UNDECIDED:
        return "inconclusive" if end >= policy["deadline"] else None
    return "pass" if end >= policy["deadline" if of is _Of.WATCH else "soak"] else None


@contextmanager
def judging() -> Iterator[None]:
    """The verifier's core asks the oracle."""
    with (
        patch.object(verifying, "judged", judged),
        patch.object(verifying, "judged_together", judged_together),
    ):
        yield
