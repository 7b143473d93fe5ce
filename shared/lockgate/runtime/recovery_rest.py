"""What a restored database lacks and the journal alone does not hold: events that were not sent yet, and the other
halves of what was decided in one transaction and not sent as a whole.

An event is made again by the same decision on the same rows, and only if that gives the journal's record to the
byte. A half that nobody has seen is decided. Talks to the store.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockgate.messages.decision import Core, RowKey
from lockgate.runtime import canonical
from lockgate.runtime.batch import Batch, Out, Place
from lockgate.runtime.checks import Record
from lockgate.runtime.decider import ABSENT, Case, Decision, Loaded, decide
from lockgate.runtime.deciding import Deciding, Identity, origin_of
from lockgate.runtime.reading import Readable, read
from lockgate.runtime.recovery import Entry, RecoveryError, Unfinished
from lockgate.runtime.replay_findings import Where
from lockgate.runtime.replay_inputs import Given, Inputs
from lockgate.runtime.replay_records import Span
from lockgate.runtime.replay_rows import KeyState, SharedRows
from lockgate.runtime.state import State
from lockgate.runtime.store import Store


@dataclass(frozen=True, slots=True)
class _Found:
    records: Mapping[Place, Record]

    def get(self, topic: str, partition: int, offset: int) -> Record | None:
        return self.records.get((topic, partition, offset))

    def span(self, topic: str, partition: int) -> Span | None:
        del topic, partition
        return None


class Rest:
    """`records` are the events that the entries were decided from, as far as they are asked for here."""

    def __init__(
        self,
        who: Identity,
        core: Core,
        store: Store,
        part_of: Callable[[str], int],
        *,
        missing: Sequence[Entry],
        records: Mapping[Place, Record],
    ) -> None:
        self._who = who
        self._core = core
        self._store = store
        self._part_of = part_of
        self._records = records
        self._inputs = Inputs(_Found(records))
        self._before = State(store, core, lambda _key: True)
        self._state = State(store, core, lambda _key: True)
        self._deciding = Deciding(who, core, self._state, part_of)
        self._written: dict[tuple[RowKey, int], Loaded] = {}
        for entry in missing:
            for kind, id_, body in entry.body["rows"]:
                if body is not None:
                    row = core.rows[kind]
                    loaded = Loaded(entry.number, row.model_validate(row.upcast(body), strict=False))
                    self._written[RowKey(entry.key, kind, id_), entry.number] = loaded

    async def check(self, entry: Entry) -> None:
        """RecoveryError if the decision does not follow from its event and its rows: somebody else may have written it."""
        await self._again(entry, "cannot be told from one that was forged")

    async def publish(self, entry: Entry, there: Collection[str]) -> list[Out]:
        """The events of a decision, but for those that are `there`. RecoveryError if they cannot be made again."""
        decision = await self._again(entry, "has events that were not sent, and they cannot be made again")
        part, raw = self._part_of(entry.key), entry.key.encode()
        return [
            Out(part, self._who.writes.name, raw, *event)
            for message, event in zip(decision.messages, decision.events, strict=True)
            if message.id not in there
        ]

    async def finish(self, batch: Batch, event: Unfinished, now: datetime) -> None:
        """Decides an event under the keys that nobody has seen a decision of. They become part of the batch."""
        record = self._records.get(event.place)
        item = read(record) if record is not None else None
        if record is None or not isinstance(item, Readable):
            raise RecoveryError(
                f"the event at {'/'.join(map(str, event.place))} was decided in part before the database was restored,"
                " and is not there to be decided in whole: restore a newer backup"
            )
        self._seed(batch)
        keys = (*self._core.keys(item.message), *sorted(event.forward))
        left = tuple(dict.fromkeys(key for key in keys if key not in event.done))
        origin = origin_of(record, item.message)
        made = await self._deciding.decisions(item.message, left, origin, now, done=event.done)
        self._deciding.record(batch, made, origin.causes)

    def _seed(self, batch: Batch) -> None:
        """What the batch writes is what these decisions see; the rest comes from the database."""
        self._state.keys.update({key: (made, events) for key, (_, made, events) in batch.keys.items()})
        for name, (number, body) in batch.rows.items():
            found = self._written.get((name, number))
            loaded = (found or self._parsed(name, number, body)) if body is not None else ABSENT
            self._state.remember(name, loaded, len(body or b""))

    def _parsed(self, name: RowKey, number: int, body: bytes | None) -> Loaded:
        row = self._core.rows[name.kind]
        return Loaded(number, row.model_validate(row.upcast(canonical.loads(body or b"")), strict=False))

    async def _again(self, entry: Entry, why: str) -> Decision:
        given = self._given(entry)
        body = entry.body
        case = Case(
            writer=self._who.writer,
            key=entry.key,
            given=given.input,
            place=given.place,
            causes=given.causes,
            links=given.links,
            now=datetime.fromisoformat(body["now"]),
            decisions=entry.number - 1,
            events=body["first"] - 1,
        )
        rows = await self._rows(entry, why)
        try:
            decision = decide(self._core, body["core"], case, rows)
        except Exception as error:
            raise RecoveryError(_not_again(entry, why, f"today's core raises {error!r}")) from error
        if decision.journal != entry.value:
            raise RecoveryError(_not_again(entry, why, "today's core decides otherwise"))
        return decision

    async def _rows(self, entry: Entry, why: str) -> dict[RowKey, Loaded]:
        """The rows that a decision read, at the versions that it names: of the journal, or as the database has them."""
        rows: dict[RowKey, Loaded] = {}
        for key, kind, id_, version in entry.body["read"]:
            name = RowKey(key, kind, id_)
            if version == 0:
                rows[name] = ABSENT
            elif (name, version) in self._written:
                rows[name] = self._written[name, version]
            else:
                await self._before.need_rows((name,))
                rows[name] = self._before.rows[name]
                if rows[name].version != version:
                    what = (
                        f"it read {kind} {id_!r} of {key!r} as decision {version} wrote it, which nobody has"
                    )
                    raise RecoveryError(_not_again(entry, why, what))
        return rows

    def _given(self, entry: Entry) -> Given:
        where = Where(self._who.writer, entry.key, entry.number, entry.place)
        anything = KeyState(entry.key, SharedRows(), unknown=entry.number)
        given = self._inputs.given(entry.body, anything, False, where)  # nothing here depends on it
        if not isinstance(given, Given):
            raise RecoveryError(f"the event that {_name(entry)} was decided from cannot be had: {given}")
        return given


def _name(entry: Entry) -> str:
    return f"decision {entry.number} for {entry.key!r} ({'/'.join(map(str, entry.place))})"


def _not_again(entry: Entry, why: str, what: str) -> str:
    return (
        f"{_name(entry)} {why}: {what}. If another version of this service wrote it (core {entry.body['core']}), start"
        " that one once, then this one; else restore a newer backup"
    )
