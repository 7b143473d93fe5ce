"""Header names that are no text: they keep nothing from being replayed, and are named where they lie."""

from aiokafka import AIOKafkaProducer

from lockgate.runtime.replay import replay
from lockgate.runtime.replay_findings import InputChanged
from lockgate.runtime.replay_records import Spool
from lockgate.runtime.replay_report import Report
from lockgate.runtime.replay_topics import read_topics
from tests.support.hostile_batches import Rec, batch, send_batch
from tests.support.replay_core import replayable
from tests.support.replay_kafka import publish
from tests.support.replays import Shelf, a_history
from tests.support.servers import KafkaUnderTest

NO_TEXT = b"n\xff"


async def replayed(kafka: KafkaUnderTest, shelf: Shelf, last: Rec) -> Report:
    """What is found with this record behind all others of the inlet."""
    prefix = await publish(kafka.bootstrap, shelf)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    try:
        await send_batch(producer, f"{prefix}artifacts", 1, batch([last]))
    finally:
        await producer.stop()
    with Spool() as spool:
        await read_topics(kafka.bootstrap, prefix, spool)
        return replay(spool, [replayable()])


async def test_a_record_that_nobody_decided_on_changes_nothing(kafka: KafkaUnderTest) -> None:
    report = await replayed(kafka, a_history().shelf, Rec(b"{}", None, ((NO_TEXT, b"1"),)))
    assert (report.equal, report.exit_code, report.findings.kept) == (14, 0, [])


async def test_a_record_that_was_decided_on_is_named(kafka: KafkaUnderTest) -> None:
    history = a_history()
    place = [place for place in history.inputs if place[0] == "artifacts"][-1]
    record = history.shelf.at(place)
    shelf = history.shelf.without(place)
    changed = Rec(record.value, record.key, ((NO_TEXT, b"1"),))
    report = await replayed(kafka, shelf, changed)
    assert {(type(found), found.where.place) for found in report.findings.kept} == {(InputChanged, place)}
