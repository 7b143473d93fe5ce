"""A verdict without production beside it: failures among dummy requests against an absolute limit, by exact tails.

One look, at the end of the budget. The bounds are those of Clopper and Pearson.
"""

from typing import Literal

import numpy as np

from lockgate.verifier.statistics.numerics import Array, total

Verdict = Literal["pass", "fail", "inconclusive", "unmeasurable"]
MIN_REQUESTS = 20


def judge(  # noqa: PLR0917  # the rule has six numbers
    requests: int,
    failed: int,
    limit: float,
    alpha: float = 0.01,
    beta: float = 0.05,
    must_pass_failed: int = 0,
    min_requests: int = MIN_REQUESTS,
) -> Verdict:
    """`failed` of `requests` failed, or were slower than asked for, where a share of `limit` is allowed.

    `must_pass_failed`: how many that had to pass failed after their retries; one is a fail. ValueError if the
    numbers are no counts or `limit` is not between 0 and 1.
    """
    if not 0 <= failed <= requests or not 0 < limit < 1:
        raise ValueError(
            f"expected 0 <= failed <= requests and 0 < limit < 1, got {failed}, {requests}, {limit!r}"
        )
    if must_pass_failed:
        return "fail"
    if requests < min_requests:
        return "unmeasurable"
    law = binomial(requests, limit)
    if float(total(np.sort(law[failed:]))) <= alpha:
        return "fail"
    return "pass" if float(total(np.sort(law[: failed + 1]))) <= beta else "inconclusive"


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
