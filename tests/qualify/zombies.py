"""Deployers on a real API server that stop right before a write, and wake when something newer was done.

The judge is that of tests/contract/cluster/test_late.py: what watches show after the moment of waking.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from tests.qualify.clusters import Run, counted
from tests.support.late import Late, comes_late, drawn
from tests.support.places import Place
from tests.support.zombie import Zombie, zombie


@asynccontextmanager
async def _late_ones() -> AsyncIterator[Run[Late]]:
    async with zombie() as sleeper:
        yield partial(_late, sleeper)


async def _late(sleeper: Zombie, place: Place, late: Late) -> str | None:
    stopped = await comes_late(place, sleeper, late)
    return f"{stopped}, by then {late.newer}" if stopped is not None else None


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    """`runs` of the draws of a `seed`, some `lanes` at a time."""
    return counted(drawn(numbers["seed"]), numbers["runs"], numbers["lanes"], _late_ones)
