"""What the plan's requests say of a version: each that is sent once has to be answered as expected, and those that are
sent several times are judged together, by exact bounds of the share that may fail.

Who did not come to be heard says nothing of the version: that is unmeasurable. Who was not sent for want of time is a fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from lockgate.messages.deployments import ProbeResult
from lockgate.messages.plan_parts import Request
from lockgate.messages.verdicts import Outcome
from lockgate.verifier.statistics.absolute import Counted, judged


@dataclass(frozen=True, slots=True)
class Bounds:
    """How those are judged that are sent several times."""

    failures: float
    alpha: float


@dataclass(frozen=True, slots=True)
class Heard:
    outcome: Outcome
    reason: str
    numbers: dict[str, Any] | None = None
    """What the bounds were asked with, and what they came to."""


def heard(requests: Sequence[Request], results: tuple[ProbeResult, ...], bounds: Bounds) -> Heard:
    """What one region's results come to."""
    if (problem := first_problem(requests, results)) is not None:
        return Heard(Outcome.FAIL, problem)
    counted = _counted(requests, results, bounds)
    if counted is not None and counted.outcome is Outcome.FAIL:
        return counted
    for place, (request, result) in enumerate(zip(requests, results, strict=True), start=1):
        if result.sent < request.times:
            outcome = Outcome.UNMEASURABLE if result.hindered else Outcome.FAIL
            numbers = counted.numbers if counted is not None else None
            text = (
                f"{_named(requests, place)} was sent {result.sent} of {request.times} times. {result.reason}"
            )
            return Heard(outcome, text, numbers)
    return counted or Heard(Outcome.PASS, "each request was answered as the plan expects.")


def _counted(requests: Sequence[Request], results: tuple[ProbeResult, ...], bounds: Bounds) -> Heard | None:
    """Those that are sent several times, together; None if there are none."""
    several = [
        (min(result.sent, request.times), result.failed)
        for request, result in zip(requests, results, strict=True)
        if request.times > 1
    ]
    if not several:
        return None
    sent, failed = sum(sent for sent, _ in several), sum(min(failed, sent) for sent, failed in several)
    verdict = judged(Counted(sent, failed, bounds.failures, alpha=bounds.alpha))
    return Heard(Outcome(verdict.verdict), verdict.reason, verdict.evidence)


def first_problem(requests: Sequence[Request], results: tuple[ProbeResult, ...]) -> str | None:
    """What is wrong with the first request that has to be answered as the plan expects; None if none is.

    One that the cluster did not pass on is no problem of the version's.
    """
    for place, (request, result) in enumerate(zip_longest(requests, results), start=1):
        if request is None:
            return f"{len(results)} requests were answered, but the plan has {len(requests)}."
        named = _named(requests, place)
        if result is None:
            return f"{named} was not sent."
        if request.times > 1 or (result.hindered and not result.sent):
            continue
        if not result.passed or result.status != request.expect.status:
            answer = "was not answered" if result.status is None else f"answered {result.status}"
            return f"{named} {answer}; expected {request.expect.status}. {result.reason}"
    return None


def _named(requests: Sequence[Request], place: int) -> str:
    request = requests[place - 1]
    return f"the request {place} of {len(requests)} ({request.method} {request.path})"


def evidence_of(results: tuple[ProbeResult, ...], characters: int) -> dict[str, Any]:
    """The answers, failed ones first, as many as fit; what was left out is counted."""
    kept: list[list[Any]] = []
    for result in sorted(results, key=lambda result: result.passed):
        line = [
            result.method,
            result.path[:200],
            result.expected,
            result.status,
            round(result.seconds, 6),
            result.passed,
        ]
        characters -= len(str(line)) + 8
        if characters < 0:
            break
        kept.append(line)
    return {
        "sent": len(results),
        "passed": sum(result.passed for result in results),
        "columns": ["method", "path", "expected", "status", "seconds", "passed"],
        "results": kept,
        "leftOut": len(results) - len(kept),
    }
