"""What each service weighs while nothing happens, and whether it grows while a steady mix of work goes through it.

The mix: releases, one after another for several applications, and beside them artifacts that no plan claims (intake
and the ledger have work) and incidents of applications that have no release (the verifier reads and ignores them).
RSS is all that a process has in memory; PSS divides what it shares with others among them. Growth is judged by the
means of the first and the last ten minutes after the warm-up (a sixth of the time if that is shorter), and by a line
fitted to all samples.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lockgate.messages.anomalies import IncidentDetected
from tests.qualify.progress import say
from tests.support.audit import Expected, on_clusters
from tests.support.crashes import PATIENCE
from tests.support.feed import Unclaimed, beside, paced
from tests.support.growth import Sample, growth
from tests.support.plans import REST, watch, wave
from tests.support.processes import mib
from tests.support.whole import Whole, opened

SERVICES = ("intake", "verifier", "rollback", "ledger", "deployer-eu")
SETTLING = 10.0
"""Seconds of idling before the idle memory is read."""

IDLE_MIB = 100.0
EVERY = 10.0
APPLICATIONS = 3
STAGES = (wave("rest", *REST, **{"max-parallel": 2, "budget": "120s"}), watch("1s"))

Series = dict[tuple[str, str], list[Sample]]
"""(service, "rss" or "pss") -> its samples."""


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    return asyncio.run(qualify(numbers["minutes"] * 60.0, float(numbers["rate"])))


async def qualify(seconds: float, rate: float) -> dict[str, Any]:
    load = os.getloadavg()[0]
    async with opened(None) as whole:
        await asyncio.sleep(SETTLING)
        idle = {name: _memory(whole, name) for name in SERVICES}
        say(f"idle: {idle}")
        work = Work(whole, rate)
        series, violations = await _under_work(whole, work, seconds)
        violations += work.wrong()
    grown = {where: growth(samples, seconds) for where, samples in series.items()}
    violations += [
        f"{name} has {mib['rss']} MiB while nothing happens; at most {IDLE_MIB:.0f} are allowed"
        for name, mib in idle.items()
        if mib["rss"] > IDLE_MIB
    ]
    for (name, what), found in grown.items():
        violations += [f"the {what} of {name} {sentence}" for sentence in found.wrong()]
    return {
        "load_before": round(load, 1),
        "idle_mib": idle,
        "events_per_second": round(work.events / seconds, 1),
        "releases_completed": work.releases,
        "under_work_mib": {" ".join(where): asdict(found) for where, found in grown.items()},
        "violations": violations,
    }


async def _under_work(whole: Whole, work: "Work", seconds: float) -> tuple[Series, list[str]]:
    """The samples. A process that ended meanwhile is a violation, since its memory began anew."""
    series: Series = {(name, what): [] for name in SERVICES for what in ("rss", "pss")}
    pids = {name: whole.service(name).pid for name in SERVICES}
    began = time.monotonic()
    releasing = asyncio.create_task(work.releases_until(began + seconds))
    async with beside(work.unclaimed.run(), work.incidents()):
        async for due in paced(1 / EVERY, seconds):
            if due:
                at = time.monotonic() - began
                for name in SERVICES:
                    for what, mib in _memory(whole, name).items():
                        series[name, what].append((at, mib))
                now = {name: series[name, "rss"][-1][1] for name in SERVICES}
                say(f"{at:.0f} of {seconds:.0f} s: {work.releases} releases, RSS {now}")
        await releasing
    ended = [name for name, pid in pids.items() if whole.service(name).pid != pid]
    return series, [f"{name} was started anew" for name in ended]


class Work:
    """The steady mix."""

    def __init__(self, whole: Whole, rate: float) -> None:
        self._whole = whole
        self._rate = rate
        self._stories = [whole.story("steady") for _ in range(APPLICATIONS)]
        self._rounds = 0
        self._incidents = 0
        self._late: str | None = None
        self.unclaimed = Unclaimed(whole, rate / 2)

    @property
    def events(self) -> int:
        """What CI and monitoring have said."""
        return len(self.unclaimed.sent) + self._incidents + self.releases

    @property
    def releases(self) -> int:
        return self._rounds * APPLICATIONS

    async def releases_until(self, until: float) -> None:
        await asyncio.gather(*(story.begins(*STAGES) for story in self._stories))
        while time.monotonic() < until:
            version = f"v{self._rounds + 2}"
            ids = await asyncio.gather(*(story.announces(version) for story in self._stories))
            pairs = zip(self._stories, ids, strict=True)
            try:
                await asyncio.gather(*(story.completes(release, within=PATIENCE) for story, release in pairs))
            except AssertionError as late:  # an hour's samples are not to be lost for it
                self._late = str(late)
                return
            self._rounds += 1
            await self._whole.telling.forget()

    async def incidents(self) -> None:
        """Of an application that nobody knows."""
        content = {"service": {"id": "nobody"}, "environment": {"id": REST[0]}, "description": "slow"}
        async for due in paced(self._rate / 2):
            for _ in range(due):
                self._incidents += 1
                await self._whole.send(
                    "anomalies", IncidentDetected.type, f"incident-{self._incidents}", content
                )

    def wrong(self) -> list[str]:
        """What is wrong with what the regions run in the end."""
        runs = f"v{self._rounds + 1}"
        ended = [Expected(story, self._rounds, runs) for story in self._stories]
        wrong = [sentence for expected in ended for sentence in on_clusters(expected)]
        wrong += [] if self._late is None else [f"a release did not end in time: {self._late}"]
        return wrong + [f"a dead letter: {record.value[:200]!r}" for record in self._whole.telling.dead[:3]]


def _memory(whole: Whole, name: str) -> dict[str, float]:
    """MiB of the service's process."""
    found = mib(whole.service(name).pid)
    return {what: found[what] for what in ("rss", "pss")}
