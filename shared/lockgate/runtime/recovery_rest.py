"""What a restored database lacks and the journal alone does not hold: events that were not sent yet, and the other
halves of what was decided in one transaction and not sent as a whole.

An event is made again by the same decision on the same rows, and only if that gives the journal's record to the
byte. A half that nobody has seen is decided. Talks to the store.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockgate.messages.decision import Core, RowKey
from lockgate.messages.message import Message
from lockgate.runtime import canonical
from lockgate.runtime.batch import Batch, Out, Place
from lockgate.runtime.checks import Record
from lockgate.runtime.decider import ABSENT, Case, Decision, Loaded, decide
from lockgate.runtime.deciding import Deciding, Identity, Origin
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
        self._inputs = Inputs(_Found(records))
        self._state = State(store, core, lambda _key: True)
        self._deciding = Deciding(who, core, self._state, part_of)
        self._written: dict[tuple[RowKey, int], Loaded] = {}
        for entry in missing:
            for kind, id_, body in entry.body["rows"]:
                if body is not None:
                    row = core.rows[kind]
                    loaded = Loaded(entry.number, row.model_validate(row.upcast(body), strict=False))
                    self._written[RowKey(entry.key, kind, id_), entry.number] = loaded

    async def publish(self, batch: Batch, entry: Entry, there: Collection[str]) -> None:
        """Puts the events of a decision into the batch, but for those that are `there`. RecoveryError if they differ."""
        decision = await self._again(entry)
        part, raw = self._part_of(entry.key), entry.key.encode()
        for message, event in zip(decision.messages, decision.events, strict=True):
            if message.id not in there:
                batch.out.append(Out(part, self._who.writes.name, raw, *event))

    async def finish(self, batch: Batch, event: Unfinished, now: datetime) -> None:
        """Decides an event under the keys that nobody has seen a decision of. They become part of the batch."""
        given = self._given(event.first)
        if not isinstance(given.input, Message):
            raise RecoveryError(f"{_name(event.first)} is said to be decided from an event, and is not")
        self._seed(batch)
        keys = (*self._core.keys(given.input), *sorted(event.forward))
        left = tuple(dict.fromkeys(key for key in keys if key not in event.done))
        origin = Origin(given.place, given.causes, given.links)
        made = await self._deciding.decisions(given.input, left, origin, now, done=event.done)
        self._deciding.record(batch, made, given.causes)

    def _seed(self, batch: Batch) -> None:
        """What the batch writes is what these decisions see; the rest comes from the database."""
        self._state.keys.update({key: (made, events) for key, (_, made, events) in batch.keys.items()})
        for name, (number, body) in batch.rows.items():
            found = self._written.get((name, number))
            self._state.rows[name] = (
                (found or self._parsed(name, number, body)) if body is not None else ABSENT
            )

    def _parsed(self, name: RowKey, number: int, body: bytes | None) -> Loaded:
        row = self._core.rows[name.kind]
        return Loaded(number, row.model_validate(row.upcast(canonical.loads(body or b"")), strict=False))

    async def _again(self, entry: Entry) -> Decision:
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
        rows = await self._rows(entry)
        try:
            decision = decide(self._core, body["core"], case, rows)
        except Exception as error:
            raise RecoveryError(_other_core(entry, f"it raises {error!r}")) from error
        if decision.journal != entry.value:
            raise RecoveryError(_other_core(entry, "it decides otherwise"))
        return decision

    async def _rows(self, entry: Entry) -> dict[RowKey, Loaded]:
        """The rows that a decision read, at the versions that it names: of the journal, or as the database has them."""
        rows: dict[RowKey, Loaded] = {}
        for key, kind, id_, version in entry.body["read"]:
            name = RowKey(key, kind, id_)
            if version == 0:
                rows[name] = ABSENT
            elif (name, version) in self._written:
                rows[name] = self._written[name, version]
            else:
                await self._state.need_rows((name,))
                rows[name] = self._state.rows[name]
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


def _other_core(entry: Entry, what: str) -> str:
    return (
        f"the events of {_name(entry)} were not sent before the database was restored, and today's core cannot make"
        f" them again: {what}. Start the version that wrote it (core {entry.body['core']}) once, then this one"
    )
