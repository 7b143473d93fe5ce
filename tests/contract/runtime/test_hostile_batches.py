"""Whole batches that no honest client writes: each costs its readers little, is a dead letter, and blocks nothing."""

from pathlib import Path

import pytest

from lockgate.runtime.deadletter import Original, original
from lockgate.runtime.service import partition_of
from tests.support.eventually import eventually
from tests.support.hostile_batches import (
    GZIP,
    LZ4,
    SNAPPY,
    ZSTD,
    Rec,
    batch,
    bomb,
    compressed,
    send_batch,
)
from tests.support.toy_world import PARTITIONS, World, said

PART = partition_of("shop", PARTITIONS)
NO_TEXT = b"\xff" * 1_000_000
MOST_MEMORY = 128 << 20

ONE = [Rec(b"hello")]

BATCHES: dict[str, bytes] = {
    "a gzip bomb of 1,000 MiB": bomb(GZIP, 1000 << 20),
    "a zstd bomb of 2,047 MiB": bomb(ZSTD, 2047 << 20),
    "a record of 8 MB that weighs nothing": batch([Rec(b" " * 8_000_000)], ZSTD),
    "a record of 2 MB by snappy": batch([Rec(b" " * 2_000_000)], SNAPPY),
    "200,000 records that weigh nothing": batch([Rec(None)] * 200_000, ZSTD),
    "garbage behind lz4": batch(ONE, LZ4, compressed(LZ4, ONE) + b"garbage"),
}
"""Each is a dead letter whose value is the batch as it lies on the topic."""


async def _letters(world: World, count: int) -> list[Original]:
    async def all_there() -> list[Original] | None:
        found = await world.records("rollback.deadletters")
        return [original(record) for record in found] if len(found) >= count else None

    letters: list[Original] = await eventually(all_there)
    return letters


def _body(raw: bytes | None) -> bytes:
    """A batch without what the broker writes into it: offset, epoch, checksum, attributes, times."""
    assert raw is not None
    return raw[8:12] + raw[43:]


@pytest.mark.parametrize("raw", BATCHES.values(), ids=BATCHES)
async def test_a_batch_that_is_too_much_is_a_dead_letter(world: World, raw: bytes) -> None:
    replica = await world.serving()
    async with world.producer(max_request_size=2_000_000) as producer:
        at = await send_batch(producer, world.prefix + "anomalies", PART, raw)
    await world.send(said(1))
    await world.hears("verifier 1")
    (letter,) = await _letters(world, 1)
    assert (letter.place, letter.reason) == (f"anomalies/{PART}/{at}", "batch")
    assert _body(letter.value) == _body(raw)
    assert not replica.task.done()


async def test_what_surrounds_a_record_that_is_too_large_is_read(world: World) -> None:
    await world.serving()
    raw = batch([Rec(b"before"), Rec(b" " * 4_000_000), Rec(b"after")], GZIP)
    async with world.producer() as producer:
        await send_batch(producer, world.prefix + "anomalies", PART, raw)
    letters = await _letters(world, 3)
    assert [letter.reason for letter in letters] == ["not-json", "batch", "not-json"]
    assert [letter.value for letter in letters][::2] == [b"before", b"after"]
    await world.until("select sum(next) from offsets where topic = 'anomalies'", 3)


async def test_gzip_with_something_behind_it_is_read_as_brokers_read_it(world: World) -> None:
    await world.serving()
    two = [Rec(b"one"), Rec(b"two")]
    async with world.producer() as producer:
        raw = batch(two, GZIP, compressed(GZIP, two) + b"garbage behind it")
        await send_batch(producer, world.prefix + "anomalies", PART, raw)
    assert [letter.value for letter in await _letters(world, 2)] == [b"one", b"two"]


async def test_a_header_name_of_1_mb_that_is_no_text_is_a_dead_letter(world: World) -> None:
    replica = await world.serving()
    async with world.producer(max_request_size=2_000_000) as producer:
        raw = batch([Rec(b"{}", headers=((NO_TEXT, b"kept"),)), Rec(b"{}")])
        await send_batch(producer, world.prefix + "anomalies", PART, raw)
    first, second = await _letters(world, 2)
    assert (first.reason, second.reason) == ("headers", "unknown-type")
    ((name, value),) = first.headers
    assert (name[:8], len(name), value) == (r"\xff\xff", 1000, b"kept")
    assert not replica.task.done()


async def test_a_bomb_takes_no_memory_to_speak_of(world: World) -> None:
    """The peak of this process, in which the replica runs, is measured while it reads one bomb after another."""
    await world.serving()
    before = _peak(anew=True)
    raw = bomb(ZSTD, 1000 << 20)
    async with world.producer() as producer:
        for _ in range(5):
            await send_batch(producer, world.prefix + "anomalies", PART, raw)
    await _letters(world, 5)
    assert _peak() - before < MOST_MEMORY


def _peak(*, anew: bool = False) -> int:
    """The most memory that this process has had, or has had since it was asked for `anew`; bytes."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
