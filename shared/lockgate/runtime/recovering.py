"""Makes a database whole that was restored to an earlier time, from the journal on its topic, before anything is decided.

Looks at the start, and whenever the database server is not the one it was. In the common case a few records are
read and nothing is missing. Talks to Kafka and, through the store, to PostgreSQL.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from lockgate.messages.decision import Core
from lockgate.messages.topics import JOURNALS
from lockgate.messages.values import EVERY
from lockgate.runtime.deciding import Identity
from lockgate.runtime.engine import Wiring
from lockgate.runtime.offsets_since import offsets_since
from lockgate.runtime.reading import Readable, read
from lockgate.runtime.recovery import (
    Ahead,
    Entry,
    RecoveryError,
    There,
    Unfinished,
    as_batch,
    entries,
    inlet_ids,
    spans,
    unfinished,
)
from lockgate.runtime.recovery_rest import Rest
from lockgate.runtime.settings import RuntimeSettings
from lockgate.runtime.store_journal import load_journal, load_parked_places, note_journal
from lockgate.runtime.topic_scan import Ends, consumer, place_of, records_at, to_the_ends

log = structlog.get_logger()

EARLIER = timedelta(minutes=1)  # by so much the clocks of broker and database may differ


class Recovery:
    """Callers hold the engine's lock, and start over from the database afterwards."""

    def __init__(self, settings: RuntimeSettings, who: Identity, core: Core, wiring: Wiring) -> None:
        self._settings = settings
        self._prefix = settings.topic_prefix
        self._who = who
        self._core = core
        self._store = wiring.store
        self._clock = wiring.clock
        self._part_of = wiring.part_of
        self._looked = False

    @property
    def needed(self) -> bool:
        return self._store.doubt.suspect or not self._looked

    async def run(self) -> bool:
        """Nothing if it is not needed. True if the database was in doubt: what is remembered of it counts no more.

        RecoveryError if the journal cannot make the database whole. ConflictError if another replica was first, or
        if the database was restored once more meanwhile.
        """
        if not self.needed:
            return False
        doubt, was_in_doubt = self._store.doubt, self._store.doubt.suspect
        generation = doubt.generation
        async with doubt.sending, consumer(self._settings.kafka, "lockgate-recovery") as client:
            ends: Ends = await client.end_offsets(self._parts(JOURNALS[self._who.service].name))
            if missing := await self._missing(client, ends):
                await self._apply(client, missing, generation)
        await note_journal(self._store, {part.partition: end for part, end in ends.items()}, generation)
        doubt.looked(generation)
        self._looked = True
        return was_in_doubt

    def _parts(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self._prefix + topic, part) for part in range(self._settings.partitions)]

    async def _missing(self, client: AIOKafkaConsumer, ends: Ends) -> list[Entry]:
        """What the database lacks, from where it last knew that the journal ended."""
        begins = await self._begins(client, ends)
        ahead = Ahead()
        async for records in to_the_ends(client, self._prefix, begins, ends):
            found = list(entries(self._who.writer, records))
            new = sorted({entry.key for entry in found} - ahead.known.keys())
            counts = await self._store.load_keys(new)
            ahead.known.update({key: counts.get(key, (0, 0))[0] for key in new})
            ahead.take(found)
        return ahead.missing

    async def _begins(self, client: AIOKafkaConsumer, ends: Ends) -> Ends:
        known = await load_journal(self._store)
        first: Ends = await client.beginning_offsets(list(ends))
        for part, end in ends.items():
            name = f"{part.topic} (partition {part.partition})"
            if known.get(part.partition, 0) > end:
                raise RecoveryError(
                    f"{name} ends at {end}, and the database knew it up to {known[part.partition]}: the topic was"
                    " deleted and made again, or the broker lost records. Restore the topic"
                )
            if first[part] > 0 and part.partition not in known and not self._is_shared:
                raise RecoveryError(
                    f"the database knows nothing of {name}, and its beginning has expired: the numbers of applications"
                    " that were quiet since would begin again. Restore a backup of the database"
                )
        return {part: max(begin, known.get(part.partition, 0)) for part, begin in first.items()}

    @property
    def _is_shared(self) -> bool:
        """Whether other writers write to the same journal, as deployers do."""
        return self._who.writer != self._who.service

    async def _apply(self, client: AIOKafkaConsumer, missing: Sequence[Entry], generation: int) -> None:
        said = log.bind(decisions=len(missing))
        said.warning("the database was restored to an earlier time; what the journal has since is applied")
        seen = frozenset(await self._store.load_seen(sorted(inlet_ids(missing))))
        there = There(seen, await load_parked_places(self._store))
        batch = as_batch(missing, there, self._part_of)
        published = await self._published(client, missing)
        unsent = [entry for entry in missing if not published.issuperset(entry.body["events"])]
        halves = sorted(
            [*unfinished(missing), *await self._holes(client, missing)], key=lambda half: half.place
        )
        again = missing if self._is_shared else unsent
        places = {*(entry.source for entry in again if entry.source), *(half.place for half in halves)}
        records = await records_at(client, self._prefix, places)
        rest = Rest(self._who, self._core, self._store, self._part_of, missing=missing, records=records)
        if self._is_shared:
            for entry in missing:
                await rest.check(entry)
        for entry in unsent:
            batch.out.extend(await rest.publish(entry, published))
        for half in halves:
            await rest.finish(batch, half, self._clock.now())
        await self._store.apply(batch, recovering=generation)
        said.warning("the database is whole again", published_now=len(unsent), finished_now=len(halves))

    async def _holes(self, client: AIOKafkaConsumer, missing: Sequence[Entry]) -> list[Unfinished]:
        """Events under `*` before those of the missing decisions of which nobody has seen any decision."""
        marks = await self._store.load_marks([EVERY])
        found: list[Unfinished] = []
        for writer, span in spans(missing, marks).items():
            if not span.has_holes:
                continue
            topic, part, newest = span.newest
            at = TopicPartition(self._prefix + topic, part)
            read_up_to = (await self._store.load_offsets([part])).get((topic, part), 0)
            first: Ends = await client.beginning_offsets([at])
            begins = {at: max(first[at], min(read_up_to, newest))}
            async for records in to_the_ends(client, self._prefix, begins, {at: newest}):
                for item in map(read, records):
                    message = item.message if isinstance(item, Readable) else None
                    if message and (message.writer, message.key) == (writer, EVERY):
                        number = message.number or 0
                        if number >= span.first and number not in span.decided:
                            span.decided.add(number)
                            found.append(Unfinished(place_of(item.record)))
        return found

    async def _published(self, client: AIOKafkaConsumer, missing: Sequence[Entry]) -> set[str]:
        """The ids of this service's events on the topic since the first of the missing decisions."""
        parts = self._parts(self._who.writes.name)
        since = min(datetime.fromisoformat(entry.body["now"]) for entry in missing) - EARLIER
        ends: Ends = await client.end_offsets(parts)
        begins = await offsets_since(client, parts, int(since.timestamp() * 1000), ends)
        ids: set[str] = set()
        async for records in to_the_ends(client, self._prefix, begins, ends):
            ids.update(
                (dict(record.headers).get("ce_id") or b"").decode(errors="replace") for record in records
            )
        return ids
