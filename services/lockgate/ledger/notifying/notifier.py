"""Tells people, until it is cancelled: makes notices of what the ledger records, and posts them, again until they are taken.

Each receiver has a loop of its own, so none waits for another. Whatever fails here keeps the ledger from nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from datetime import timedelta
from itertools import groupby
from typing import Any

import aiohttp
import asyncpg
import structlog

from lockgate.ledger.notifying.metrics import METRICS
from lockgate.ledger.notifying.posting import Attempt, post, posting
from lockgate.ledger.notifying.receivers import Receiver
from lockgate.ledger.notifying.store import REFUSALS, Heard, MovedError, Open, Store, singly
from lockgate.ledger.notifying.telling import addressed, called, events, named, notices
from lockgate.ledger.settings import Settings
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.bounded import end
from lockgate.runtime.faults import Point, reach

LOOK_SECONDS = 0.5
STANDBY_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 10.0
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 300.0
SAID = 20
"""Ids in one line of the log."""

AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
UNTELLABLE = (asyncpg.DataError, asyncpg.ProgramLimitExceededError, ValueError)
"""What cannot be written as it is, however often it is tried."""

log = structlog.get_logger("lockgate.ledger")


@contextlib.asynccontextmanager
async def notifying(settings: Settings) -> AsyncIterator[None]:
    """While it is open, people are told; nothing happens where the settings name nobody."""
    if not settings.notify:
        yield
        return
    task = asyncio.create_task(Notifier(settings).run())
    try:
        yield
    finally:
        await end([task])


class Notifier:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._within = timedelta(seconds=settings.notify_within)
        self._news = {receiver.name: asyncio.Event() for receiver in settings.notify}
        self._backoff = Backoff(STANDBY_SECONDS, 30.0)
        self._taken: dict[str, str] = {}
        """Receiver -> the notice that it took, while no note of that is written: it is not told again."""

    async def run(self) -> None:
        """One term after the other; the next one begins with what PostgreSQL says."""
        backoff = self._backoff
        while True:
            try:
                await self._term()
            except (*AWAY, MovedError) as error:
                log.warning("telling starts over", trouble=repr(error), seconds=backoff.peek)
            except Exception:  # a defect here must not end the ledger
                METRICS.defects.inc()
                log.exception("telling raised; it starts over", seconds=backoff.peek)
            await backoff.wait()

    async def _term(self) -> None:
        store = await Store.open(self._settings.ledger_postgres)
        if store is None:
            self._backoff.reset()
            return
        try:
            async with posting(self._settings.notify_timeout) as session:
                log.info("telling", receivers=[receiver.name for receiver in self._settings.notify])
                METRICS.begin()
                delivering = [self._deliver(store, session, receiver) for receiver in self._settings.notify]
                await _until_one_ends([self._listen(store), self._keep(store), *delivering])
        finally:
            METRICS.end()
            store.close()

    async def _listen(self, store: Store) -> None:
        while True:
            heard = await store.hear()
            METRICS.behind.set(heard.behind + heard.upto - heard.before)
            if heard.upto == heard.before:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            try:
                await self._tell(store, heard)
            except UNTELLABLE:
                await self._tell_singly(store, heard)

    async def _tell(self, store: Store, heard: Heard) -> None:
        found = events(heard.rows)
        learned = named(found)
        known = await store.versions(called(found, learned))
        made = notices(found, known | learned)
        told = addressed(made, self._settings.notify, heard.now, self._within)
        await store.tell(heard, learned, told)
        self._wrote()
        for receiver, _, _ in told:
            self._news[receiver].set()

    async def _tell_singly(self, store: Store, heard: Heard) -> None:
        """An event that cannot be written keeps nobody from being told of the others."""
        for one in singly(heard):
            try:
                await self._tell(store, one)
            except UNTELLABLE:
                METRICS.defects.inc()
                log.exception("nobody can be told of an event", record=one.upto)
                await store.tell(one, {}, [])

    def _wrote(self) -> None:
        """PostgreSQL takes what is written, and so the next trouble is a new one."""
        if not self._taken:
            self._backoff.reset()

    async def _deliver(self, store: Store, session: aiohttp.ClientSession, receiver: Receiver) -> None:
        """One after the other, in the order of the ledger: who does not answer gets nothing later before it."""
        news = self._news[receiver.name]
        while True:
            news.clear()
            following = await store.first(receiver.name, self._within)
            if following is not None and following.wait <= 0:
                await self._attempt(store, session, receiver, following)
                continue
            wait = HOUSEKEEPING_SECONDS if following is None else min(following.wait, HOUSEKEEPING_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await news.wait()

    async def _attempt(
        self, store: Store, session: aiohttp.ClientSession, receiver: Receiver, given: Open
    ) -> None:
        """At least once: who dies between the answer and the note of it asks again, with the same id. Who lives notes it alone."""
        name, notice = receiver.name, given.notice
        reach(Point.WORK_CLAIMED)
        taken = self._taken.get(name) == notice.id
        attempt = Attempt() if taken else await post(session, receiver, notice)
        reach(Point.WORK_DONE)
        about = {"receiver": name, "id": notice.id, "kind": notice.kind.value, "key": notice.application}
        if attempt.delivered:
            self._taken[name] = notice.id
            await store.done(name, notice.id)
            del self._taken[name]
            METRICS.notices.labels(name, "delivered").inc()
            log.info("told", **about)
        else:
            delay = retry_delay(given.attempts, attempt)
            await store.again(name, notice.id, delay, refused=attempt.refused)
            METRICS.notices.labels(name, "failed").inc()
            log.warning("not told; it is tried again", trouble=attempt.trouble, seconds=delay, **about)
            if attempt.refused and given.refused + 1 == REFUSALS:
                log.error("what its receiver says it cannot take is set aside: the others go first", **about)
        self._wrote()
        reach(Point.REPORTED)

    async def _keep(self, store: Store) -> None:
        """Gives up what is too old, and says how much waits."""
        while True:
            for receiver, lost in groupby(await store.forget(self._within), lambda each: each.receiver):
                ids = [each.id for each in lost if self._taken.get(receiver) != each.id]
                if not ids:
                    continue
                METRICS.notices.labels(receiver, "given-up").inc(len(ids))
                log.error(
                    "notices are given up: their receiver took them in no attempt, and they are too old now",
                    receiver=receiver,
                    notices=len(ids),
                    ids=ids[:SAID],
                )
            waiting = {each.receiver: each for each in await store.waiting()}
            for name in self._news:
                one = waiting.get(name)
                METRICS.waiting.labels(name).set(one.notices if one else 0)
                METRICS.oldest.labels(name).set(one.oldest if one else 0)
            await asyncio.sleep(HOUSEKEEPING_SECONDS)


def retry_delay(attempts: int, attempt: Attempt) -> float:
    """Seconds until the next attempt, after `attempts` before this one; not sooner than the receiver asks for."""
    doubled: float = FIRST_RETRY_SECONDS * 2.0 ** min(attempts, 20)
    return max(min(doubled, LONGEST_RETRY_SECONDS), attempt.after)


async def _until_one_ends(loops: list[Coroutine[Any, Any, None]]) -> None:
    """None of them ends by itself: what one raises ends all."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error
