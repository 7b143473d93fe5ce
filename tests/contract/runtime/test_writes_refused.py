"""A deadline set on others gets its grace also after a time in which PostgreSQL answered, but took no writes."""

import asyncio
from datetime import datetime

from tests.support.eventually import eventually
from tests.support.toy_world import World, said

GRACE = 3.0


async def test_a_deadline_set_on_others_gets_its_grace_after_writes_were_refused(world: World) -> None:
    await world.serving()
    await world.send(said(1, f"timer deadline 0 {GRACE}"))
    await world.hears("verifier 1", "timer deadline")  # the grace of the start itself is over
    await world.query("create sequence refusals")
    await world.query(
        "create function refuse() returns trigger language plpgsql as $$ begin perform nextval('refusals');"
        " raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$"
    )
    await world.send(said(2, f"timer deadline 600 {GRACE}"))
    await world.hears("verifier 1", "timer deadline", "verifier 2")
    await world.query("create trigger full_disk before insert or update on keys execute function refuse()")
    await world.query("update timers set due = clock_timestamp()")
    await eventually(
        lambda: world.number("select case when is_called then last_value else 0 end from refusals")
    )
    await asyncio.sleep(GRACE - 1.0)  # others that could not write either have not been heard meanwhile
    await world.query("drop trigger full_disk on keys")
    allowed = (await world.query("select clock_timestamp()"))[0][0]
    await world.hears("verifier 1", "timer deadline", "verifier 2", "timer deadline")
    fired = datetime.fromisoformat((await world.answers())[-1].at)
    assert (fired - allowed).total_seconds() >= GRACE - 0.3
