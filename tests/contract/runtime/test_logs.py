"""A service's log tells what it said of each application, and cries about nothing that mends itself."""

import json
import logging
import logging.handlers

from structlog.testing import capture_logs

from lockgate.runtime import logs
from lockgate.runtime.batch import Out
from lockgate.runtime.telling import tell
from tests.support.toy_world import World, said


async def test_each_event_that_is_emitted_is_a_line_of_the_log_and_a_start_is_no_error(world: World) -> None:
    await world.process()
    await world.send(said(1), said(1, key="other"))
    await world.hears("verifier 1")
    await world.hears("verifier 1", key="other")
    lines = [json.loads(line) for line in (world.marks / "log0").read_text().splitlines()]
    told = [line for line in lines if line["event"] == "emitted"]
    assert {(line["application"], line["type"]) for line in told} == {
        ("shop", "dev.cdeventsx.lockgate-version.marked.0.1.0"),
        ("other", "dev.cdeventsx.lockgate-version.marked.0.1.0"),
    }
    assert [line["id"] for line in told if line["application"] == "shop"] == [
        answer.id for answer in await world.answers() if answer.key == "shop"
    ]
    assert [line for line in lines if line["level"] == "error"] == []


def test_a_storm_of_events_is_one_line() -> None:
    event = Out(0, "rollbacks", b"shop", (), b"{}")
    with capture_logs() as told:
        tell([*[event] * 60, Out(0, "rollback.journal", b"shop", (), b"{}")], "rollbacks")
    assert told == [{"event": "emitted many", "events": 60, "applications": 1, "log_level": "info"}]


def test_a_partition_without_a_leader_yet_is_a_warning_and_any_other_trouble_an_error() -> None:
    fetcher, handler = logging.getLogger("a-fetcher-of-this-test"), logging.handlers.BufferingHandler(10)
    fetcher.addHandler(handler)
    logs.calm(fetcher)
    fetcher.error("Failed fetch offsets from 1: [Error 6] NotLeaderForPartitionError: x")
    fetcher.error("Failed fetch offsets from 1: [Error 29] TopicAuthorizationFailedError: x")
    assert [record.levelname for record in handler.buffer] == ["WARNING", "ERROR"]
