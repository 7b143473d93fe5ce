"""Turns of two things that are timed one after the other again and again, and their percentiles."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator

from tests.bench.figures import Figure

WARM = 20
Turn = Callable[[int], Awaitable[None]]
"""Does it once and returns when it is over. It is told how often it was done before."""


async def interleaved(
    turns: int, ours: Turn, raw: Turn, *, pace: float = 0.0
) -> tuple[list[float], list[float]]:
    """Milliseconds of each turn of both, in alternation, so that a busy machine is busy for both.

    `pace` seconds lie between the beginnings of two turns, if they are not longer themselves.
    """
    times: tuple[list[float], list[float]] = ([], [])
    due = time.perf_counter()
    for turn in range(turns):
        for timed, action in zip(times, (ours, raw), strict=True):
            due = max(due + pace, time.perf_counter())
            await asyncio.sleep(due - time.perf_counter())
            began = time.perf_counter()
            await action(turn)
            timed.append((time.perf_counter() - began) * 1000)
    return times


def percentiles(name: str, ours: list[float], raw: list[float]) -> Iterator[Figure]:
    """p50 and p99 in milliseconds with those of the raw baseline beside them."""
    for percent in (50, 99):
        mine, base = (
            statistics.quantiles(times, n=100, method="inclusive")[percent - 1] for times in (ours, raw)
        )
        yield Figure(f"{name}-p{percent}", mine, "ms", base)
