"""While a deployer's own database is away no report is taken: that is no failure of the region."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lockgate.deployer.bodies import StepBody
from tests.support.deployer import NEW, OLD, grant
from tests.support.deployer_at_work import AtWork

LONG = timedelta(hours=1)


async def test_the_time_that_a_report_waits_is_not_the_regions(
    west: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = timedelta()

    async def taken_late(report: dict[str, Any]) -> None:
        nonlocal waited
        waited += LONG
        west.reports.append(report)

    monkeypatch.setattr("lockgate.deployer.work._now", lambda: datetime.now(UTC) + waited)
    body = StepBody(grant=grant("7.0.1"), until=datetime.now(UTC) + timedelta(seconds=60))
    answer = await west.work["deploy"](body.json_body(), taken_late)
    assert answer["outcome"] == "deployed"
    assert (west.reports[0]["outcome"], west.reports[0]["found"]) == ("started", OLD)
    assert waited >= LONG


async def test_what_was_done_in_time_is_seen_when_the_time_is_over(west: AtWork) -> None:
    assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}
    assert await west.step(grant("7.0.1"), seconds=-1.0) == {"outcome": "deployed"}


async def test_nothing_is_begun_when_the_time_is_over(west: AtWork) -> None:
    answer = await west.step(grant("7.0.1"), seconds=-1.0)
    assert answer["outcome"] == "failed"
    assert "not done in its time" in answer["reason"]
    assert await west.image() != f"registry.example/payments@{NEW}"
    assert west.reports == []
