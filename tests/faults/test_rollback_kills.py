"""kill -9 of a service while a release is taken back: a sample of `make qualify NAME=rollback-kills`, judged in the same way."""

from pathlib import Path

import pytest

from lockgate.runtime.faults import Point
from tests.qualify.crashes import Cell
from tests.qualify.rollback_kills import Kill, Way, one
from tests.support.audit import audit
from tests.support.crashes import Crashes
from tests.support.parts import Part
from tests.support.whole import Whole


@pytest.mark.ci
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "kill",
    [
        Kill(Way.WATCH, Cell("verifier", Point.AFTER_COMMIT, 1)),
        Kill(Way.WAVES, Cell("rollback", Point.JOURNAL_SENT, 1)),
        Kill(Way.RETRIED, Cell("deployer-eu", Point.WORK_CLAIMED, 4)),
        Kill(Way.FLAGS, Cell("rollback", Point.RESTORED, 1)),
        Kill(Way.WATCH, Cell("intake", Point.SENT, 1)),
    ],
    ids=str,
)
async def test_it_is_never_left_half_back(whole: Whole, tmp_path: Path, kill: Kill) -> None:
    crashes, part = Crashes(whole, tmp_path / "faults"), Part(0, 1, "this")
    try:
        expected, happened = await one(whole, crashes, kill, part)
        assert happened, f"the service never came to it: {kill}"
        assert await audit(whole, expected) == []
    finally:
        await crashes.disarm()
