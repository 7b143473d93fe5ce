"""PostgreSQL restored to some minutes earlier, under all services at once, in the midst of a release.

A round takes a copy of the server's data, lets releases run, good and bad ones, and while the last one is on its way
stops the server as a crash does, puts the copy in the place of its data, and starts it. Services go on running. What
counts is that all the releases end, that nothing is lost or done twice, and that every decision replays. The ledger
cannot know in which order it had recorded what it lost: it stops, and goes on when an operator says that its chain
may fork there, which its verification shows for ever.
"""

import asyncio
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import asyncpg

from lockgate.embedded.postgres import Postgres
from lockgate.messages.deployments import DeploymentStarted
from lockgate.messages.verdicts import WatchStarted
from tests.qualify.progress import say
from tests.support.audit import Expected, audit
from tests.support.crashes import PATIENCE
from tests.support.eventually import eventually
from tests.support.plans import REST, watch, wave
from tests.support.story import Story
from tests.support.whole import Whole, opened

STAGES = (wave("rest", *REST, **{"max-parallel": 2, "budget": "120s"}), watch("1s"))
WATCHED = (wave("rest", *REST, **{"max-parallel": 2, "budget": "120s"}), watch("600s"))
EQUAL = "records are equal in the ledger and in Kafka; 0 have expired in Kafka, 0 are not in the ledger yet"


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    return asyncio.run(qualify(numbers["rounds"], numbers["seconds"]))


async def qualify(rounds: int, seconds: int) -> dict[str, Any]:
    ended: list[Expected] = []
    lost: list[int] = []
    settled: list[float] = []
    violations: list[str] = []
    async with opened(None) as whole:
        for number in range(1, rounds + 1):
            try:
                await _round(whole, seconds, ended, lost, settled)
            except (AssertionError, TimeoutError) as error:
                violations.append(f"round {number}: {error}"[:2000])
                say(violations[-1])
                break
            say(f"round {number} of {rounds}: {lost[-1]} decisions were lost, settled in {settled[-1]:.1f} s")
        found = await audit(whole, *ended)
    ledger = [sentence for sentence in found if _tells_of_a_fork(sentence)]
    violations += [sentence for sentence in found if sentence not in ledger]
    return {
        "releases": len(ended),
        "decisions_the_databases_lost": lost,
        "longest_seconds_to_settle": round(max(settled, default=0.0), 1),
        "ledger": ledger,
        "violations": violations,
    }


async def _round(
    whole: Whole, seconds: int, ended: list[Expected], lost: list[int], settled: list[float]
) -> None:
    postgres = whole.local.postgres
    assert postgres is not None
    bad = whole.story("bad")
    await bad.begins(*WATCHED)
    await bad.announces("v2")
    await bad.hears(WatchStarted, within=PATIENCE)
    before = await _decisions(whole)
    with _Copy(postgres) as copy:
        await asyncio.to_thread(copy.take)
        until = time.monotonic() + seconds
        await bad.alarms("too slow", REST[0])
        await bad.is_taken_back(bad.heard(WatchStarted)[0].release, within=PATIENCE)
        ended.append(Expected(bad, 2, "v1"))
        while time.monotonic() < until:
            ended.append(await _good(whole))
        last = whole.story("last")
        await last.begins(*STAGES)
        release = await last.announces("v2")
        await last.hears(DeploymentStarted, within=PATIENCE)
        lost.append(await _decisions(whole) - before)
        await asyncio.to_thread(copy.put_back)
    restored = time.monotonic()
    await _accept_fork(whole)
    await last.completes(release, within=PATIENCE)
    settled.append(time.monotonic() - restored)
    ended += [Expected(last, 1, "v2"), await _good(whole)]


async def _accept_fork(whole: Whole) -> None:
    """Does what the ledger says when it stops."""
    ledger = whole.service("ledger")
    await eventually(lambda: not ledger.running, within=PATIENCE)
    asked = re.findall(r"LOCKGATE_LEDGER_CONTINUE_AFTER=(\d+)", ledger.log.read_text())
    ledger.start({"LOCKGATE_LEDGER_CONTINUE_AFTER": asked[-1]})
    await asyncio.to_thread(ledger.wait_ready)


async def _good(whole: Whole) -> Expected:
    story: Story = whole.story("good")
    await story.begins(*STAGES)
    await story.completes(await story.announces("v2"), within=PATIENCE)
    return Expected(story, 1, "v2")


class _Copy:
    """A cold copy of a server's data, as a backup is."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._data = (postgres.directory / "home").resolve() / "data"
        self._kept = self._data.with_name("copy")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._kept, ignore_errors=True)

    def take(self) -> None:
        self._postgres.stop()
        _copied(self._data, self._kept)
        self._postgres.start()

    def put_back(self) -> None:
        self._postgres.kill()
        shutil.rmtree(self._data)
        self._kept.rename(self._data)
        self._postgres.start()


def _copied(source: Path, target: Path) -> None:
    """A copy with the same owners, since PostgreSQL takes no other."""
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        of = (source / path.relative_to(target)).stat()
        shutil.chown(path, of.st_uid, of.st_gid)


async def _decisions(whole: Whole) -> int:
    """How many decisions the databases of all services hold."""
    connection = await asyncpg.connect(whole.local.servers.postgres)
    try:
        schemas = await connection.fetch(
            "select table_schema from information_schema.tables where table_name = 'keys'"
        )
        counts = [
            await connection.fetchval(f'select sum(decisions) from "{row[0]}".keys')  # noqa: S608  # a schema's name, from the catalogue
            for row in schemas
        ]
        return sum(int(count or 0) for count in counts)
    finally:
        await connection.close()


def _tells_of_a_fork(sentence: str) -> bool:
    """Whether the ledger's verification says what an operator has accepted: the chain, or its heads, went back."""
    forked = sentence.startswith("the ledger: The chain was rewritten") and EQUAL in sentence
    return forked or (
        sentence.startswith("the ledger: The signed head") and "the ledger went back" in sentence
    )
