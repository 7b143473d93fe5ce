"""The answer of every write is lost: a deployer finds what it did, and does nothing twice."""

import pytest

from tests.support.lost import Lost, loses_answers
from tests.support.places import Place


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(Lost("rolling"), id="rolling"),
        pytest.param(Lost("rolling", back_after=1, half=True), id="rolling and back"),
        pytest.param(Lost("pilot", half=True), id="pilot"),
        pytest.param(Lost("pilot", back_after=1), id="pilot and back"),
        pytest.param(Lost("pilot", routed=False), id="pilot without a route"),
        pytest.param(Lost("canary"), id="canary"),
        pytest.param(Lost("canary", routed=False, back_after=2), id="canary without a route and back"),
        pytest.param(Lost("blue-green"), id="blue-green"),
        pytest.param(Lost("blue-green", back_after=2, half=True), id="blue-green and back"),
        pytest.param(Lost("blue-green", routed=False, half=True), id="blue-green without a route"),
    ],
)
async def test_every_write_is_done_once(place: Place, lost: Lost) -> None:
    assert await loses_answers(place, lost) >= 2
