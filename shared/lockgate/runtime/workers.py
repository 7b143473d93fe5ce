"""Runs slow work outside of decisions: applying, probing, measuring. Its results come back as inputs.

Work is a row; the replica that owns its partition runs it, at least once. Nothing is begun or resumed until the
topics have been read to the ends seen at the start, the assignment or after a gap, so that a halt or an order
that is already written is never overtaken. Talks to the store and the engine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from lockgate.runtime.backoff import Backoff
from lockgate.runtime.batch import WorkRow
from lockgate.runtime.engine import Engine
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.progress import Progress
from lockgate.runtime.reader import KAFKA_ERRORS, Reader
from lockgate.runtime.store import RETRYABLE, STARTING_OVER, Store

log = structlog.get_logger()

POLL_SECONDS = 1.0
AT_ONCE = 200
READ_SECONDS = 30.0
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0

Report = Callable[[dict[str, Any]], Awaitable[None]]
WorkFunction = Callable[[dict[str, Any], Report], Awaitable[dict[str, Any]]]

Name = tuple[str, str]


class _Replaced(Exception):  # noqa: N818  # no error: the work is not wanted any more
    pass


class Workers:
    def __init__(
        self,
        functions: Mapping[str, WorkFunction],
        store: Store,
        reader: Reader,
        engine: Engine,
        progress: Progress,
    ) -> None:
        self._functions = functions
        self._store = store
        self._reader = reader
        self._engine = engine
        self._progress = progress
        self._running: dict[Name, tuple[int, asyncio.Task[None]]] = {}
        self._live: set[int] = set()
        self._resumed_at = progress.resumed_at
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def own(self, parts: set[int]) -> None:
        """Other partitions now: their work stops here; what is new begins once it has caught up."""
        self._live = set()
        for name, (_, task) in list(self._running.items()):
            if not parts:
                task.cancel()
                self._running.pop(name, None)

    def committed(self, changes: Mapping[Name, WorkRow | None]) -> None:
        """What a transaction set or cancelled: replaced work stops at once, new work starts at once."""
        for name, row in changes.items():
            running = self._running.get(name)
            if running is not None and (row is None or row.set_by != running[0]):
                self._running.pop(name)
                if running[1] is not asyncio.current_task():
                    running[1].cancel()
            if row is not None and row.part in self._live:
                self._start(row, 0)

    async def run(self) -> None:
        """Looks for work that another replica committed, or that is to be tried again."""
        while True:
            try:
                await self._round()
            except (*KAFKA_ERRORS, *RETRYABLE) as error:
                log.warning("work will be looked for again", error=repr(error))
            await asyncio.sleep(POLL_SECONDS if self._live or not self._engine.owned else 0.05)

    async def close(self) -> None:
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _round(self) -> None:
        if self._progress.resumed_at != self._resumed_at:
            self._resumed_at = self._progress.resumed_at
            self._live = set()
        owned = set(self._engine.owned)
        if not owned or self._reader.stale:
            return
        if self._live != owned:
            ends = await self._reader.ends(owned)
            if not await self._progress.read_up_to(ends, READ_SECONDS) or self._engine.owned != owned:
                return
            self._live = owned
        for row, attempts in await self._store.ready_work(sorted(self._live)):
            self._start(row, attempts)

    def _start(self, row: WorkRow, attempts: int) -> None:
        name = (row.key, row.name)
        if name not in self._running:
            task = asyncio.create_task(self._do(row, attempts), name=f"{row.kind} {row.key} {row.name}")
            self._running[name] = (row.set_by, task)

    async def _do(self, row: WorkRow, attempts: int) -> None:
        name = (row.key, row.name)

        async def report(body: dict[str, Any]) -> None:
            await self._deliver(row, body, final=False)

        try:
            async with self._slots:
                METRICS.working.inc()
                try:
                    result = await self._functions[row.kind](row.body, report)
                finally:
                    METRICS.working.dec()
            await self._deliver(row, result, final=True)
        except _Replaced:
            log.info("work was replaced", key=row.key, work=row.name)
        except Exception:  # whatever a client library raises: the work is tried again
            delay = min(FIRST_RETRY_SECONDS * 2**attempts, LONGEST_RETRY_SECONDS)
            METRICS.work_errors.labels(row.kind).inc()
            log.exception("work raised; it is tried again", key=row.key, work=row.name, delay=delay)
            await self._delay(row, delay)
        finally:
            if self._running.get(name, (None,))[0] == row.set_by:
                self._running.pop(name, None)

    async def _deliver(self, row: WorkRow, body: dict[str, Any], *, final: bool) -> None:
        """Hands a report to the engine, for as long as it takes. _Replaced if the work is not wanted any more."""
        backoff = Backoff(0.05, 5.0)
        while not await self._delivered(row, body, final=final):
            await backoff.wait()

    async def _delivered(self, row: WorkRow, body: dict[str, Any], *, final: bool) -> bool:
        await self._reader.fresh.wait()
        try:
            async with self._engine.lock:
                if self._reader.stale:
                    return False
                wanted = row.part in self._engine.owned and await self._store.has_work(row)
                if wanted:
                    await self._engine.take_report(row, body, final=final)
        except STARTING_OVER as error:
            self._reader.mark_stale()
            log.info("a report will be delivered again", key=row.key, work=row.name, error=repr(error))
            return False
        except Exception:
            self._reader.mark_stale()  # the core raised: what the engine remembers is not to be trusted
            raise
        if not wanted:
            raise _Replaced
        return True

    async def _delay(self, row: WorkRow, delay: float) -> None:
        try:
            await self._store.delay_work(row, delay)
        except RETRYABLE as error:
            log.warning(
                "the delay was not written; the work is tried again soon", key=row.key, error=repr(error)
            )
