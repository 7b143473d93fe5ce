"""A release whose pilot is measured for real and judged by the verifier's core, by the machine's clock, until it goes on or fails.

All that the verifier does to a pilot is here: its core grants, orders the measuring, keeps what is reported, judges, holds and goes
on; the work that it orders is the service's own, and its timers fall due. What the deployer says is given by hand, and rows and
events are kept by a desk instead of a database and a broker.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lockgate.messages.decision import StartWork
from lockgate.messages.deployments import PilotDeployed
from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import Outcome, StagePassed, StageWaiting, VerdictReached, WaitingFor
from lockgate.verifier.core.rows import VerificationRow
from lockgate.verifier.settings import Settings
from lockgate.verifier.work import WorkFunction, open_work
from tests.support.verifier import APPLICATION, PILOT, WATCH, WAVE, Journey, in_production

REGION = "eu-west"
PILOT_POD, PRODUCTION_PODS = "payments-pilot-8-a", tuple(f"payments-6d4f-{name}" for name in "abc")

SOAK = 6
_PILOT: dict[str, Any] = {
    **PILOT,
    "share": "20%",
    "after": {"verify": "20s", "soak": f"{SOAK}s", "margins": {"errors": 3.0, "latency": "100%"}},
}
"""Its plan says nothing of a verdict that is undecided, and so that takes the release back."""


@dataclass
class Measured:
    """One release, from when its pilot has its share on."""

    journey: Journey
    since: datetime
    events: list[tuple[float, Payload]] = field(default_factory=list)
    """What the verifier said since, and how many seconds after the beginning."""
    works: dict[str, tuple[StartWork, asyncio.Task[None]]] = field(default_factory=dict)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def begins(cls, outage: float = 600.0) -> "Measured":
        """With a scrape every second; its plan lets the metrics be away for so many seconds."""
        journey = in_production(_PILOT, WAVE, WATCH, metrics={"interval": 1.0, "outage": outage})
        journey.desk.now = datetime.now(UTC)
        share: dict[str, Any] = {
            "share": 0.2,
            "pilot_pods": "payments-pilot-8-",
            "baseline_pods": "payments-6d4f-",
        }
        journey.give(journey.answer(PilotDeployed, REGION, **share))
        return cls(journey, journey.desk.now)

    async def runs(self, settings: Settings) -> None:
        """Until its pilot has passed or failed."""
        async with open_work(settings) as functions, asyncio.TaskGroup() as tasks:
            while not self.over:
                self._works_as_ordered(functions, tasks)
                self.told.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._until_a_timer()):
                        await self.told.wait()
                self._fires()
            self._works_as_ordered(functions, tasks)

    @property
    def over(self) -> bool:
        return any(
            isinstance(said, StagePassed)
            or (isinstance(said, VerdictReached) and said.outcome is Outcome.FAIL)
            for _, said in self.events
        )

    @property
    def verdict(self) -> VerdictReached:
        """The newest."""
        return next(said for _, said in reversed(self.events) if isinstance(said, VerdictReached))

    @property
    def scrapes(self) -> int:
        """Those that were compared so far."""
        return self.journey.desk.row(VerificationRow, APPLICATION, REGION).end

    def waited(self, for_: WaitingFor) -> list[StageWaiting]:
        """What it said of it."""
        waits = [said for _, said in self.events if isinstance(said, StageWaiting)]
        return [said for said in waits if said.waiting_for is for_]

    def now(self) -> float:
        """Seconds since the beginning."""
        return (datetime.now(UTC) - self.since).total_seconds()

    def _works_as_ordered(self, functions: Mapping[str, WorkFunction], tasks: asyncio.TaskGroup) -> None:
        """What is ordered no more is stopped, and what is new begins."""
        ordered = {name: start for (_, name), start in self.journey.desk.work.items()}
        for name, (start, task) in list(self.works.items()):
            if ordered.get(name) is not start:
                task.cancel()
                del self.works[name]
        for name in ordered.keys() - self.works.keys():
            start = ordered[name]
            self.works[name] = (start, tasks.create_task(self._works(functions[start.kind], start)))

    async def _works(self, function: WorkFunction, start: StartWork) -> None:
        async def report(said: dict[str, Any]) -> None:
            self._reported(start, said, final=False)

        self._reported(start, await function(start.body, report), final=True)

    def _reported(self, start: StartWork, said: dict[str, Any], *, final: bool) -> None:
        desk = self.journey.desk
        if desk.work.get((APPLICATION, start.name)) is not start:
            return  # it was stopped while it said so
        desk.now = datetime.now(UTC)
        self._said(desk.report(APPLICATION, start.name, said, final=final))

    def _until_a_timer(self) -> float | None:
        due = [timer.due for timer in self.journey.desk.timers.values()]
        return max((min(due) - datetime.now(UTC)).total_seconds(), 0.0) if due else None

    def _fires(self) -> None:
        desk = self.journey.desk
        desk.now = datetime.now(UTC)
        while due := next((key for key, timer in desk.timers.items() if timer.due <= desk.now), None):
            self._said(desk.fire(*due))

    def _said(self, events: list[Payload]) -> None:
        self.events += [(self.now(), event) for event in events]
        self.told.set()
