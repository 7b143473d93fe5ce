"""kill -9 of the deployer in the middle of each strategy: what is there at the end is all new, or after an order all old."""

import pytest

from tests.support.killed import Kill, survives
from tests.support.places import Place


@pytest.mark.parametrize(
    ("kill", "about_to"),
    [
        pytest.param(Kill("rolling", 0, 2), "patch Deployment", id="rolling"),
        pytest.param(Kill("pilot", 0, 7, back=True), "patch HTTPRoute", id="pilot, and back"),
        pytest.param(Kill("canary", 1, 6), "patch HTTPRoute", id="canary"),
        pytest.param(Kill("blue-green", 1, 5, back=True), "patch HTTPRoute", id="blue-green, and back"),
    ],
)
async def test_a_deployer_killed_in_mid_step_leaves_nothing_mixed(
    place: Place, kill: Kill, about_to: str
) -> None:
    assert await survives(place, kill) == about_to
