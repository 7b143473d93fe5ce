"""Runs one replica of a service: wires the mechanism together, and stops it gracefully, within a bound."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import structlog
import uvloop

from lockgate.messages.topics import DEAD_LETTERS, JOURNALS
from lockgate.messages.values import EVERY
from lockgate.runtime import faults, logs
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.bounded import end
from lockgate.runtime.clock import Clock
from lockgate.runtime.committing import Committed
from lockgate.runtime.engine import Engine, Wiring
from lockgate.runtime.garbage import collect_seldom
from lockgate.runtime.health import HealthServer
from lockgate.runtime.kafka_topics import ensure_topics
from lockgate.runtime.presence import Presence
from lockgate.runtime.producer import Producer
from lockgate.runtime.progress import Progress
from lockgate.runtime.reader import Reader
from lockgate.runtime.recovering import Recovery
from lockgate.runtime.redrive import Redrives
from lockgate.runtime.relay import Relay
from lockgate.runtime.service import Service, partition_of
from lockgate.runtime.settings import RuntimeSettings
from lockgate.runtime.store import RETRYABLE, Store
from lockgate.runtime.subscription import KAFKA_ERRORS
from lockgate.runtime.telling import tell
from lockgate.runtime.timers import Timers
from lockgate.runtime.workers import Workers, WorkFunction

log = structlog.get_logger()

T = TypeVar("T")

SEEN_DAYS = 31  # a day longer than the inlets keep events
HOUSEKEEPING_SECONDS = 3600.0
LAST_SECONDS = (
    2.0  # after this the process ends even if something swallows its cancellation; nothing is lost by it
)


def run(service: Service, settings: RuntimeSettings) -> int:
    """Runs a service until SIGTERM or SIGINT. Returns the exit code: 0 after a graceful stop, 1 otherwise."""
    logs.configure(service.identity.writer, settings.log_level)
    faults.arm(faults.parse(settings.fault), settings.fault_log)
    collect_seldom()
    return uvloop.run(_until_signal(service, settings))


async def _until_signal(service: Service, settings: RuntimeSettings) -> int:
    stop = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    running = asyncio.create_task(Running(service, settings).run(stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    last = threading.Timer(settings.stop_seconds + LAST_SECONDS, os._exit, (1,))
    last.daemon = True
    last.start()
    if not running.done():
        await asyncio.wait({running}, timeout=settings.stop_seconds)
    stopping.cancel()
    if not running.done():
        log.error("the stop took too long; what was not published is published at the next start")
        running.cancel()
        return 1
    if error := running.exception():
        log.error("the service ended", error=repr(error), exc_info=error)
        return 1
    return 0


class Running:
    """One replica of a service, wired together. `port` is that of its HTTP endpoints once it serves them."""

    def __init__(self, service: Service, settings: RuntimeSettings) -> None:
        self._service = service
        self._settings = settings
        self._who = service.identity
        self.port: int | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Starts, serves until `stop` is set, and stops gracefully. Whatever cannot be retried comes out."""
        settings, who = self._settings, self._who
        schema = self._service.schema
        dsn = settings.postgres.get_secret_value()
        topics = {*who.reads, who.writes, JOURNALS[who.service], DEAD_LETTERS[who.service]}
        await patiently(
            "the topics", lambda: ensure_topics(settings, sorted(topics, key=lambda t: t.name)), stop
        )
        store = await patiently("the database", lambda: Store.open(dsn, schema), stop)
        if store is None:
            return
        relay = Relay(
            dsn,
            store,
            Producer(settings.kafka, settings.topic_prefix, f"lockgate-{who.writer}"),
            silent_seconds=settings.session_seconds,
        )
        try:
            async with self._service.open_work() as functions:
                await self._serve(stop, store, relay, functions)
        finally:
            await relay.close()
            await store.close()

    async def _serve(
        self, stop: asyncio.Event, store: Store, relay: Relay, functions: Mapping[str, WorkFunction]
    ) -> None:
        settings, who = self._settings, self._who
        clock = Clock()
        now = await patiently("the database", store.now, stop)
        if now is None:
            return
        clock.learn(now)

        def committed(what: Committed) -> None:
            relay.hand_over(dict(what.bases), what.out)
            workers.committed(what.work)
            tell(what.out, who.writes.name)

        partitions = settings.partitions
        wiring = Wiring(store, clock, lambda k: partition_of(k, partitions), committed)
        engine = Engine(who, self._service.core, wiring)
        recovery = Recovery(settings, who, self._service.core, wiring)
        group = settings.topic_prefix + who.writer
        reader = Reader(settings, group, who.reads, engine, recovery)
        presence = Presence(settings, group, lambda: reader.member)
        progress = Progress(reader, engine, settings.stall_seconds)
        workers = Workers(functions, store, reader, engine, progress)
        timers = Timers(store, reader, engine, progress, clock)
        health = self._health(store, reader, progress)
        self._take_over(reader, engine, relay, workers, progress)
        self.port = await health.start()
        log.info("serving", port=self.port, core=who.version, reads=[t.name for t in who.reads])
        try:
            await patiently("the consumer", reader.start, stop)
            redrives = Redrives(store, reader, engine)
            loops = (reader, relay, progress, workers, timers, redrives, presence)
            await _until(stop, [*(loop.run() for loop in loops), _housekeep(store)])
        finally:
            await workers.close(settings.stop_seconds / 5)
            await engine.committing.close(settings.stop_seconds / 10)
            await reader.close(settings.stop_seconds / 5)
            presence.close()
            if not await relay.drain(settings.stop_seconds / 5):
                log.warning("not everything was published; the next start publishes it")
            await health.close()

    def _take_over(
        self, reader: Reader, engine: Engine, relay: Relay, workers: Workers, progress: Progress
    ) -> None:
        every = partition_of(EVERY, self._settings.partitions)
        started = False

        async def own(parts: set[int]) -> None:
            nonlocal started
            progress.own(parts)
            relay.own(parts)
            workers.own(parts)
            started = started and every in parts
            if self._service.at_start is not None and every in parts and not started:
                async with engine.alone():
                    if reader.stale:
                        return
                    await engine.take_start(self._service.at_start)
                    faults.reach(faults.Point.START_TOLD)
                started = True

        reader.on_owned(own)

    def _health(self, store: Store, reader: Reader, progress: Progress) -> HealthServer:
        async def alive() -> str | None:
            return "the consumer stopped advancing while there is lag" if progress.stalled else None

        async def ready() -> str | None:
            if reader.stale:
                return "no partitions are owned yet, or they are being taken over again"
            try:
                await store.ping()
            except RETRYABLE as error:
                return f"the database does not answer: {error!r}"
            return None

        return HealthServer(self._settings.http_host, self._settings.http_port, alive=alive, ready=ready)


async def patiently(what: str, action: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """Tries until it works or the service is to stop. Misconfiguration is not retried: it comes out."""
    stopping = asyncio.create_task(stop.wait())
    trying = asyncio.create_task(_again_and_again(what, action))
    try:
        await asyncio.wait({trying, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return trying.result() if trying.done() else None
    finally:
        await end({trying, stopping})


async def _again_and_again(what: str, action: Callable[[], Awaitable[T]]) -> T:
    backoff = Backoff(0.2, 5.0)
    while True:
        try:
            return await action()
        except (*KAFKA_ERRORS, *RETRYABLE) as error:
            log.warning("waiting", what=what, error=repr(error), delay=backoff.peek)
            await backoff.wait()


async def _until(stop: asyncio.Event, loops: list[Coroutine[Any, Any, None]]) -> None:
    """Runs the loops until `stop` is set. A loop that ends takes the service down: none of them may be missing."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end({*tasks, stopping})
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error


async def _housekeep(store: Store) -> None:
    while True:
        try:
            await store.forget_seen(SEEN_DAYS)
        except RETRYABLE as error:
            log.warning("housekeeping will be tried again", error=repr(error))
        await asyncio.sleep(HOUSEKEEPING_SECONDS)
