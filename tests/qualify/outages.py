"""The broker, PostgreSQL, the verifier and the coordinator, each away for ten minutes in the middle of two releases.

One release is good and is being deployed, the other is being taken back; every deadline is far shorter than the
outage. The judge is that of tests/faults/test_outages.py: tests/support/outages.py.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lockgate.embedded import Kafka
from tests.qualify.progress import say
from tests.support.outages import Underway, away, broker, database, immediate, lasts
from tests.support.whole import Whole, opened

Outage = Callable[[Whole, float], Awaitable[float]]
"""Lasts for so many seconds; returns when it was over, by the machine's monotonic clock."""


async def _without_broker(whole: Whole, seconds: float) -> float:
    return await away(broker(whole), Kafka.kill, seconds)


async def _without_database(whole: Whole, seconds: float) -> float:
    return await away(database(whole), immediate, seconds)


def _without(service: str) -> Outage:
    async def outage(whole: Whole, seconds: float) -> float:
        await whole.kill(service)
        await lasts(seconds)
        began = time.monotonic()
        await whole.restart(service)
        return began

    return outage


OUTAGES: dict[str, Outage] = {
    "broker": _without_broker,
    "postgres": _without_database,
    "verifier": _without("verifier"),
    "coordinator": _without("rollback"),
}


async def qualify(seconds: float) -> dict[str, Any]:
    """Each outage once, on one system. `settled` are seconds from the return until both releases had ended."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # our clients miss the broker, too
    settled: dict[str, float] = {}
    violations: list[str] = []
    async with opened(None) as whole:
        for what, outage in OUTAGES.items():
            try:
                releases = await Underway.begun(whole, f"without-{what}")
                settled[what] = round(await releases.settles(await outage(whole, seconds)), 1)
                violations += [f"{what}: {sentence}" for sentence in await releases.wrong()]
            except (AssertionError, TimeoutError) as error:
                violations.append(f"{what}: {error}"[:2000])
            await whole.mend()
            say(f"{what} was away for {seconds:.0f} s: settled in {settled.get(what)} s")
    return {"away_seconds": seconds, "settled_seconds": settled, "violations": violations}


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    return asyncio.run(qualify(numbers["seconds"]))
