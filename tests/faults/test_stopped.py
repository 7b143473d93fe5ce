"""A service that hangs for longer than its session while another replica takes over, and then goes on where it was."""

from pathlib import Path

import pytest

from lockgate.runtime.faults import Action, Point
from tests.support.audit import Expected, audit
from tests.support.crashes import PATIENCE, Crashes
from tests.support.eventually import eventually
from tests.support.plans import REST, watch, wave
from tests.support.whole import Whole


@pytest.mark.ci
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("service", "point", "nth"),
    [
        pytest.param("intake", Point.SENT, 1, id="intake, which has sent and not marked it"),
        pytest.param("verifier", Point.BEFORE_COMMIT, 1, id="the verifier, about to commit"),
        pytest.param("verifier", Point.AFTER_COMMIT, 1, id="the verifier, about to publish"),
        pytest.param("deployer-eu", Point.WORK_CLAIMED, 4, id="a deployer, about to write to its cluster"),
    ],
)
async def test_what_hung_and_wakes_does_nothing_twice(
    whole: Whole, tmp_path: Path, service: str, point: Point, nth: int
) -> None:
    story, crashes = whole.story("hung"), Crashes(whole, tmp_path / "faults")
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}, budget="120s"), watch())
    await crashes.arm(service, point, Action.STOP, nth)
    await story.says_published("v2")
    await crashes.hangs(service, point)
    beside = whole.local.child(service, "-beside")
    beside.start()
    try:
        release = await story.hears_queued("v2")
        await story.completes(release, within=PATIENCE)
        whole.service(service).resume()
        await eventually(whole.service(service).ready, within=PATIENCE)
        await story.completes(await story.announces("v3"), within=PATIENCE)
        assert whole.service(service).running, "it woke and ended"
        assert await audit(whole, Expected(story, changes=2, runs="v3")) == []
    finally:
        await crashes.disarm()
        beside.stop()
        del whole.local.children[beside.name]
