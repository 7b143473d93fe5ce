"""Hostile records among good ones: each becomes a dead letter with its reason, and blocks nothing."""

import json
import os
from typing import Any

import pytest
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Producer as OtherProducer

from lockgate.runtime.checks import Record
from lockgate.runtime.service import partition_of
from tests.support.eventually import eventually
from tests.support.toy_world import PARTITIONS, World, said

PART = partition_of("shop", PARTITIONS)


def incident(id_: str = "i1", *, source: str = "/monitoring") -> dict[str, Any]:
    return {
        "context": {
            "specversion": "0.5.1",
            "id": id_,
            "source": source,
            "type": "dev.cdevents.incident.detected.0.3.0",
            "timestamp": "2026-11-24T12:00:00Z",
        },
        "subject": {"id": "outage", "content": {"service": {"id": "shop"}, "description": "slow"}},
    }


def reason_of(record: Record) -> str:
    return (dict(record.headers)["lg_reason"] or b"").decode()


async def dead(world: World, count: int) -> list[Record]:
    async def all_there() -> list[Record] | None:
        found = await world.records("rollback.deadletters")
        return found if len(found) >= count else None

    found: list[Record] = await eventually(all_there)
    return found


async def inlet(world: World, *sent: tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]) -> None:
    async with world.producer(max_request_size=2_000_000) as producer:
        for key, value, headers in sent:
            await producer.send_and_wait(
                world.prefix + "anomalies", value, key=key, partition=PART, headers=headers
            )


async def test_hostile_records_are_dead_letters_with_their_original_bytes(world: World) -> None:
    await world.serving()
    hostile = {
        "not-json": b"\xff\xfe",
        "too-deep": b"[" * 100_000,
        "too-large": os.urandom(990_000),
        "nul": b'{"a": "\\u0000"}',
        "duplicate-key": b'{"a": 1, "a": 2}',
        "unknown-type": b'{"context": {"type": "dev.cdevents.nothing.known.9.9.9"}}',
    }
    await inlet(world, *((b"shop", value, []) for value in hostile.values()))
    await inlet(world, (b"shop", json.dumps(incident()).encode(), [("reply_to", b"evil-topic")]))
    letters = await dead(world, len(hostile))
    assert {reason_of(letter): letter.value for letter in letters} == hostile
    await world.hears("incident outage")


async def test_a_record_without_key_and_value_is_a_dead_letter(world: World) -> None:
    await world.serving()
    other = OtherProducer({"bootstrap.servers": world.kafka.bootstrap})
    other.produce(world.prefix + "anomalies", value=None, key=None, partition=PART)
    assert other.flush(10.0) == 0
    await world.send(said(1))
    await world.hears("verifier 1")
    (letter,) = await dead(world, 1)
    assert (reason_of(letter), letter.value, letter.key) == ("empty", b"", None)
    assert dict(letter.headers)["lg_value"] == b"null"


async def test_an_event_with_ids_longer_than_an_index_takes_is_handled_once(world: World) -> None:
    await world.serving()
    event = incident(os.urandom(1000).hex(), source="/" + os.urandom(1000).hex())
    event["subject"]["id"] = "outage"
    raw = json.dumps(event).encode()
    await inlet(world, (b"shop", raw, []), (b"shop", raw, []))
    await world.until("select sum(next) from offsets where topic = 'anomalies'", 2)
    await world.hears("incident outage")


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_compressed_record_is_read(world: World, codec: str) -> None:
    await world.serving()
    other = OtherProducer({"bootstrap.servers": world.kafka.bootstrap, "compression.type": codec})
    other.produce(
        world.prefix + "anomalies", value=json.dumps(incident()).encode() + b" " * 5000, partition=PART
    )
    assert other.flush(10.0) == 0
    await world.hears("incident outage")


async def test_a_transaction_at_the_end_of_a_topic_defers_no_timer(world: World) -> None:
    await world.serving()
    async with world.producer(transactional_id=world.prefix) as producer, producer.transaction():
        await producer.send_and_wait(
            world.prefix + "anomalies", json.dumps(incident()).encode(), key=b"shop", partition=PART
        )
    await world.hears("incident outage")
    await world.send(said(1, "timer a 0.2"))
    await world.hears("incident outage", "verifier 1", "timer a")
    offset = await world.query("select next from offsets where topic = 'anomalies' and part = $1", PART)
    assert offset[0][0] == 2  # one record, and the marker of its transaction


class _NoText(str):
    """A header's name that is no UTF-8, which no honest client can send."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


async def test_a_header_whose_name_is_no_text_blocks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.serving()
    await inlet(world, (b"shop", json.dumps(incident("first")).encode(), []))
    await _send_with_such_a_header(world, monkeypatch)
    await world.send(said(1))
    second = incident("second")
    second["subject"]["id"] = "another"
    await inlet(world, (b"shop", json.dumps(second).encode(), []))
    (letter,) = await dead(world, 1)
    assert (reason_of(letter), dict(letter.headers)["lg_offset"]) == ("headers", b"1")

    async def all_heard() -> bool:
        return sorted(await world.heard()) == ["incident another", "incident outage", "verifier 1"]

    await eventually(all_heard)


async def _send_with_such_a_header(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(message_accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
        async with world.producer() as producer:
            batch = producer.create_batch()
            assert batch.append(key=b"shop", value=b"{}", timestamp=None, headers=[(_NoText("x"), b"y")])
            await (await producer.send_batch(batch, world.prefix + "anomalies", partition=PART))


async def test_an_event_whose_outcome_cannot_be_written_is_parked_alone(
    world: World,
) -> None:
    await world.serving()
    await world.send(said(1))
    await world.hears("verifier 1")
    await world.query("alter table timers add constraint never check (key <> 'shop')")
    await world.send(said(2), said(3, "timer a 60"), said(4), said(1, key="other"))
    await world.hears("verifier 1", key="other")
    await world.until("select count(*) from parked", 2)
    rows = await world.query('select number, reason from parked order by "offset"')
    assert [tuple(row) for row in rows] == [(3, "decide"), (4, "order")]
    await world.hears("verifier 1", "verifier 2")
