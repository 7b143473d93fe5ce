"""What a replica remembers of the database for the keys of its partitions: counters, rows, marks, parked events.

A cache and nothing more: any conflict or error empties it. What another replica may change before the next
batch is forgotten after each one. Talks to the store.
"""

import asyncio
from collections.abc import Callable, Collection, Container, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from lockgate.messages.decision import Core, RowKey
from lockgate.runtime import canonical
from lockgate.runtime.batch import ParkedRow, Place
from lockgate.runtime.decider import ABSENT, Loaded
from lockgate.runtime.parking import STUCK
from lockgate.runtime.remembered import Remembered
from lockgate.runtime.store import Store
from lockgate.runtime.waiting import Waiting

K = TypeVar("K", str, RowKey)

MAX_KEYS = 100_000


class State:
    """`owns` says whether this replica alone decides for a key, so that what it remembers of it stays true."""

    def __init__(self, store: Store, core: Core, owns: Callable[[str], bool]) -> None:
        self._store = store
        self._core = core
        self._owns = owns
        self.keys: dict[str, tuple[int, int]] = {}
        self._remembered = Remembered()
        self.marks: dict[tuple[str, str], int] = {}
        self.seen: set[tuple[str, str]] = set()
        self.parked = Waiting(owns)
        self.again: set[Place] = set()
        """Of what is stuck, what gets another try."""
        self._tried: set[Place] = set()
        self._marked: dict[str, None] = {}
        self._foreign: set[str] = set()
        self._foreign_marks: set[tuple[str, str]] = set()

    @property
    def rows(self) -> Mapping[RowKey, Loaded]:
        """What is remembered of them; `remember` adds to it."""
        return self._remembered.rows

    def remember(self, name: RowKey, loaded: Loaded, size: int) -> None:
        """A row of a key whose counters are known; `size` is that of its body as it is stored."""
        self._remembered.put(name, loaded, size, passing=name.key in self._foreign)

    def mark(self, mark: tuple[str, str], number: int) -> None:
        """So far a writer's events under a key were handled."""
        self.marks[mark] = number
        self.parked.told(mark, number)
        if mark[1] in self._foreign:
            self._foreign_marks.add(mark)

    def forget(self) -> None:
        self._forget_cached()
        self.parked.clear()
        self.again.clear()

    @property
    def forgets(self) -> bool:
        """Whether something has to be forgotten after this batch: then the next one reads it from the database."""
        return bool(self._foreign or self.seen) or self._is_too_much()

    def forget_foreign(self) -> None:
        """After a batch: what another replica may change before the next one, and all if it has become too much."""
        self.seen.clear()
        if self._is_too_much():
            self._forget_cached()
        elif foreign := self._foreign:
            for key in foreign:
                self.keys.pop(key, None)
                self._marked.pop(key, None)
            for mark in self._foreign_marks:
                del self.marks[mark]
            self._foreign_marks.clear()
            self._remembered.forget_passing()
            foreign.clear()

    async def need(
        self,
        keys: Iterable[str],
        marked: Iterable[str],
        rows: Collection[RowKey],
        ids: Iterable[tuple[str, str]],
    ) -> None:
        """Loads at the same time what a batch certainly needs: counters, marks, rows that can be read, ids of inlets."""
        loads: list[Coroutine[Any, Any, None]] = []
        counters, names = _missing(keys, self.keys), _missing(rows, self.rows)
        if counters or names:
            loads.append(self._load_versioned(counters, names))
        if missing := _missing(marked, self._marked):
            loads.append(self._load_marks(missing))
        if found := sorted(set(ids)):
            loads.append(self._load_seen(found))
        if len(loads) == 1:
            await loads[0]
        elif loads:  # all have ended before one that failed is told of: none writes into a cache that was emptied since
            for result in await asyncio.gather(*loads, return_exceptions=True):
                if result is not None:
                    raise result

    async def need_keys(self, keys: Iterable[str]) -> None:
        if missing := _missing(keys, self.keys):
            await self._load_keys(missing)

    async def need_marks(self, keys: Iterable[str]) -> None:
        if missing := _missing(keys, self._marked):
            await self._load_marks(missing)

    async def need_rows(self, keys: Collection[RowKey]) -> None:
        """Loads rows. Those that today's core cannot read raise."""
        if missing := _missing(keys, self.rows):
            await self._load_rows(missing, if_valid=False)

    async def _load_versioned(self, keys: list[str], rows: list[RowKey]) -> None:
        """The counter of a key is the version of its rows, so it is read before them: a write on older rows is refused."""
        if keys:
            await self._load_keys(keys)
        if rows:
            await self._load_rows(rows, if_valid=True)

    async def _load_keys(self, missing: list[str]) -> None:
        found = await self._store.load_keys(missing)
        self._remembered.forget_passing_of(missing)
        self.keys.update({key: found.get(key, (0, 0)) for key in missing})
        self._note_foreign(missing)

    async def _load_marks(self, missing: list[str]) -> None:
        found = await self._store.load_marks(missing)
        self._note_foreign(missing)
        for mark, number in found.items():
            self.mark(mark, number)
        self._marked.update(dict.fromkeys(missing))

    async def _load_rows(self, missing: list[RowKey], *, if_valid: bool) -> None:
        """`if_valid` leaves those out that today's core cannot read; else they raise."""
        found = await self._store.load_rows(missing)
        self._note_foreign({key.key for key in missing})
        for key in missing:
            version, body = found.get(key, (0, b""))
            try:
                self.remember(key, self._loaded(key, version, body) if body else ABSENT, len(body))
            except Exception:  # whatever an upcast raises; it is met again where the event is decided
                if not if_valid:
                    raise

    async def _load_seen(self, ids: list[tuple[str, str]]) -> None:
        self.seen |= await self._store.load_seen(ids)

    async def need_parked(self, parts: Collection[int]) -> None:
        """Loads what waits. What this process has not tried yet gets a try: its core may be a newer one."""
        for row in sorted(await self._store.load_parked(sorted(parts)), key=lambda row: row.number or 0):
            self.parked.add(row)
            if row.reason in STUCK and row.place not in self._tried:
                self.again.add(row.place)

    def tried(self, row: ParkedRow) -> None:
        """A row waits on after it was tried: it is not tried again by itself if it is stuck."""
        self.again.discard(row.place)
        if row.reason in STUCK:
            self._tried.add(row.place)

    def _is_too_much(self) -> bool:
        return max(len(self.keys), len(self._marked)) > MAX_KEYS or self._remembered.is_too_much

    def _forget_cached(self) -> None:
        for cache in (self.keys, self.marks, self.seen, self._marked, self._foreign, self._foreign_marks):
            cache.clear()
        self._remembered.clear()

    def _note_foreign(self, keys: Iterable[str]) -> None:
        self._foreign.update(key for key in keys if not self._owns(key))

    def _loaded(self, key: RowKey, version: int, body: bytes) -> Loaded:
        row = self._core.rows[key.kind]
        return Loaded(version, row.model_validate(row.upcast(canonical.loads(body)), strict=False))


def _missing(wanted: Iterable[K], cached: Container[K]) -> list[K]:
    """What is not cached, sorted. Set arithmetic with a dict's keys would look at all that is cached."""
    return sorted({key for key in wanted if key not in cached})
