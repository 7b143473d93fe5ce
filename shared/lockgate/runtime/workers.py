"""Runs slow work outside of decisions: applying, probing, measuring. Its results come back as inputs.

Work is a row; the replica that owns its partition runs it, at least once. Nothing is begun or resumed until the
topics have been read to the ends seen at the start, the assignment or after a gap, so that a halt or an order
that is already written is never overtaken. Talks to the store and the engine.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from lockgate.runtime.backoff import Backoff
from lockgate.runtime.batch import WorkRow
from lockgate.runtime.engine import Engine
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.progress import Progress
from lockgate.runtime.reader import Reader
from lockgate.runtime.reporting import Fate, Reporting
from lockgate.runtime.store import READY_AT_ONCE, RETRYABLE, Store
from lockgate.runtime.subscription import KAFKA_ERRORS

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


@dataclass(slots=True)
class _Run:
    """One run of one piece of work. It is current while it is in the table of runs under its name."""

    row: WorkRow
    task: "asyncio.Task[None] | None" = None


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
        self._runs: dict[Name, _Run] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._live: set[int] = set()
        self._gaps = progress.gaps
        self._reporting = Reporting(store, reader, engine)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._wake = asyncio.Event()

    def own(self, parts: set[int]) -> None:
        """Other partitions now: their work stops here; what is new begins once it has caught up."""
        self._live = set()
        for run in [run for run in self._runs.values() if run.row.part not in parts]:
            self._end(run)
        self._wake.set()

    def committed(self, changes: Mapping[Name, WorkRow | None]) -> None:
        """What a transaction set or cancelled: replaced work stops at once, new work starts at once."""
        for name, row in changes.items():
            run = self._runs.get(name)
            if run is not None and (row is None or row.set_by != run.row.set_by):
                self._end(run)
            if row is not None and row.part in self._live and self._is_continuous():
                self._start(row, 0)

    async def run(self) -> None:
        """Looks for work that another replica committed, or that is to be tried again."""
        while True:
            self._wake.clear()
            try:
                await self._round()
            except (*KAFKA_ERRORS, *RETRYABLE) as error:
                log.warning("work will be looked for again", error=repr(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS if self._live or not self._engine.owned else 0.05):
                    await self._wake.wait()

    async def close(self, seconds: float) -> None:
        """Cancels what runs. Bounded: what does not end in time is left to the end of the process."""
        self._live = set()  # nothing that is committed from here on begins
        for run in list(self._runs.values()):
            self._end(run)
        if self._ending:
            _, left = await asyncio.wait(self._ending, timeout=seconds)
            for task in left:
                log.warning("work did not stop in time", work=task.get_name())

    def _is_continuous(self) -> bool:
        """Whether nothing can have been written long ago that is not read yet; else it has to catch up first."""
        if self._progress.gaps != self._gaps or not self._progress.continuous:
            self._live = set()
        return bool(self._live)

    async def _round(self) -> None:
        owned = set(self._engine.owned)
        if not owned or self._reader.stale or not self._progress.continuous:
            return
        if self._live != owned or not self._is_continuous():
            await self._catch_up(owned)
        if self._live:
            await self._look()

    async def _catch_up(self, owned: set[int]) -> None:
        gaps = self._progress.gaps
        ends = await self._reader.ends(owned)
        if not await self._progress.read_up_to(ends, READ_SECONDS):
            return
        async with self._engine.alone():
            if self._engine.owned == owned and self._progress.caught_up(ends):
                self._live, self._gaps = owned, gaps

    async def _look(self) -> None:
        """Starts what is ready and stops what is gone. Under the lock, so that no commit comes in between."""
        async with self._engine.alone():
            ready = await self._store.ready_work(sorted(self._live))
            if self._reader.stale or self._store.doubt.suspect:
                return
            wanted = {(row.key, row.name): row.set_by for row, _ in ready}
            if len(ready) < READY_AT_ONCE:
                for run in list(self._runs.values()):
                    if wanted.get((run.row.key, run.row.name)) != run.row.set_by:
                        self._end(run)
            for row, attempts in ready:
                self._start(row, attempts)

    def _start(self, row: WorkRow, attempts: int) -> None:
        name = (row.key, row.name)
        if name not in self._runs:
            run = self._runs[name] = _Run(row)
            run.task = asyncio.create_task(self._do(run, attempts), name=f"{row.kind} {row.key} {row.name}")

    def _end(self, run: _Run) -> None:
        """Takes a run out of the table, and stops it unless it is the one that speaks."""
        self._runs.pop((run.row.key, run.row.name), None)
        task = run.task
        if task is not None and task is not asyncio.current_task() and not task.done():
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def _is_current(self, run: _Run) -> bool:
        return self._runs.get((run.row.key, run.row.name)) is run

    async def _do(self, run: _Run, attempts: int) -> None:
        row = run.row

        async def report(body: dict[str, Any]) -> None:
            await self._deliver(run, body, final=False)

        try:
            async with self._slots:
                reach(Point.WORK_CLAIMED)
                with METRICS.working.track_inprogress():
                    result = await self._functions[row.kind](row.body, report)
            reach(Point.WORK_DONE)
            await self._deliver(run, result, final=True)
        except _Replaced:
            log.info("work was replaced", key=row.key, work=row.name)
        except Exception:  # whatever a client library raises: the work is tried again
            delay = min(FIRST_RETRY_SECONDS * 2 ** min(attempts, 10), LONGEST_RETRY_SECONDS)
            METRICS.work_errors.labels(row.kind).inc()
            log.exception("work raised; it is tried again", key=row.key, work=row.name, delay=delay)
            await self._delay(row, delay)
        finally:
            if self._is_current(run):
                self._end(run)

    async def _deliver(self, run: _Run, body: dict[str, Any], *, final: bool) -> None:
        """Hands a report to the engine, for as long as it takes. _Replaced if the work is not wanted any more."""
        backoff = Backoff(0.05, 5.0)
        while (fate := await self._reporting.hand_over(run.row, body, final=final)) is Fate.AGAIN:
            await backoff.wait()
        if fate is Fate.UNWANTED or (not final and not self._is_current(run)):
            raise _Replaced  # the latter by what was decided from this very report

    async def _delay(self, row: WorkRow, delay: float) -> None:
        try:
            await self._store.delay_work(row, delay)
        except RETRYABLE as error:
            log.warning(
                "the delay was not written; the work is tried again soon", key=row.key, error=repr(error)
            )
