"""What replicas see of each other in PostgreSQL: the dead are found, and who only lost its session is not.

Each is a `Presence` of its own in this process. One dies when its session ends and it looks no more.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from yarl import URL

from lockgate.runtime import presence
from lockgate.runtime.absence import mark
from lockgate.runtime.bounded import end
from lockgate.runtime.presence import Presence
from lockgate.runtime.running import Running
from lockgate.runtime.settings import RuntimeSettings
from lockgate.runtime.workers import Workers
from tests.support.eventually import eventually
from tests.support.mutation import Gate, fails, returned, without
from tests.support.servers import PostgresUnderTest, unavailable
from tests.support.toy_world import World, know_each_other

GROUP = "lockgate.deployer-eu"

LONG_SESSION = 120.0
"""In seconds: no member of the group is lost on a busy machine."""


@dataclass
class Replica:
    presence: Presence
    looking: "asyncio.Task[None]"

    async def stops(self) -> None:
        """As a process that is paused: its session stays."""
        await end({self.looking})

    async def dies(self) -> None:
        await self.stops()
        self.presence.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of whom the broker was told that it has left, in order."""
    found: list[str] = []

    async def noted(_bootstrap: str, group: str, member: str) -> bool:
        found.append(member.removeprefix(f"{group}-"))
        return True

    monkeypatch.setattr(presence, "leave", noted)
    return found


@asynccontextmanager
async def replicas(
    world: World, *names: str, group: str = GROUP, **settings: str
) -> AsyncIterator[list[Replica]]:
    """Of one service. All are gone at the end."""
    made = [_replica(world.settings(**settings), group, name) for name in names]
    try:
        yield made
    finally:
        for replica in made:
            await replica.dies()


def _replica(settings: RuntimeSettings, group: str, name: str) -> Replica:
    made = Presence(settings, group, lambda: f"{group}-{name}")
    return Replica(made, asyncio.create_task(made.run()))


async def cut_off(world: World) -> None:
    """As PostgreSQL does when it is restarted."""
    await world.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like $1",
        f"{mark(GROUP)}%",
    )


async def test_a_dead_replica_is_found_by_each_of_the_others(world: World, told: list[str]) -> None:
    async with replicas(world, "first", "second", "third") as (first, _, _):
        await know_each_other(world, 3)
        await first.dies()
        await eventually(lambda: len(told) == 2)
    assert told == ["first", "first"]


async def test_after_everybody_was_cut_off_only_who_was_seen_since_can_be_missed(
    world: World, told: list[str]
) -> None:
    """The stopped one is gone for longer than the dead one, and lives."""
    async with replicas(world, "first", "dead", "stopped") as (_, dead, stopped):
        await know_each_other(world, 3)
        await stopped.stops()
        await cut_off(world)
        await know_each_other(world, 2)
        await dead.dies()
        await eventually(lambda: told)
        assert told == ["dead"]


async def test_forgetting_who_was_seen_through_a_session_that_ended_is_needed(
    world: World, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, Presence, "_connected", ("mark(self._group), {}", "mark(self._group), self._roll"))
    check = test_after_everybody_was_cut_off_only_who_was_seen_since_can_be_missed(world, told)
    await fails(check, "stopped")


async def test_a_replica_that_lost_its_session_has_a_new_one_before_it_is_missed(
    world: World, told: list[str]
) -> None:
    """All but the one that looks lose theirs; at the end one of them dies, and no other was taken for dead."""
    async with replicas(world, "watching", "live", "dying") as (_, _, dying):
        await know_each_other(world, 3)
        await world.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = any($1)",
            [f"{mark(GROUP)}{name}" for name in ("live", "dying")],
        )
        await know_each_other(world, 3)
        await dying.dies()
        await eventually(lambda: len(told) == 2)
    assert told == ["dying", "dying"]


async def test_a_replica_that_takes_long_to_leave_is_not_missed_before_it_has_left(
    world: World, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for its work to end, and is still a member meanwhile; another one dies, and is missed alone."""
    await world.serving(session_seconds=LONG_SESSION)
    leaving = await world.serving(session_seconds=LONG_SESSION)
    async with replicas(world, "dying", group=world.prefix + "rollback") as (dying,):
        await know_each_other(world, 3)
        gate = Gate(monkeypatch, Workers, "close")
        leaving.stop.set()
        await gate.holds()
        await dying.dies()
        await eventually(lambda: "dying" in told)
        gate.open()
        assert told == ["dying"], "it was missed while it left"


async def test_leaving_the_group_before_the_session_ends_is_needed(
    world: World, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = ("await workers.close(", "presence.close(); await workers.close(")
    without(monkeypatch, Running, "_serve", earlier)
    check = test_a_replica_that_takes_long_to_leave_is_not_missed_before_it_has_left(world, told, monkeypatch)
    await fails(check, "it was missed while it left")


async def test_replicas_of_another_service_in_the_same_database_are_none_of_ours(
    world: World, told: list[str]
) -> None:
    async with (
        replicas(world, "ours", "dead"),
        replicas(world, "theirs", "gone", group="lockgate.verifier") as (_, gone),
    ):
        await know_each_other(world, 4)
        await gone.dies()
        await eventually(lambda: told)
    assert told == ["gone"], "the replica beside it found out, and nobody else"


async def test_a_right_that_is_missing_ends_nothing_and_is_asked_for_again(
    world: World, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some take from everybody what only monitoring is to read."""
    connected = returned(monkeypatch, Presence, "_connected")
    role = f"plain_{secrets.token_hex(4)}"
    await world.query(f"create role {role} login password 'plain'")
    dsn = str(URL(world.database).with_user(role).with_password("plain"))
    await world.query("revoke select on pg_stat_activity from public")
    async with replicas(world, "first", "second", postgres=dsn) as (first, second):
        await eventually(lambda: len(connected) > 4)  # each has been refused, and has begun anew
        assert not first.looking.done()
        await world.query("grant select on pg_stat_activity to public")
        await know_each_other(world, 2)
        await first.dies()
        await eventually(lambda: told, within=30.0)
        assert not second.looking.done()
    assert told == ["first"]


async def test_a_broker_that_cannot_be_told_is_told_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    async def refused_once(_bootstrap: str, _group: str, member: str) -> bool:
        tries.append(member)
        if len(tries) == 1:
            raise AssertionError(
                "Did we not perform bootstrap?"
            )  # as aiokafka does where a broker knows of none yet
        return True

    monkeypatch.setattr(presence, "leave", refused_once)
    async with replicas(world, "first", "second") as (first, second):
        await know_each_other(world, 2)
        await first.dies()
        await eventually(lambda: len(tries) == 2)
        assert not second.looking.done()


async def test_a_database_that_is_away_is_waited_for(
    world: World, postgres: PostgresUnderTest, told: list[str]
) -> None:
    if postgres.server is None:
        unavailable(
            "An outside PostgreSQL cannot be killed.", "leave out LOCKGATE_POSTGRES and --containers."
        )
    async with replicas(world, "first", "second") as (first, second):
        await know_each_other(world, 2)
        await asyncio.to_thread(postgres.server.kill)
        await asyncio.to_thread(postgres.server.start)
        await know_each_other(world, 2)
        await first.dies()
        await eventually(lambda: told)
        assert not second.looking.done()
    assert told == ["first"]
