"""Changes of version on a real API server in which every write's answer is lost; each is done once all the same.

The judge is that of tests/contract/cluster/test_lost_answers.py: as many effects as writes, as watches show them.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.qualify.clusters import Run, counted
from tests.support.lost import Lost, drawn, loses_answers
from tests.support.places import Place


@asynccontextmanager
async def _losing() -> AsyncIterator[Run[Lost]]:
    yield _one


async def _one(place: Place, lost: Lost) -> str:
    await loses_answers(place, lost)
    return lost.story if lost.back_after is None else f"{lost.story} and back"


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    """`runs` of the draws of a `seed`, some `lanes` at a time."""
    return counted(drawn(numbers["seed"]), numbers["runs"], numbers["lanes"], _losing)
