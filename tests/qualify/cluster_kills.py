"""kill -9 of a deployer on a real API server before every write of every step of every strategy, going on and going back.

The judge is that of tests/contract/cluster/test_kills.py: pods and shares as watches show them, and the state at the end.
"""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.qualify.clusters import Run, counted
from tests.support.killed import Kill, every, survives
from tests.support.places import Place


@asynccontextmanager
async def _killing() -> AsyncIterator[Run[Kill]]:
    yield _one


async def _one(place: Place, kill: Kill) -> str | None:
    killed = await survives(place, kill)
    return f"{kill.story}, {kill.granted}, before {killed}" if killed is not None else None


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    """All of them, or those `from` a number on and at most `runs` that count."""
    draws = itertools.islice(every(), numbers["from"], None)
    return counted(draws, numbers["runs"], numbers["lanes"], _killing)
