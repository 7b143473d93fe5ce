"""Tells the other replicas of the service that this one lives, and the broker which of the others have died.

A broker takes a member that says nothing for dead after its session, 10 s and more. PostgreSQL knows it at once: the
dead one's connections end. So each replica holds a session there that is named after its member of the consumer group
(`absence.py`), looks at the names of the others, and where one is gone for good it tells the broker that this member
has left, as that would have done itself. Talks to PostgreSQL and Kafka.

Wrong is harmless: a live member that is told to have left joins again by itself, and its offsets are compared and set
as ever. It is seldom wrong: a replica believes only what it saw through one session, so that a PostgreSQL that restarts, and
ends the sessions of all, makes nobody suspect.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import NoError, UnknownMemberIdError, for_code
from aiokafka.protocol.group import LeaveGroupRequest

from lockgate.runtime.absence import Roll, called, mark, member_of, session_name
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.bounded import close
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.settings import RuntimeSettings
from lockgate.runtime.store import RETRYABLE

log = structlog.get_logger()

LOOK_SECONDS = 0.25
ANSWER_SECONDS = 5.0
HOST_SECONDS = 1.5
"""For one broker, so that one which swallows everything leaves time for the others."""

KEPT_ALIVE = {"tcp_keepalives_idle": "3", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
"""Within ten seconds PostgreSQL ends a session whose replica vanished without a word: else it would answer for it for hours."""

NAME = "select set_config('application_name', $1, false)"
LOOK = (
    "select application_name from pg_stat_activity"
    " where datname = current_database() and starts_with(application_name, $1)"
)


class Presence:
    """`member` tells which one this replica is; it is another after each loss of the membership, and empty before the first."""

    def __init__(self, settings: RuntimeSettings, group: str, member: Callable[[], str]) -> None:
        self._kafka = settings.kafka
        self._dsn = settings.postgres.get_secret_value()
        self._group = group
        self._member = member
        self._session_seconds = settings.session_seconds
        self._connection: asyncpg.Connection[Any] | None = None
        self._called = ""
        self._roll: Roll = {}

    async def run(self) -> None:
        """Looks until it is cancelled. Without PostgreSQL it knows nothing, and the group's session decides alone."""
        backoff = Backoff(0.05, 5.0)
        async with asyncio.TaskGroup() as telling:
            while True:
                try:
                    dead = await self._look(await self._connected())
                    backoff.reset()
                except (
                    *RETRYABLE,
                    asyncpg.PostgresError,
                ) as error:  # it is only a help: no refusal ends the service
                    say = log.debug if isinstance(error, RETRYABLE) else log.warning
                    say("the other replicas are not seen", error=repr(error), delay=backoff.peek)
                    self.close()
                    await backoff.wait()
                    continue
                for member in dead:
                    telling.create_task(self._tell(member))
                await asyncio.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """From now on the others miss this replica: call it after its member has left."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connected(self) -> "asyncpg.Connection[Any]":
        if self._connection is None or self._connection.is_closed():
            self._called, self._roll = mark(self._group), {}
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=ANSWER_SECONDS,
                command_timeout=ANSWER_SECONDS,
                server_settings={"application_name": self._called, **KEPT_ALIVE},
            )
        return self._connection

    async def _look(self, connection: "asyncpg.Connection[Any]") -> tuple[str, ...]:
        name = session_name(self._group, self._member())
        if name != self._called:
            await connection.execute(NAME, name)
            self._called = name
        asked = asyncio.get_running_loop().time()
        rows = await connection.fetch(LOOK, mark(self._group))
        present = {member for row in rows if (member := member_of(self._group, row["application_name"]))}
        self._roll, dead = called(self._roll, present, asked, asyncio.get_running_loop().time())
        return dead

    async def _tell(self, member: str) -> None:
        """Again and again, until the member's session has ended anyway."""
        error: BaseException | None = None
        backoff = Backoff(0.2, 2.0)
        try:
            async with asyncio.timeout(self._session_seconds):
                while True:
                    try:
                        was_there = await leave(self._kafka, self._group, member)
                        break
                    except Exception as problem:  # noqa: BLE001  # clients raise more than they say, and this is only a help
                        error = problem
                    await backoff.wait()
        except TimeoutError:
            log.warning(
                "the broker was not told of a replica that died; it finds out when the member's session ends",
                member=member,
                error=repr(error),
            )
            return
        if was_there:  # else it left by itself, or another replica told of it
            METRICS.dismissed.inc()
            log.warning("another replica died; the broker was told that its member has left", member=member)


async def leave(bootstrap: str, group: str, member: str) -> bool:
    """Tells the broker that a member has left its group. False if there is none such; an error of Kafka's if it does not answer.

    Over a connection of its own: on the consumer's, a request to join that waits for this very member could be before it.
    """
    client = AIOKafkaClient(
        bootstrap_servers=bootstrap, client_id=group, request_timeout_ms=int(HOST_SECONDS * 1000)
    )
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await client.bootstrap()
            coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
            answer = await client.send(coordinator, LeaveGroupRequest(group, member))
    finally:
        await close(client.close(), 1.0)
    error = for_code(answer.error_code)
    if error not in {NoError, UnknownMemberIdError}:
        raise error(f"the member {member} of the group {group}")
    return error is NoError
