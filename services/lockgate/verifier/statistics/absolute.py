"""A verdict without production beside it: failures among dummy requests against an absolute limit, by exact tails.

One look, at the end of the budget. The bounds are those of Clopper and Pearson.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lockgate.verifier.statistics.numerics import Array, ln, text, total

Verdict = Literal["pass", "fail", "inconclusive", "unmeasurable"]
METHOD = "binomial/1"
MIN_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Counted:
    """What is judged, in full: whoever has it comes to the same verdict."""

    requests: int
    """Those that were sent and are judged together."""
    failed: int
    """Those of them that failed, or were slower than asked for."""
    limit: float
    """The share of them that is allowed to."""
    alpha: float = 0.01
    beta: float = 0.05
    must_pass_failed: int = 0
    """How many that had to pass failed after their retries; one is a fail."""
    min_requests: int = MIN_REQUESTS


@dataclass(frozen=True, slots=True)
class Judged:
    verdict: Verdict
    at_least: float
    """How likely so many failures, or more, are if the share is the limit."""
    at_most: float
    """How likely so many, or fewer, are."""
    reason: str
    counted: Counted

    @property
    def evidence(self) -> dict[str, Any]:
        """As the verdict's event carries it: numbers as decimal strings."""
        given = self.counted
        return {
            "method": METHOD,
            "requests": str(given.requests),
            "failed": str(given.failed),
            "limit": repr(given.limit),
            "alpha": repr(given.alpha),
            "beta": repr(given.beta),
            "mustPassFailed": str(given.must_pass_failed),
            "minRequests": str(given.min_requests),
            "atLeast": text(self.at_least),
            "atMost": text(self.at_most),
        }


def judge(  # noqa: PLR0917  # the rule has six numbers
    requests: int,
    failed: int,
    limit: float,
    alpha: float = 0.01,
    beta: float = 0.05,
    must_pass_failed: int = 0,
    min_requests: int = MIN_REQUESTS,
) -> Verdict:
    """The verdict of `judged` alone."""
    return judged(Counted(requests, failed, limit, alpha, beta, must_pass_failed, min_requests)).verdict


def judged(given: Counted) -> Judged:
    """ValueError if the numbers are no counts or the limit is not between 0 and 1."""
    n, x = given.requests, given.failed
    if not 0 <= x <= n or not 0 < given.limit < 1:
        raise ValueError(f"expected 0 <= failed <= requests and 0 < limit < 1, got {x}, {n}, {given.limit!r}")
    law = binomial(n, given.limit)
    above, below = float(total(np.sort(law[x:]))), float(total(np.sort(law[: x + 1])))
    verdict = _verdict(given, above, below)
    return Judged(verdict, above, below, _reason(verdict, given), given)


def _verdict(given: Counted, above: float, below: float) -> Verdict:
    if given.must_pass_failed:
        return "fail"
    if given.requests < given.min_requests:
        return "unmeasurable"
    if above <= given.alpha:
        return "fail"
    return "pass" if below <= given.beta else "inconclusive"


def _reason(verdict: Verdict, given: Counted) -> str:
    found = f"{given.failed} of {given.requests} requests failed, and {100 * given.limit:.4g} % of them may"
    match verdict:
        case "fail" if given.must_pass_failed:
            return f"{given.must_pass_failed} of the requests that have to pass did not."
        case "fail":
            return f"{found}: that is too many to be chance."
        case "pass":
            return f"{found}: that is few enough to be sure."
        case "inconclusive":
            return f"{found}: that is neither too many nor few enough; {enough(given)} without a failure would be."
        case "unmeasurable":
            return f"Only {given.requests} requests were sent, and at least {given.min_requests} are needed."


def enough(given: Counted) -> int:
    """So many requests without a failure are a pass."""
    needed = int(np.ceil(ln(given.beta) / ln(1.0 - given.limit)))
    return max(needed, given.min_requests)


def binomial(n: int, p: float) -> Array:
    """The chances of 0...n of n: by recurrence from the mode, and summed from the smallest on."""
    mode = min(int((n + 1) * p), n)
    odds = p / (1.0 - p)
    k = np.arange(mode, n).astype(float)
    above = np.multiply.accumulate((n - k) / (k + 1.0) * odds)
    k = np.arange(mode, 0, -1).astype(float)
    below = np.multiply.accumulate(k / (n - k + 1.0) / odds)
    law = np.concatenate((below[::-1], [1.0], above))
    return np.asarray(law / total(np.sort(law)))
