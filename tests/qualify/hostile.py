"""Records of a fuzzer that knows the structure, among good ones, on every topic that the services of a whole system read.

A run has servers of its own. It says what it found wrong; times are judged as well, so the machine should be quiet.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from tests.support.hostile_fuzz import fuzzed
from tests.support.hostile_story import Size, hostile_run
from tests.support.whole import opened

GOOD_A_SECOND = 25.0
HOSTILE_A_SECOND = 100.0
ALONE = 2500
ROUNDS = 20
MOST_SLOWER = 2.0
"""The p99 of good announcements among hostile records, as a multiple of what it is without them."""


async def qualify(records: int, seed: int) -> dict[str, Any]:
    """So many hostile records; figures and violations."""
    load = os.getloadavg()[0]
    mixed = round(records / HOSTILE_A_SECOND * GOOD_A_SECOND)
    size = Size(ALONE, mixed, GOOD_A_SECOND, records, patience=300.0, rounds=ROUNDS)
    async with opened(None, tolerant=True) as whole:
        outcome = await hostile_run(whole, size, seed, fuzzed)
    violations = list(outcome.wrong)
    if outcome.figures["p99_ratio"] > MOST_SLOWER:
        violations.append(
            f"the p99 of good announcements is {outcome.figures['p99_ratio']} times as long among hostile records; "
            f"at most {MOST_SLOWER} is allowed (the machine had a load of {load:.1f} before the run)"
        )
    return {"seed": seed, "load_before": round(load, 1), **outcome.figures, "violations": violations}


def measure(arguments: Mapping[str, int]) -> dict[str, Any]:
    return asyncio.run(qualify(arguments["records"], arguments["seed"]))
