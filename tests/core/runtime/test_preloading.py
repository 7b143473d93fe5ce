"""A batch waits for the database as often as one event does, however many applications it is about."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.decision import On, RowKey, Rows, Step, Table, put
from lockgate.messages.message import Message
from lockgate.messages.topics import ANOMALIES, ROLLBACKS
from lockgate.messages.values import EVERY
from lockgate.runtime import preloading
from lockgate.runtime.deciding import Deciding, Identity, Origin
from lockgate.runtime.preloading import Preloading
from lockgate.runtime.state import State
from lockgate.runtime.store import Store
from tests.support.toy import Tally

WHO = Identity("rollback", "rollback", "v1", (ANOMALIES,), ROLLBACKS)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Database:
    """An application's row names another one that is read next. Each question is noted."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def load_keys(self, keys: Collection[str]) -> dict[str, tuple[int, int]]:
        self.asked.append(f"counters of {len(keys)}")
        return dict.fromkeys(keys, (3, 3))

    async def load_rows(self, names: Sequence[RowKey]) -> dict[RowKey, tuple[int, bytes]]:
        self.asked.append(f"{len(names)} rows")
        return {name: (3, b'{"handled":["next-%b"]}' % name.key.encode()) for name in names}

    async def load_seen(self, _ids: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        return set()


def passed_on(rows: Rows, given: Message[IncidentDetected], _now: datetime) -> Step:
    rows.get(Tally)
    return Step(forward=(given.body.service,))


def counted(rows: Rows, given: Message[IncidentDetected], _now: datetime) -> Step:
    if given.body.incident == "boom":
        raise ValueError(given.body.incident)
    first = rows.get(Tally)
    assert first is not None
    rows.get(Tally, first.handled[0])
    return put(Tally(handled=(given.body.incident,)))


CORE = Table(kinds=(Tally,), shared={IncidentDetected: On(passed_on)}, events={IncidentDetected: On(counted)})


def incident(application: str, name: str = "slow") -> Message[IncidentDetected]:
    body = IncidentDetected(incident=name, service=application)
    return Message(body, f"{application}-{name}", "/monitoring", EVERY, "2026-11-24T12:00:00Z")


class Replica:
    def __init__(self, core: Table = CORE) -> None:
        self.database = Database()
        self.state = State(cast("Store", self.database), core, lambda key: key != EVERY)
        self.preloading = Preloading(core, self.state)
        self.deciding = Deciding(WHO, core, self.state, lambda _key: 0)

    def loads(self, *messages: Message[IncidentDetected]) -> list[str]:
        """What is asked of the database before anything is decided."""
        self.database.asked.clear()
        asyncio.run(self.preloading.load(messages, NOON))
        return list(self.database.asked)

    def then_asks(self, message: Message[IncidentDetected]) -> list[str]:
        """What is still asked when it is decided."""
        self.database.asked.clear()
        asyncio.run(self.deciding.decisions(message, (EVERY,), Origin({}, ()), NOON))
        return list(self.database.asked)


@pytest.mark.parametrize("count", [2, 100])
def test_the_rows_of_all_applications_of_a_batch_are_loaded_together(count: int) -> None:
    replica, batch = Replica(), [incident(f"app-{n}") for n in range(count)]
    asked = replica.loads(*batch)
    assert asked == [
        "counters of 1",  # of `*`
        "1 rows",  # what it reads beyond what it announced
        f"counters of {count}",
        f"{count} rows",
        f"{count} rows",  # which those name
    ]
    assert [replica.then_asks(message) for message in batch] == [[]] * count


def test_an_application_that_is_remembered_is_not_looked_through_again() -> None:
    replica = Replica()
    replica.loads(incident("shop"), incident("till"))
    replica.state.forget_foreign()
    assert replica.loads(incident("shop", "again"), incident("till", "again")) == ["counters of 1", "1 rows"]


def test_the_next_part_of_a_batch_is_loaded_together_like_the_first() -> None:
    """`*` is remembered until the batch is written."""
    replica, next_part = Replica(), [incident(f"later-{n}") for n in range(10)]
    replica.loads(incident("shop"), incident("till"))
    assert replica.loads(*next_part) == ["counters of 10", "10 rows", "10 rows"]
    assert [replica.then_asks(message) for message in next_part] == [[]] * 10


def test_what_is_read_for_sure_is_loaded_together_of_remembered_applications_too() -> None:
    named = On(counted, lambda given: ((Tally, ""), (Tally, given.body.incident)))
    replica = Replica(replace(CORE, events={IncidentDetected: named}))
    batch = [incident(f"app-{n}") for n in range(10)]
    replica.loads(*batch)
    again = [incident(f"app-{n}", "again") for n in range(10)]
    assert replica.loads(*again) == ["10 rows"]
    assert [replica.then_asks(message) for message in again] == [[]] * 10


def test_one_event_alone_is_not_decided_twice() -> None:
    replica = Replica()
    assert replica.loads(incident("shop")) == ["counters of 1"]
    assert replica.then_asks(incident("shop")) == ["1 rows", "counters of 1", "1 rows", "1 rows"]


def test_a_core_that_raises_keeps_nothing_of_the_others_back() -> None:
    replica, batch = Replica(), (incident("shop", "boom"), incident("till"))
    replica.loads(*batch)
    assert replica.then_asks(batch[1]) == []
    with pytest.raises(ValueError, match="boom"):
        replica.then_asks(batch[0])


@pytest.mark.parametrize("to", [(EVERY,), ("shop", EVERY), ("shop", "shop")])
def test_what_may_not_be_passed_on_is_looked_through_once_and_refused_when_it_is_decided(
    to: tuple[str, ...],
) -> None:
    replica = Replica(replace(CORE, shared={IncidentDetected: On(lambda *_: Step(forward=to))}))
    assert replica.loads(incident("shop"), incident("till")) == ["counters of 1"]
    with pytest.raises(ValueError, match="only to applications, to each once"):
        replica.then_asks(incident("shop"))


def test_beyond_so_many_they_wait_when_they_are_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preloading, "MOST", 3)
    replica, batch = Replica(), [incident(name) for name in ("shop", "till")]
    replica.loads(*batch)
    assert [len(replica.then_asks(message)) for message in batch] == [0, 3]
