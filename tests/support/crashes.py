"""Ends services of the whole system at named points of the mechanism, and proves that each ended there."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.runtime.faults import Action, Point
from tests.support.eventually import eventually
from tests.support.processes import state
from tests.support.whole import KILLED, Whole

NOTHING_MORE: Mapping[str, str] = {}
PATIENCE = 60.0
"""Seconds until a service has come to the point that it is armed at, which is also the bound for settling."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A service ended at a point: proven by its own line, written before, and by how its process ended."""

    service: str
    point: Point
    pid: int
    at: float


@dataclass
class Crashes:
    """`log` is the file that every armed process writes to. `hits` are all that were proven."""

    whole: Whole
    log: Path
    hits: list[Hit] = field(default_factory=list)
    armed: set[str] = field(default_factory=set)

    async def arm(
        self,
        service: str,
        point: Point,
        action: Action = Action.KILL,
        nth: int = 1,
        environment: Mapping[str, str] = NOTHING_MORE,
    ) -> None:
        """The service's process is started anew, with a fault; gracefully ended before if it still runs."""
        child = self.whole.service(service)
        await asyncio.to_thread(child.stop)
        fault = {"LOCKGATE_FAULT": f"{point}:{action}:{nth}", "LOCKGATE_FAULT_LOG": str(self.log)}
        child.start({**fault, **environment})
        self.armed.add(service)

    async def dies(self, service: str, point: Point, within: float = PATIENCE) -> Hit:
        """Waits until it has ended at that point by SIGKILL. AssertionError if it did not, or ended otherwise."""
        child = self.whole.service(service)
        pid = child.pid
        try:
            await eventually(lambda: not child.running, within=within)
        except AssertionError:
            raise AssertionError(f"{service} did not come to {point} within {within:.0f} s") from None
        said = child.log.read_text(errors="replace")[-5000:]
        assert child.exit_status == KILLED, f"{service} ended with {child.exit_status}, and said:\n{said}"
        [at] = self._lines(pid, point, Action.KILL)
        hit = Hit(service, point, pid, at)
        self.hits.append(hit)
        return hit

    async def hangs(self, service: str, point: Point, within: float = PATIENCE) -> Hit:
        """Waits until it has stopped itself at that point. AssertionError if it did not."""
        pid = self.whole.service(service).pid
        await eventually(lambda: self._lines(pid, point, Action.STOP), within=within)
        await eventually(lambda: state(pid) == "T")
        [at] = self._lines(pid, point, Action.STOP)
        hit = Hit(service, point, pid, at)
        self.hits.append(hit)
        return hit

    async def runs(self, service: str) -> float:
        """Starts it without a fault; returns when (seconds of the machine's monotonic clock)."""
        self.armed.discard(service)
        began = time.monotonic()
        await self.whole.restart(service)
        return began

    async def disarm(self) -> None:
        """What a failed test left armed or dead runs again without a fault, so that it ends in no other test."""
        for service in sorted(self.armed):
            self.whole.service(service).resume()
            await asyncio.to_thread(self.whole.service(service).stop)
            await self.runs(service)

    def _lines(self, pid: int, point: Point, action: Action) -> list[float]:
        """When this very process wrote that it was about to act, there and so."""
        if not self.log.exists():
            return []
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        wanted = (pid, point, action)
        return [line["time"] for line in lines if (line["pid"], line["point"], line["action"]) == wanted]
