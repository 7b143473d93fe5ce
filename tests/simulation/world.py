"""The simulated world: every pure core at its desk, topics as lists, clusters as models, one clock, one seed.

The same seed gives the same history to the byte. `checks` watches all of it, `invariants` what it comes to.

Real: the cores of intake, verifier, deployers and rollback coordinator with their tables and rows; `runtime.decider`
(decisions, events, journal), `runtime.parking` (causes, marks, gaps), message ids and numbers.

Modelled, each as small as it may be:
- `topics`: order is kept within a topic and key; each reader reads each topic at its own pace, so that events of different
  topics and keys overtake each other; what is published may come twice.
- `node`: counters, marks, parked events, timers, work and outbox of a service, which a crash leaves as PostgreSQL would;
  a process may crash between a commit and its publication, and then publishes late.
- `timing`: timers due by one clock (deployers' are off a little), fired after what was written before has been read.
- `work`, `target`, `beside`, `cluster`: a region as what it runs, under which fence, with which clones and share. Steps are
  slow, fail, hang, are killed in the middle and run again, and outlive their killing by one more write. Clusters are away,
  rebuilt, carry the fence of a former installation.
- `measuring`, `oracle`: what a pilot shows, by the kind of its version; the statistics are asked in a few seeds only.
- `asking`: what answers the checks of stages.
- `outside`: CI announces good and bad versions, some twice or by a tag; monitoring complains with and without reason, also
  while a release is taken back, twice at once, or without end. `operators`, `fixes`: aborts, rollbacks, pauses, and fixes that go first; `oncall`: what follows a hold; `regrets`: what was completed, taken back. `faults`: processes down, cut off, slow; metrics away.

Not modelled: Kafka, PostgreSQL and Kubernetes themselves, replicas of a service and how partitions move between them, the
encoding of records (but with `wire`), dead letters, restored databases, the door, the ledger.
"""

import hashlib
import heapq
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from lockgate.deployer.core import table as deployer_table
from lockgate.intake.core import TABLE as INTAKE
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import Core
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.plans import PlanPublished
from lockgate.messages.values import Fence
from lockgate.rollback.core import TABLE as ROLLBACK
from lockgate.verifier.core import TABLE as VERIFIER
from lockgate.verifier.core.measure import Measure
from tests.simulation import asking, fixes, oncall, operators
from tests.simulation.artifacts import Kind
from tests.simulation.broken import fail
from tests.simulation.checks import Checks
from tests.simulation.cluster import Cluster, Runs
from tests.simulation.demands import demanded
from tests.simulation.faults import Faults
from tests.simulation.invariants import AT_REST, AT_THE_END, hold_all, something_is_waited_for
from tests.simulation.node import Made, Node, Place, Who
from tests.simulation.oncall import OnCall
from tests.simulation.outside import Outside
from tests.simulation.process import Process
from tests.simulation.regrets import Regrets
from tests.simulation.scenario import (
    CHAOS,
    MOST_SKEW,
    READS,
    REGIONS,
    SERVICES,
    Scenario,
    digest_of,
    drawn,
)
from tests.simulation.surroundings import Surroundings, Work
from tests.simulation.timing import Timing
from tests.simulation.topics import SLOWEST, Topics
from tests.simulation.working import Working

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MOST_ACTIONS = 60_000
LOOK, LOOKS = 300.0, 72
"""Seconds between two looks at whether something is waited for, and how many there are."""


class World:
    def __init__(
        self,
        seed: int,
        tell: Callable[[str], None] | None = None,
        *,
        wire: bool = False,
        measure: Callable[[Surroundings, Measure], Work],
    ) -> None:
        """`wire`: events travel as the bytes that lie on the topics; else as they are, which is faster. `measure`: how
        pilots are measured.
        """
        self.random = Random(seed)
        known = demanded(seed, fixes.said(seed, oncall.held(seed, drawn(self.random))))
        self.scenario: Scenario = asking.asked(seed, known)
        self.operations = [
            *operators.drawn(seed, self.scenario.applications, CHAOS),
            *fixes.drawn(seed, self.scenario),
        ]
        self.now = 0.0
        self.logs: dict[Place, list[Message[Payload]]] = {}
        self.history = hashlib.sha256()
        self.checks = Checks(self)
        self.faults, self.topics, self.timing = Faults(self), Topics(self), Timing(self)
        self.working, self.outside = Working(self), Outside(self)
        self.oncall, self.regrets = OnCall(self, seed), Regrets(self, seed)
        self.troubles: list[tuple[float, float, str]] = []
        self.wire = wire
        self._tell = tell
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._actions = 0
        self.faults_drawn = [replace(f, end=min(f.end, CHAOS + 1800)) for f in self.scenario.faults]
        self.faults.draw(self.faults_drawn)
        self.clusters = {name: self._cluster(name) for name in REGIONS}
        self.processes = {who.writer: Process(self._node(who)) for who in self._whos()}
        for process in self.processes.values():
            process.node.heard = partial(self.checks.heard, process)
        self.around = Surroundings(
            clusters=self.clusters,
            kind_of=self.scenario.kind_of,
            metrics=lambda: not self.faults.is_faulty("metrics", "prometheus"),
            clock=lambda: self.now,
            seconds=self.seconds,
            pause=self.pause,
            measure=measure,
        )

    # --- the run ------------------------------------------------------------------------------------------------

    def run(self) -> str:
        """Runs the world to its end; returns the hash of its history. CheckError if anything is wrong."""
        self._begin()
        self._until_rest()
        hold_all(self, AT_REST)
        for name, process in self.processes.items():
            if name not in SERVICES:
                self.faults.down(process)
                self.at(self.now + 1.0, partial(self.faults.up, process))
        self._until_rest()
        hold_all(self, AT_THE_END)
        return self.history.hexdigest()

    def at(self, when: float, action: Callable[[], None]) -> None:
        self._actions += 1
        heapq.heappush(self._heap, (max(when, self.now), self._actions, action))

    def say(self, line: Callable[[], str]) -> None:
        if self._tell is not None:
            self._tell(f"{self.now:10.2f} {line()}")

    @staticmethod
    def seconds(at: datetime) -> float:
        return (at - START).total_seconds()

    @property
    def chaotic(self) -> bool:
        return self.now < CHAOS

    def _until_rest(self) -> None:
        done = 0
        while self._heap:
            self.now, _, action = heapq.heappop(self._heap)
            action()
            done += 1
            if done > MOST_ACTIONS:
                fail(f"the world does not come to rest: {done} things happened")

    # --- its beginning ------------------------------------------------------------------------------------------

    def _whos(self) -> list[Who]:
        limits = {"deadline": 600.0, "grace": 300.0, "attempts": 3}
        services = [
            Who("intake", READS["intake"], "releases"),
            Who("verifier", READS["verifier"], "verdicts"),
            Who("rollback", READS["rollback"], "rollbacks", limits),
        ]
        return services + [
            Who(
                name,
                READS["deployer"],
                "deployments",
                {"deployer": name, "regions": {region: f"ns-{region}" for region in regions}},
                skew=self.random.uniform(-MOST_SKEW, MOST_SKEW),
            )
            for name, regions in self.scenario.deployers.items()
        ]

    def _node(self, who: Who) -> Node:
        cores: dict[str, Core] = {"intake": INTAKE, "verifier": VERIFIER, "rollback": ROLLBACK}
        core = cores.get(who.writer) or deployer_table(who.writer, who.settings["regions"])
        return Node(who, core)

    def _cluster(self, region: str) -> Cluster:
        cluster = Cluster(region, f"ns-{region}", self._ready_in, self.outside.wrote)
        for application in self.scenario.applications:
            tagged = (region, application) not in self.scenario.untagged
            digest, number = digest_of(f"{application} before") if tagged else None, self.scenario.former
            fence = Fence(number=number, turn=0, grant=min(number, 1))
            cluster.runs[application] = Runs(digest=digest, fence=fence, adopted=number > 0)
        return cluster

    def _ready_in(self, digest: str | None) -> float:
        if self.scenario.kind_of(digest) is Kind.NEVER_READY:
            return math.inf
        return self.random.uniform(2, 60)

    def _begin(self) -> None:
        for n in range(1, LOOKS + 1):
            self.at(n * LOOK, lambda: hold_all(self, (something_is_waited_for,)))
        for process in self.processes.values():
            self.at(self.random.uniform(0, 30), partial(self.faults.up, process))
        for at, plan in self.scenario.plans:
            self.at(at, partial(self.outside.inlet, "plans", PlanPublished(plan=plan)))
        for said in self.scenario.announcements:
            body = ArtifactPublished(purl=said.purl, bundles=said.bundles)
            self.at(said.at, partial(self.outside.inlet, "artifacts", body, said.id))
        for n, asked in enumerate(self.operations):
            self.at(asked.at, partial(self._ask, asked, f"operation-{n}"))
        for alarm in self.scenario.alarms:
            told = partial(self.outside.alarm, alarm.application, alarm.region, None, alarm.times)
            self.at(alarm.at, told)
        for fault in self.faults_drawn:
            late = SLOWEST if fault.what == "slow" else 0.0  # what was begun slowly ends slowly
            self.troubles.append((fault.start, fault.end + late, fault.subject))
            self.at(fault.start, partial(self.faults.fault, fault, begins=True))
            self.at(fault.end, partial(self.faults.fault, fault, begins=False))

    def ask(self, asked: operators.Asked) -> str:
        """An operator asks for something that was not drawn before; returns its id."""
        self.operations.append(asked)
        id_ = f"operation-{len(self.operations) - 1}"
        self._ask(asked, id_)
        return id_

    def _ask(self, asked: operators.Asked, id_: str) -> None:
        self.outside.inlet("operations", asked.body(self.time()), id_)

    # --- what follows from a decision ---------------------------------------------------------------------------

    def committed(self, process: Process, made: list[Made]) -> None:
        for each in made:
            self.history.update(each.decision.journal)
            self.checks.commands.decided(process, each)
            self.checks.recoveries.decided(process, each)
            self.checks.versions.decided(process, each)
            for timer in each.decision.step.timers:
                row = process.node.timers.get((each.key, timer.name))
                if row is not None and row.set_by == each.decision.number:
                    due = (row.due - START).total_seconds() - process.node.who.skew + 0.002
                    self.at(due, partial(self.timing.due, process, (row.key, row.name)))
        self.working.sync(process)
        if any(each.decision.messages for each in made):
            if self.chaotic and self.random.random() < self.scenario.crashes and process.up:
                self.faults.crash(process)
            self.topics.relay_soon(process)

    def pause(self) -> float:
        return self.random.uniform(0.05, 2.0)

    def time(self, process: Process | None = None) -> datetime:
        skew = process.node.who.skew if process else 0.0
        exact = START + timedelta(seconds=self.now + skew)
        return exact.replace(microsecond=exact.microsecond // 1000 * 1000)
