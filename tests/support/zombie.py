"""A deployer in a process of its own that stops itself right before one of its writes, and does it when it is woken.

`python -m tests.support.zombie` takes a piece of work a line on its standard input, as JSON, and answers with a line
when it is about to stop and a line when the work is done.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from lockgate.deployer.bodies import OrderBody, StepBody
from lockgate.deployer.settings import RegionSettings
from lockgate.deployer.work import open_work
from lockgate.messages.rollbacks import RollbackOrdered
from lockgate.messages.verdicts import Granted
from tests.support.deployer_at_work import hurried
from tests.support.eventually import eventually
from tests.support.places import PATIENCE, Json
from tests.support.processes import state
from tests.support.writes import each_write

_PR_SET_PDEATHSIG = 1


@dataclass
class Zombie:
    """`stopped` is what it was about to write when it stopped itself, `answer` what became of the work."""

    process: asyncio.subprocess.Process
    stopped: str | None = None
    answer: Json | None = None

    async def begins(
        self, region: RegionSettings, asked: Granted | RollbackOrdered, *, before: str = "", nth: int = 1
    ) -> None:
        """Works until it is about to write something like `before` for the nth time; to the end if it never is."""
        if self.stopped is not None and self.answer is None:
            await self.wakes()  # nobody woke it where a test ended before
        self.stopped = self.answer = None
        assert self.process.stdin is not None
        task = {"region": _told(region), **_work(asked), "before": before, "nth": nth}
        self.process.stdin.write(orjson.dumps(task) + b"\n")
        await self._hears()
        if self.stopped is not None:
            await eventually(lambda: state(self.process.pid) == "T")

    async def wakes(self) -> Json:
        """Goes on where it was; the answer of its work."""
        self.process.send_signal(signal.SIGCONT)
        await self._hears()
        assert self.answer is not None, "it stopped again"
        return self.answer

    async def is_killed(self) -> None:
        """SIGKILL, as it is."""
        self.process.kill()
        assert await self.process.wait() == -signal.SIGKILL, "it had ended before it was to be killed"

    async def _hears(self) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(2 * PATIENCE):
            line = await self.process.stdout.readline()
        said = orjson.loads(line)
        self.stopped, self.answer = said.get("stopped", self.stopped), said.get("answer")


@asynccontextmanager
async def zombie() -> AsyncIterator[Zombie]:
    """The process, ended with the context whatever state it is in."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.support.zombie"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Zombie(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _told(region: RegionSettings) -> Json:
    assert region.token is not None
    return {**region.model_dump(mode="json"), "token": region.token.get_secret_value()}


def _work(asked: Granted | RollbackOrdered) -> Json:
    until = datetime.now(UTC) + timedelta(seconds=2 * PATIENCE)
    if isinstance(asked, RollbackOrdered):
        return {"work": "rollback", "body": OrderBody(order=asked, until=until, touched=True).json_body()}
    return {"work": asked.action.value, "body": StepBody(grant=asked, until=until).json_body()}


# --- in the process itself ----------------------------------------------------------------------------------------


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    for line in sys.stdin.buffer:
        _say({"answer": asyncio.run(_carried_out(orjson.loads(line)))})


async def _carried_out(task: Json) -> Json:
    left = task["nth"]

    async def meets(what: str, write: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal left
        if what.startswith(task["before"]):
            left -= 1
            if left == 0:
                _say({"stopped": what})
                os.kill(os.getpid(), signal.SIGSTOP)
        return await write()

    region = RegionSettings.model_validate(task["region"])
    async with open_work(hurried(region)) as work:
        with each_write(meets):
            return await work[task["work"]](task["body"], _heard)


async def _heard(report: Json) -> None:
    del report


def _say(said: Json) -> None:
    sys.stdout.buffer.write(orjson.dumps(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
