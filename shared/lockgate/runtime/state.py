"""What a replica remembers of the database for the keys of its partitions: counters, rows, marks, parked events.

A cache and nothing more: any conflict or error empties it. Keys of other partitions are forgotten after each
batch, since another replica decides for them. Talks to the store.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from lockgate.messages.decision import Core, RowKey
from lockgate.runtime.batch import ParkedRow
from lockgate.runtime.decider import ABSENT, Loaded
from lockgate.runtime.parking import Hold
from lockgate.runtime.store import Store

MAX_ROWS = 100_000


class State:
    def __init__(self, store: Store, core: Core, owns: Callable[[str], bool]) -> None:
        self._store = store
        self._core = core
        self._owns = owns
        self.keys: dict[str, tuple[int, int]] = {}
        self.rows: dict[RowKey, Loaded] = {}
        self.marks: dict[tuple[str, str], int] = {}
        self.seen: set[tuple[str, str]] = set()
        self.parked: dict[tuple[str, str], deque[ParkedRow]] = defaultdict(deque)
        self._marked: set[str] = set()

    def forget(self) -> None:
        for cache in (self.keys, self.rows, self.marks, self.seen, self.parked, self._marked):
            cache.clear()

    def forget_foreign(self) -> None:
        """After a batch: what another replica may change before the next one."""
        self.seen.clear()
        foreign = {key for key in (*self.keys, *self._marked) if not self._owns(key)}
        foreign |= (
            {key.key for key in self.rows if not self._owns(key.key)} if foreign or len(self.rows) else set()
        )
        if foreign or len(self.rows) > MAX_ROWS:
            self.keys = {key: value for key, value in self.keys.items() if key not in foreign}
            self.marks = {mark: value for mark, value in self.marks.items() if mark[1] not in foreign}
            self._marked -= foreign
            rows = self.rows if len(self.rows) <= MAX_ROWS else {}
            self.rows = {key: value for key, value in rows.items() if key.key not in foreign}

    async def need_keys(self, keys: Iterable[str]) -> None:
        if missing := sorted(set(keys) - self.keys.keys()):
            found = await self._store.load_keys(missing)
            self.keys.update({key: found.get(key, (0, 0)) for key in missing})

    async def need_marks(self, keys: Iterable[str]) -> None:
        if missing := sorted(set(keys) - self._marked):
            self.marks.update(await self._store.load_marks(missing))
            self._marked |= set(missing)

    async def need_rows(self, keys: Collection[RowKey]) -> None:
        if missing := sorted(set(keys) - self.rows.keys()):
            found = await self._store.load_rows(missing)
            for key in missing:
                self.rows[key] = self._loaded(key, found[key]) if key in found else ABSENT

    async def need_seen(self, ids: Iterable[tuple[str, str]]) -> None:
        if ids := sorted(set(ids)):
            self.seen |= await self._store.load_seen(ids)

    async def need_parked(self, parts: Collection[int]) -> None:
        for row in await self._store.load_parked(sorted(parts)):
            # A core that raised, or could not read, may be a newer one now: it gets another try, in order.
            again = row.reason in {Hold.DECIDE, Hold.UNDECODABLE}
            self.parked[row.writer, row.key].append(replace(row, reason=Hold.ORDER) if again else row)

    def _loaded(self, key: RowKey, found: tuple[int, dict[str, object]]) -> Loaded:
        version, body = found
        row = self._core.rows[key.kind]
        return Loaded(version, row.model_validate(row.upcast(body), strict=False))
