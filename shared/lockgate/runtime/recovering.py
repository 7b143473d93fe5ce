"""Makes a database whole that was restored to an earlier time, from the journal on its topic, before anything is decided.

Looks at the start, and whenever the database server is not the one it was. In the common case a few records are
read and nothing is missing. Talks to Kafka and, through the store, to PostgreSQL.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from lockgate.messages.decision import Core
from lockgate.messages.topics import JOURNALS
from lockgate.runtime.deciding import Identity
from lockgate.runtime.engine import Wiring
from lockgate.runtime.recovery import Counts, Entry, There, ahead, as_batch, entries, inlet_ids, unfinished
from lockgate.runtime.recovery_rest import Rest
from lockgate.runtime.settings import RuntimeSettings
from lockgate.runtime.store_journal import load_journal, load_parked_places, note_journal
from lockgate.runtime.topic_scan import Ends, consumer, records_at, to_the_ends

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
        return self._store.suspect or not self._looked

    async def run(self) -> None:
        """Nothing if it is not needed. RecoveryError if the journal cannot make the database whole.

        ConflictError if another replica was first.
        """
        if not self.needed:
            return
        async with consumer(self._settings.kafka, "lockgate-recovery") as client:
            journal = self._parts(JOURNALS[self._who.service].name)
            ends: Ends = await client.end_offsets(journal)
            found = [entry async for entry in self._entries(client, ends)]
            counts = await self._store.load_keys(sorted({entry.key for entry in found}))
            if missing := ahead(found, counts):
                await self._apply(client, missing, counts)
        await note_journal(self._store, {part.partition: end for part, end in ends.items()})
        self._store.suspect = False
        self._looked = True

    def _parts(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self._prefix + topic, part) for part in range(self._settings.partitions)]

    async def _entries(self, client: AIOKafkaConsumer, ends: Ends) -> AsyncIterator[Entry]:
        """This writer's records from where the database last knew that the journal ended."""
        known = await load_journal(self._store)
        first: Ends = await client.beginning_offsets(list(ends))
        begins = {part: max(begin, known.get(part.partition, 0)) for part, begin in first.items()}
        async for records in to_the_ends(client, self._prefix, begins, ends):
            for entry in entries(self._who.writer, records):
                yield entry

    async def _apply(self, client: AIOKafkaConsumer, missing: Sequence[Entry], counts: Counts) -> None:
        said = log.bind(decisions=len(missing))
        said.warning("the database was restored to an earlier time; what the journal has since is applied")
        seen = frozenset(await self._store.load_seen(sorted(inlet_ids(missing))))
        there = There(seen, await load_parked_places(self._store))
        batch = as_batch(missing, counts, there, self._part_of)
        published = await self._published(client, missing)
        unsent = [entry for entry in missing if not published.issuperset(entry.body["events"])]
        halves = unfinished(missing)
        places = {entry.source for entry in (*unsent, *(half.first for half in halves)) if entry.source}
        records = await records_at(client, self._prefix, places)
        rest = Rest(self._who, self._core, self._store, self._part_of, missing=missing, records=records)
        for entry in unsent:
            await rest.publish(batch, entry, published)
        for half in halves:
            await rest.finish(batch, half, self._clock.now())
        await self._store.apply(batch, recovering=True)
        said.warning("the database is whole again", published_now=len(unsent), finished_now=len(halves))

    async def _published(self, client: AIOKafkaConsumer, missing: Sequence[Entry]) -> set[str]:
        """The ids of this service's events on the topic since the first of the missing decisions."""
        parts = self._parts(self._who.writes.name)
        since = min(datetime.fromisoformat(entry.body["now"]) for entry in missing) - EARLIER
        found = await client.offsets_for_times(dict.fromkeys(parts, int(since.timestamp() * 1000)))
        ends: Ends = await client.end_offsets(parts)
        begins = {part: found[part].offset if found[part] else ends[part] for part in parts}
        ids: set[str] = set()
        async for records in to_the_ends(client, self._prefix, begins, ends):
            ids.update(
                (dict(record.headers).get("ce_id") or b"").decode(errors="replace") for record in records
            )
        return ids
