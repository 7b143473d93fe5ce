"""How many requests somebody may send: a bucket that fills steadily and is emptied by one with each request. Pure.

Time is an argument: seconds of any clock that never goes back.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple


class Bucket(NamedTuple):
    """What was in it at a time."""

    level: float
    at: float


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` requests for ever, `burst` of them at once."""

    per_second: float
    burst: float


def taken(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, int]:
    """The bucket after one request, and after how many seconds to try again: 0 if this one is let in."""
    before = rate.burst if bucket is None else bucket.level + (now - bucket.at) * rate.per_second
    level = min(rate.burst, before)
    if level >= 1:
        return Bucket(level - 1, now), 0
    return Bucket(level, now), math.ceil((1 - level) / rate.per_second)


class Limiter:
    """The buckets of all that asked lately, at most `most` of them: whoever was silent longest is forgotten first."""

    def __init__(self, rate: Rate, most: int = 10_000) -> None:
        self._rate = rate
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, who: str, now: float) -> int:
        """After how many seconds to try again; 0 if this request is let in."""
        bucket, wait = taken(self._buckets.get(who), self._rate, now)
        self._buckets[who] = bucket
        self._buckets.move_to_end(who)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return wait
