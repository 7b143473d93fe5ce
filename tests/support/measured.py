"""What the measuring of a pilot reports, made of samples that are the same in every scrape."""

from hashlib import sha256
from typing import Any

from lockgate.verifier.core.measure import Measure
from lockgate.verifier.statistics.evidence import canonical, parse
from lockgate.verifier.statistics.record import settled, told
from lockgate.verifier.statistics.verification import Verification
from tests.support.verification import PILOT_PER_SCRAPE, cut, pod, steady

Pilot = dict[str, Any]
"""Counted in each scrape, as in `tests.support.verification`."""

BAD: Pilot = {"requests": 300, "errors": 60, "buckets": [3, 180, 285, 300]}
SLOW: Pilot = {"requests": 300, "errors": 3, "buckets": [3, 60, 180, 300]}
NONE: Pilot = {"requests": 0, "errors": 0, "buckets": [0, 0, 0, 0]}


def report(
    order: dict[str, Any],
    end: int,
    first: int = 0,
    run: str = "run-1",
    pilot: Pilot = PILOT_PER_SCRAPE,
) -> dict[str, Any]:
    """Of the scrapes from `first` to before `end`, by the same rules as the real work."""
    given = Measure.model_validate(order)
    evidence = steady(end, policy=given.policy)
    evidence["pods"] = [one for one in evidence["pods"] if one["arm"] == "baseline"]
    evidence["pods"].append(pod("p-0", "pilot", pilot, len(evidence["weight"])))
    whole = parse(evidence)
    verification = Verification.of(whole)
    if first:
        verification.fold(parse(cut(evidence, first)))
    outcome = verification.fold(whole)
    over = outcome.verdict != "running"
    return {
        "outcome": "counted",
        "run": run,
        "first": first,
        "end": end,
        "settled": settled(verification.setup) if first == 0 else None,
        "told": told(verification.setup, verification.blocks[-1]),
        "digest": sha256(canonical(evidence, whole.start + outcome.at)).hexdigest() if over else None,
    }


DARK: dict[str, Any] = {"outcome": "unavailable", "reason": "connection refused"}
BLIND = {**DARK, "too_long": True}
"""For longer than the plan allows."""


def nothing(order: dict[str, Any], end: int) -> dict[str, Any]:
    """Of scrapes in which both arms were scraped, and had nothing that could be compared."""
    gone = report(order, end)
    for column in ("t", "left"):
        gone["told"][column] = []
    for name in ("n", "pods", "share", "kappa", "psi0", "tol", "ratio", "absolute", "margin"):
        gone["told"][name] = [[] for _ in gone["told"][name]]
    gone["told"]["events"] = [[[], []] for _ in gone["told"]["events"]]
    return gone
