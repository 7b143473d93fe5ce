"""How many requests somebody may send, and how much of the door's memory and connections is whose. Pure.

Requests are counted by a bucket that fills steadily and is emptied by one with each request.

Time is an argument: seconds of any clock that never goes back.
"""

import math
from collections import Counter, OrderedDict
from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Bounds:
    """What all may have of the door at the same moment. Whoever is not known yet has only a part of it."""

    held: int = 64 << 20
    """Bytes of the bodies that are read or published, so that memory has a bound."""
    unverified: int = 16 << 20
    """Of these, what came before a signature was verified."""
    unverified_each: int = 4 << 20
    """Of these, what came from one address."""
    connections: int = 1000

    @property
    def connections_each(self) -> int:
        """From one address."""
        return max(1, self.connections // 4)


def bounded(bounds: Bounds, files: int) -> Bounds:
    """With no more connections than half of the files that may be open; -1 is no limit. The rest is for Kafka and the log."""
    most = bounds.connections if files < 0 else min(bounds.connections, files // 2)
    return replace(bounds, connections=max(1, most))


class Held:
    """Who holds how many bytes at the moment."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._all = 0
        self._unverified = 0
        self._of: Counter[str] = Counter()

    def take(self, size: int, stranger: str | None) -> bool:
        """Whether there is room for more bytes; if so they are held. `stranger` is an address, None for who is known."""
        bounds = self._bounds
        if self._all + size > bounds.held:
            return False
        if stranger is not None:
            if (
                self._unverified + size > bounds.unverified
                or self._of[stranger] + size > bounds.unverified_each
            ):
                return False
            self._unverified += size
            self._of[stranger] += size
        self._all += size
        return True

    def known(self, size: int, stranger: str) -> None:
        """What a stranger held is somebody's now who is known."""
        self._unverified -= size
        self._of[stranger] -= size
        if not self._of[stranger]:
            del self._of[stranger]

    def give_back(self, size: int) -> None:
        self._all -= size


class Hold:
    """What one request holds: charged as it arrives, since what it says of its size costs it nothing."""

    def __init__(self, held: Held, stranger: str | None) -> None:
        self._held = held
        self._stranger = stranger
        self._size = 0

    def more(self, size: int) -> bool:
        """Whether there is room for so many bytes more."""
        if not self._held.take(size, self._stranger):
            return False
        self._size += size
        return True

    def known(self) -> None:
        """The signature was verified."""
        if self._stranger is not None:
            self._held.known(self._size, self._stranger)
            self._stranger = None

    def end(self) -> None:
        self.known()
        self._held.give_back(self._size)
        self._size = 0


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
