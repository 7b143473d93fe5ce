"""What must hold of every history: checked with each event, each decision and each write, and when all has come to rest.

Each check is written from the design, and not from the cores: what it knows, it has heard on the topics or seen in
the clusters.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.deployments import RegionDeployed
from lockgate.messages.message import Message, derived_id
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    ArtifactRefused,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.rollbacks import DebtCleared, Grade, ReleaseSettled, VersionMarked
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Granted
from lockgate.rollback.core.rows import Order
from tests.simulation.broken import Spot, fail, that
from tests.simulation.cluster import Write
from tests.simulation.commands import Commands
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass
class Checks:
    world: "World"
    commands: Commands = field(init=False)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    ends: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    entered: dict[str, int] = field(default_factory=dict)
    started: dict[str, ReleaseStarted] = field(default_factory=dict)
    effects: set[tuple[Any, ...]] = field(default_factory=set)
    deployed: set[tuple[Any, ...]] = field(default_factory=set)
    bad: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    owed: dict[Spot, str] = field(default_factory=dict)
    floors: dict[Spot, Fence] = field(default_factory=dict)
    regions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Those of the newest release's plan: a region that was taken out of the plan is the operators' own."""
    completed: dict[str, ReleaseStarted] = field(default_factory=dict)
    """The last one of each application."""
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self.commands = Commands(self.world)

    # --- events -------------------------------------------------------------------------------------------------

    def published(self, process: Process, message: Message[Payload]) -> None:
        name = (process.name, message.key)
        before = self.numbers.get(name, 0)
        that(message.number == before + 1, f"event {message.number} of {name} follows event {before}")
        self.numbers[name] = before + 1
        self.counts[type(message.body).__name__] += 1
        self.world.say(lambda: f"{process.name} {message.key} {message.number}: {describe(message.body)}")
        self.commands.published(message.body)
        if (check := self._checks().get(type(message.body))) is not None:
            check(message.body)

    def _checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            ReleaseStarted: self._may_start,
            ReleaseEntered: self._owns,
            ReleaseCompleted: self._completed,
            ReleaseClosed: self._closed,
            ReleaseSuperseded: lambda body: self._ended(body.release, "superseded"),
            ArtifactRefused: lambda body: self._ended(body.event, "refused"),
            Granted: self._may_be_granted,
            VersionMarked: self._marked,
            ReleaseSettled: self._settled,
            DebtCleared: self._cleared,
            RegionDeployed: self._once,
        }

    def _completed(self, body: ReleaseCompleted) -> None:
        self._ended(body.release, "completed")
        self.owner.pop(body.application, None)
        self._runs_everywhere(body)

    def _closed(self, body: ReleaseClosed) -> None:
        self._ended(body.release, "closed")
        if self.owner.get(body.application) == body.release:
            del self.owner[body.application]

    def _marked(self, body: VersionMarked) -> None:
        bad = self.bad[body.application]
        match body.grade:
            case Grade.BAD:
                bad[body.digest] = None
            case Grade.GOOD:
                bad.pop(body.digest, None)
            case Grade.ADOPTED:
                pass

    def _settled(self, body: ReleaseSettled) -> None:
        for region in body.answers:
            self.owed.pop((body.application, region), None)
        for region in body.debts:
            self.owed[body.application, region] = body.artifact.digest

    def _cleared(self, body: DebtCleared) -> None:
        gone = self.owed.pop((body.application, body.region), None)
        that(gone, f"a debt of {body.region} is cleared, which nobody named")

    def _may_start(self, body: ReleaseStarted) -> None:
        self.started[body.release] = body
        self.regions[body.application] = body.plan.regions
        package = ArtifactPublished(purl=body.artifact.purl).package
        that(
            package == body.plan.artifact,
            f"{body.release} of {package} starts on the plan of {body.plan.artifact}",
        )
        that(
            body.artifact.digest not in self.bad[body.application],
            f"{body.release} starts with a bad version",
        )

    def _owns(self, body: ReleaseEntered) -> None:
        other = self.owner.get(body.application)
        that(other is None, f"{body.release} enters production, which {other} owns")
        self.owner[body.application] = body.release
        self.entered[body.release] = body.number

    def _ended(self, subject: str, how: str) -> None:
        self.ends[subject].append(how)
        that(len(self.ends[subject]) == 1, f"{subject} has the ends {self.ends[subject]}")

    def _runs_everywhere(self, body: ReleaseCompleted) -> None:
        started = self.started[body.release]
        self.completed[body.application] = started
        for region in started.plan.production:
            runs = self.world.clusters[region].look(body.application)
            that(
                runs.digest == body.artifact.digest,
                f"{body.release} is completed, but {region} runs {runs.digest} since {runs.fence}",
            )

    def _may_be_granted(self, body: Granted) -> None:
        started = self.started.get(body.release)
        that(started is not None, f"a grant for {body.release}, which has not started")
        if started is not None and body.region not in started.plan.preproduction:
            number = self.entered.get(body.release)
            that(
                number == body.fence.number and self.owner.get(body.application) == body.release,
                f"{body.region} is granted {body.fence} for {body.release}, which does not own production",
            )

    def _once(self, body: RegionDeployed) -> None:
        name = (body.release, body.region, body.fence)
        that(name not in self.deployed, f"{body.region} says twice that it deployed {body.fence}")
        self.deployed.add(name)

    # --- clusters -----------------------------------------------------------------------------------------------

    def wrote(self, write: Write) -> None:
        spot = (write.application, write.region)
        before = self.floors.get(spot)
        if before is not None:
            that(
                write.by.order >= before.order,
                f"{write.region} is written by {write.by} for {write.application}, after {before}",
            )
        self.floors[spot] = write.by
        if write.after.digest != write.before.digest:
            effect = (spot, write.by)
            that(effect not in self.effects, f"{write.by} takes effect twice in {spot}")
            self.effects.add(effect)

    # --- at rest ------------------------------------------------------------------------------------------------

    def at_rest(self) -> None:
        """No fault, nothing due: everything is over."""
        for process in self.world.processes.values():
            node = process.node
            that(process.readable, f"{process.name} is not back")
            parked = [(name, queue[0].number) for name, queue in node.parked.items() if queue]
            that(not parked, f"{process.name} still parks {parked}")
            that(not any(node.outbox.values()), f"{process.name} has not published everything")
            that(not node.timers, f"{process.name} has timers left: {list(node.timers)}")
            if process.name not in self.world.scenario.deployers:
                that(not node.work, f"{process.name} has work left: {list(node.work)}")
            for place, log in self.world.logs.items():
                if place[0] in node.who.reads:
                    that(node.offsets.get(place, 0) == len(log), f"{process.name} has not read {place}")
        self._each_artifact_ended()
        that(not self.owner, f"production is still owned: {self.owner}")

    def _each_artifact_ended(self) -> None:
        for said in self.world.scenario.announcements:
            release = derived_id("release", said.application, "/artifacts", said.id)
            ends = [*self.ends.get(said.id, ()), *self.ends.get(release, ())]
            that(len(ends) == 1, f"the artifact {said.id} (release {release}) has the ends {ends}")

    def at_the_end(self) -> None:
        """All deployers started once more, and every region registered: debts were paid, or are named."""
        self.at_rest()
        orders = {
            (key.key, key.id): loaded.row
            for key, loaded in self.world.processes["rollback"].node.rows.items()
            if isinstance(loaded.row, Order)
        }
        for region, cluster in self.world.clusters.items():
            for application, runs in cluster.runs.items():
                spot = (application, region)
                named = spot in self.owed or region not in self.regions.get(application, ())
                for digest in (runs.digest, runs.share):
                    if digest in self.bad[application] and not named:
                        fail(
                            f"{region} runs the bad {digest} of {application} under {runs.fence}, and nobody owes it"
                        )
        remembered = sorted(spot for spot, order in orders.items() if order.owed)
        that(remembered == sorted(self.owed), f"debts are {remembered}, but the events name {self.owed}")
        that(len(remembered) == len(orders), f"the coordinator keeps orders that nobody owes: {list(orders)}")
        self._shares_are_gone()
        self._completed_stays()
        self._rows_are_few()

    def _shares_are_gone(self) -> None:
        for region, cluster in self.world.clusters.items():
            for application, runs in cluster.runs.items():
                gone = runs.share is None or (application, region) in self.owed
                that(gone, f"a clone of {application} still has a share in {region}, and nobody owes it")

    def _completed_stays(self) -> None:
        """A completed release runs everywhere, but where a later one has written."""
        for application, started in self.completed.items():
            number = self.entered[started.release]
            for region in started.plan.regions:
                runs = self.world.clusters[region].look(application)
                later = runs.fence.number > number
                that(
                    later or runs.digest == started.artifact.digest,
                    f"{started.release} was completed, but {region} runs {runs.digest} under {runs.fence}",
                )

    def _rows_are_few(self) -> None:
        regions, applications = len(self.world.clusters), len(self.world.scenario.applications)
        most = {
            "intake": regions + 1 + applications * 12,
            "verifier": applications * (regions + 3),
            "rollback": 1 + applications * (2 * regions + 3),
        }
        for name, process in self.world.processes.items():
            bound = most.get(name, regions * (1 + applications))
            rows = process.node.rows
            that(len(rows) <= bound, f"{name} keeps {len(rows)} rows: {sorted({k.kind for k in rows})}")


def describe(body: Payload) -> str:
    """One line of a trace."""
    names = (
        "release",
        "stage",
        "region",
        "action",
        "fence",
        "outcome",
        "code",
        "grade",
        "number",
        "turn",
        "debts",
        "waiting_for",
        "unreachable",
    )
    said = {name: getattr(body, name) for name in names if getattr(body, name, None) not in {None, ()}}
    if "release" in said:
        said["release"] = said["release"][:6]
    digest = getattr(body, "digest", None) or getattr(getattr(body, "artifact", None), "digest", None)
    return f"{type(body).__name__} {' '.join(f'{k}={v}' for k, v in said.items())}{f' {digest[7:13]}' if digest else ''}"
