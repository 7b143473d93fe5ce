"""The small parts of the runtime: batches, backoff, partitions, schemas, the clock, the size of what is sent."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from lockgate.messages.decision import RowKey
from lockgate.messages.topics import RELEASES
from lockgate.messages.values import Cause
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.batch import (
    Batch,
    Out,
    ParkedRow,
    Redriven,
    TimerRow,
    WorkRow,
    pack,
    packed_causes,
    unpack,
    unpacked_causes,
)
from lockgate.runtime.checks import Record
from lockgate.runtime.clock import Clock
from lockgate.runtime.producer import MAX_BATCH_BYTES, _joined
from lockgate.runtime.service import Service, core_version, partition_of
from tests.support.toy import core

DUE = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RECORD = Record("releases", 1, 7, b"k", (("h", b"\xff"), ("n", None)), b"\x00v")


@pytest.mark.parametrize(
    ("key", "hashed"),
    [  # from the Java client's own UtilsTest
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_a_key_has_the_partition_that_the_java_client_gives_it(key: str, hashed: int) -> None:
    positive = hashed + 2**31 if hashed < 0 else hashed
    assert partition_of(key, 2**31) == positive
    assert partition_of(key, 7) == positive % 7


def test_a_batch_without_rarer_parts_has_none() -> None:
    batch = Batch()
    batch.consume(RECORD, 7)
    batch.keys["shop"] = (0, 1, 1)
    batch.rows[RowKey("shop", "tally", "")] = (1, b"{}")
    batch.out.append(Out(0, "rollbacks", b"k", (), b""))
    assert batch.extra is None


def test_the_rarer_parts_of_a_batch_written_by_hand() -> None:
    batch = Batch()
    batch.seen["ci", "1"] = None
    batch.timers["shop", "a"] = TimerRow("shop", "a", 1, DUE, 2.5, {"x": 1}, (Cause("intake", "shop", 2),), 9)
    batch.timers["shop", "b"] = None
    batch.work["shop", "w"] = WorkRow("shop", "w", 1, "toy", {}, (), 9)
    batch.work["shop", "v"] = None
    batch.fired["shop", "c"] = 8
    batch.reported["shop", "w"] = 7
    batch.park["releases", 1, 7] = ParkedRow(RECORD, "intake", "shop", 3, "cause", "why")
    batch.unpark["releases", 1, 6] = None
    batch.repark["releases", 1, 5] = ParkedRow(RECORD, "intake", "shop", 1, "decide", "raised")
    batch.redriven[4] = Redriven(2, 1, 9, "decide", "raised again")
    assert batch.extra is not None
    assert json.loads(batch.extra) == {
        "seen": [{"source": "ci", "id": "1"}],
        "fired": [{"key": "shop", "name": "c", "set_by": 8}],
        "reported": [{"key": "shop", "name": "w", "set_by": 7}],
        "timers": [
            {
                "key": "shop",
                "name": "a",
                "part": 1,
                "body": b'{"x":1}'.hex(),
                "causes": b'[["intake","shop",2]]'.hex(),
                "set_by": 9,
                "due": "2026-11-24T12:00:00+00:00",
                "grace": 2.5,
            }
        ],
        "untimers": [{"key": "shop", "name": "b"}],
        "work": [
            {
                "key": "shop",
                "name": "w",
                "part": 1,
                "body": b"{}".hex(),
                "causes": b"[]".hex(),
                "set_by": 9,
                "kind": "toy",
            }
        ],
        "unwork": [{"key": "shop", "name": "v"}],
        "park": [
            {
                "topic": "releases",
                "part": 1,
                "offset": 7,
                "record_key": "6b",
                "headers": b'[["h","ff"],["n",null]]'.hex(),
                "value": "0076",
                "writer": "intake",
                "key": "shop",
                "number": 3,
                "reason": "cause",
                "detail": "why",
            }
        ],
        "unpark": [{"topic": "releases", "part": 1, "offset": 6}],
        "repark": [{"topic": "releases", "part": 1, "offset": 5, "reason": "decide", "detail": "raised"}],
        "redriven": [
            {
                "id": 4,
                "released": 2,
                "waiting": 1,
                "number": 9,
                "reason": "decide",
                "detail": "raised again",
            }
        ],
    }


def test_a_batch_remembers_where_it_began_and_where_it_ended() -> None:
    batch = Batch()
    assert batch.empty
    for offset in (7, 8, 12):
        batch.consume(Record("releases", 1, offset, None, (), None), 5)
    batch.guard(("releases", 1), 99)
    batch.guard(("releases", 2), 3)
    assert batch.offsets == {("releases", 1): (5, 13), ("releases", 2): (3, 3)}
    assert not batch.empty


def test_headers_and_causes_come_back_as_they_were_packed() -> None:
    assert unpack(pack(RECORD.headers)) == RECORD.headers
    causes = (Cause("intake", "é", 2), Cause("verifier", "*", 1))
    assert unpacked_causes(packed_causes(causes)) == causes


async def test_a_backoff_doubles_up_to_its_most_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("lockgate.runtime.backoff.asyncio.sleep", sleep)
    backoff = Backoff(0.5, 3.0)
    for _ in range(5):
        await backoff.wait()
    backoff.reset()
    await backoff.wait()
    assert slept == [0.5, 1.0, 2.0, 3.0, 3.0, 0.5]


@pytest.mark.parametrize(
    ("name", "writer", "schema"),
    [
        ("intake", "", "intake"),
        ("deployer", "eu-west", "deployer_eu_west"),
        ("deployer", "dc1.eu", "deployer_dc1_eu_HASH"),
    ],
)
def test_a_service_has_a_schema_of_its_own(name: str, writer: str, schema: str) -> None:
    service = Service(name=name, reads=(RELEASES,), core=core(), modules=(), writer=writer)
    assert re.fullmatch(schema.replace("HASH", "[0-9a-f]{8}"), service.schema)


def test_two_long_names_have_two_schemas_that_postgresql_does_not_cut() -> None:
    names = [f"{'x' * 62}{last}" for last in "ab"]
    schemas = {Service("deployer", (RELEASES,), core(), (), name).schema for name in names}
    assert len(schemas) == 2
    assert all(len(schema) <= 63 for schema in schemas)


def test_the_version_of_a_core_is_that_of_its_source() -> None:
    assert core_version(("tests.support.toy",)) == core_version(("tests.support.toy",))
    assert core_version(("tests.support.toy",)) != core_version(("tests.support.hands",))
    assert core_version(("lockgate.intake",)) != core_version(("lockgate.intake",), ("door",))


def test_a_core_with_other_time_zones_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a window opens depends on them."""
    before = core_version(("tests.support.toy",))
    monkeypatch.setattr("lockgate.runtime.service.version", lambda _package: "2031.1")
    assert core_version(("tests.support.toy",)) != before


def test_the_clock_follows_the_databases_and_does_not_go_back_by_a_little() -> None:
    clock = Clock()
    clock.learn(datetime(2030, 1, 1, tzinfo=UTC))
    first = clock.now()
    assert timedelta(0) <= first - datetime(2030, 1, 1, tzinfo=UTC) < timedelta(seconds=5)
    assert first.microsecond % 1000 == 0
    clock.learn(datetime(2030, 1, 1, tzinfo=UTC) - timedelta(seconds=2))
    assert clock.now() == first
    clock.learn(datetime(2029, 1, 1, tzinfo=UTC))
    assert clock.now() < first


def test_records_are_joined_up_to_a_batch_and_one_that_is_larger_goes_alone() -> None:
    def out(size: int) -> Out:
        return Out(0, "rollbacks", None, (), b"x" * size)

    third = MAX_BATCH_BYTES // 3
    records = [out(third), out(third), out(third), out(3 * MAX_BATCH_BYTES), out(1), out(1)]
    groups = [[len(r.value or b"") for r in group] for group in _joined(records)]
    assert groups == [[third, third], [third], [3 * MAX_BATCH_BYTES], [1, 1]]
    assert list(_joined([])) == []
