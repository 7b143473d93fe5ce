"""Records that cannot be read wait for each other; good ones do not wait for them, and whatever ends the wait loses none.

But for the last test nothing is handled because time goes by: what waits here waits until something else happens.
"""

from collections.abc import Iterator, Sequence

import pytest

from lockgate.runtime.batch import Batch
from lockgate.runtime.gathering import Gathering
from lockgate.runtime.reading import Item
from lockgate.runtime.store import Store
from tests.contract.runtime.test_hostile_records import PART, dead, inlet
from tests.support.eventually import eventually
from tests.support.toy_world import World, said

READ = "select sum(next) from offsets"
BAD = [b"\xff0", b"\xff1", b"\xff2"]


class Waiting:
    """Makes what cannot be read wait for ever, and tells how many records wait."""

    def __init__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self.now: list[Item] = []
        due = Gathering.due

        def noted(gathering: Gathering, items: Sequence[Item], now: float) -> list[Item]:
            found = due(gathering, items, now)
            self.now = [] if found else [*self.now, *items]
            return found

        self._patch.setattr(Gathering, "due", noted)
        self._patch.setattr("lockgate.runtime.gathering.WAIT_SECONDS", 3600.0)
        self._patch.setattr("lockgate.runtime.reader.SETTLE_SECONDS", 0.0)

    async def comes(self, world: World, *values: bytes) -> None:
        """Each of these is sent, and waits, before the next one is sent."""
        for value in values:
            await inlet(world, (b"shop", value, []))
            await eventually(lambda value=value: value in [item.record.value for item in self.now])  # type: ignore[misc]  # mypy cannot infer it

    def end(self) -> None:
        """What is read from here on waits as usual."""
        self._patch.undo()


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    made = Waiting()
    yield made
    made.end()


async def buried(world: World) -> list[bytes | None]:
    """The dead letters, once all three bad records were handled, in order."""
    await world.until(READ, len(BAD))
    await dead(world, len(BAD))
    await world.until("select sum(next_seq - sent) from relay", 0)
    return [letter.value for letter in await world.records("rollback.deadletters")]


async def test_a_good_record_is_handled_at_once_in_one_transaction_with_those_that_wait(
    world: World, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.serving()
    written: list[dict[tuple[str, int], tuple[int, int]]] = []
    apply = Store.apply

    async def noted(store: Store, batch: Batch) -> object:
        written.append(dict(batch.offsets))
        return await apply(store, batch)

    monkeypatch.setattr(Store, "apply", noted)
    await waiting.comes(world, *BAD)
    assert written == []
    await world.send(said(1))
    await world.hears("verifier 1")
    assert written == [{("anomalies", PART): (0, 3), ("verdicts", PART): (0, 1)}]
    assert [letter.value for letter in await dead(world, 3)] == BAD


async def test_a_stop_does_not_wait_for_what_waits_and_the_next_start_reads_it_again(
    world: World, waiting: Waiting
) -> None:
    replica = await world.serving()
    await waiting.comes(world, *BAD)
    await replica.leave()
    assert await world.number(READ) == 0
    waiting.end()
    await world.serving()
    assert await buried(world) == BAD


async def test_partitions_are_given_back_at_once_and_what_waited_is_read_again(
    world: World, waiting: Waiting
) -> None:
    await world.serving()
    await waiting.comes(world, *BAD)
    async with world.producer() as producer:  # one of the two partitions stays where it is
        await producer.send_and_wait(world.prefix + "anomalies", b"\xff3", partition=1 - PART)
    await eventually(lambda: len(waiting.now) == len(BAD) + 1)
    assert await world.number(READ) == 0
    waiting.end()
    await world.serving()
    await world.until(READ, len(BAD) + 1)
    await world.until("select sum(next_seq - sent) from relay", 0)
    letters = await world.records("rollback.deadletters")
    assert sorted(letter.value or b"" for letter in letters) == [*BAD, b"\xff3"]


async def test_a_process_that_is_killed_meanwhile_has_lost_nothing(world: World) -> None:
    process = await world.process("wait")
    await eventually(lambda: world.query("select 1 from offsets"))
    await inlet(world, *((b"shop", value, []) for value in BAD))
    await eventually((world.marks / "waiting").exists)
    process.kill()
    await process.wait()
    assert await world.number(READ) == 0
    await world.process()
    assert await buried(world) == BAD


async def test_what_cannot_be_read_waits_for_nothing_for_long(world: World) -> None:
    await world.serving()
    await inlet(world, *((b"shop", value, []) for value in BAD))
    assert await buried(world) == BAD
