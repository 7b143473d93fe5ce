"""What a recovery asks of the database besides the usual: how far the journal was sent, and what waits parked."""

from collections.abc import Mapping

from lockgate.runtime.batch import Place
from lockgate.runtime.store import Store


async def load_journal(store: Store) -> dict[int, int]:
    """The offset up to which the journal is known to the database, per partition."""
    return {r["part"]: r["journal"] for r in await store.fetch("select part, journal from relay")}


async def note_journal(store: Store, ends: Mapping[int, int], generation: int) -> None:
    """Everything in the journal below these offsets is in the database, as it was looked at in this generation."""
    await store.fetch_of(
        generation,
        "insert into relay as r (part, next_seq, sent, journal) select p, 0, 0, e from unnest($1::int[], $2::bigint[]) i(p, e)"
        " order by p on conflict (part) do update set journal = greatest(r.journal, excluded.journal)",
        list(ends),
        list(ends.values()),
    )


async def load_parked_places(store: Store) -> frozenset[Place | None]:
    rows = await store.fetch('select topic, part, "offset" from parked')
    return frozenset((r["topic"], r["part"], r["offset"]) for r in rows)
