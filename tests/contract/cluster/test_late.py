"""Deployers that stop right before a write and wake when something newer is done: nothing of theirs is done any more."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.late import Late, comes_late
from tests.support.places import Place
from tests.support.zombie import Zombie
from tests.support.zombie import zombie as started_zombie


@pytest_asyncio.fixture(scope="module")
async def zombie() -> AsyncIterator[Zombie]:
    async with started_zombie() as started:
        yield started


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(Late("rolling", 0, "release", "patch Deployment", 1), id="adoption, by then a release"),
        pytest.param(Late("rolling", 0, "release", "patch Deployment", 2), id="image, by then a release"),
        pytest.param(Late("rolling", 0, "turn", "patch Deployment", 2), id="image, by then taken back"),
        pytest.param(Late("rolling", 1, "pilot", "patch Deployment", 1), id="way back, by then a pilot"),
        pytest.param(Late("pilot", 0, "release", "create Deployment"), id="clone, by then a release"),
        pytest.param(Late("pilot", 0, "turn", "patch HTTPRoute", 3), id="share, by then taken back"),
        pytest.param(
            Late("canary", 1, "retry", "patch HTTPRoute", 2), id="more share, by then granted again"
        ),
        pytest.param(Late("pilot", 1, "pilot", "delete Deployment"), id="deletion, by then another pilot"),
        pytest.param(
            Late("pilot", 1, "turn", "delete Service"), id="deletion of a Service, by then taken back"
        ),
        pytest.param(
            Late("blue-green", 1, "turn", "patch Service", 2, routed=False), id="switch, by then taken back"
        ),
    ],
)
async def test_what_was_about_to_be_written_is_not_written_later(
    place: Place, zombie: Zombie, late: Late
) -> None:
    stopped = await comes_late(place, zombie, late)
    assert stopped == late.before
