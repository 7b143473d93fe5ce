"""What must hold of grants and orders: in order, in time, above every fence that was read, and answered.

No region is called dead in vain.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lockgate.messages.decision import StartWork, TimerDue
from lockgate.messages.deployments import (
    DeploymentFailed,
    FlagsFailed,
    FlagsSwitched,
    GrantRefused,
    OrderRefused,
    PilotDeployed,
    RegionDeployed,
    RegionProbed,
    RegionRegistered,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.plan import WaveStage
from lockgate.messages.rollbacks import (
    FlagsOrdered,
    RegionAnswer,
    ReleaseHalted,
    ReleaseSettled,
    RollbackOrdered,
)
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Granted, RegionFailed
from lockgate.rollback.core.rows import Order
from lockgate.runtime.batch import WorkRow
from tests.simulation.broken import Spot, fail, that
from tests.simulation.node import Made
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

Step = RegionDeployed | PilotDeployed | RegionProbed | DeploymentFailed | GrantRefused
Answer = (
    Step | RegionRolledBack | RegionUntouched | OrderRefused | RollbackFailed | FlagsSwitched | FlagsFailed
)
ANSWERS: tuple[type[Payload], ...] = (
    *(RegionDeployed, PilotDeployed, RegionProbed, DeploymentFailed, GrantRefused),
    *(RegionRolledBack, RegionUntouched, OrderRefused, RollbackFailed, FlagsSwitched, FlagsFailed),
)
Ordered = RollbackOrdered | FlagsOrdered
Command = tuple[str, str, str, Fence]
"""Application, release, region and the fence of a grant or order."""


@dataclass(slots=True)
class Given:
    command: Granted | Ordered
    at: float
    answered: float | None = None
    dead: bool = False
    """Its region was called unreachable."""


@dataclass
class Commands:
    world: "World"
    given: dict[Command, Given] = field(default_factory=dict)
    newest: dict[tuple[type[Granted | Ordered], str, str, str], Given] = field(default_factory=dict)
    """Kind of command, application, release and region -> that with the highest fence."""
    over: set[tuple[str, str, str]] = field(default_factory=set)
    """Application, release and region in which a deadline ran out."""
    granted: dict[tuple[str, str], Given] = field(default_factory=dict)
    """Release and region -> the grant that was published last."""
    open: dict[tuple[str, str], dict[str, Fence]] = field(default_factory=lambda: defaultdict(dict))
    """Release and wave -> the regions that were granted to and have not answered that they are done."""
    published_floors: dict[Spot, list[tuple[float, Fence]]] = field(default_factory=lambda: defaultdict(list))
    """What lies on the topics, and when it came: halts and orders."""
    registered: dict[tuple[str, str], str] = field(default_factory=dict)
    """The cluster that a deployer has found in a region."""
    read: dict[str, dict[Spot, Fence]] = field(default_factory=lambda: defaultdict(dict))
    """What each deployer has read: the fence below which it begins nothing any more."""
    halts: dict[str, dict[Spot, Fence]] = field(default_factory=lambda: defaultdict(dict))
    begun: dict[str, dict[Spot, Fence]] = field(default_factory=lambda: defaultdict(dict))
    before: dict[tuple[str, str], Fence | None] = field(default_factory=dict)
    """Deployer and event -> the halt that it had heard of before that. What waited together is heard together, and only
    then looked at here."""

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            **dict.fromkeys(ANSWERS, self._answered),
            Granted: self._granted,
            RegionFailed: self._failed,
            ReleaseHalted: self._halted,
            RollbackOrdered: self._ordered,
            FlagsOrdered: self._ordered,
        }

    # --- on the topics ------------------------------------------------------------------------------------------

    def _granted(self, body: Granted) -> None:
        """A stage is granted after all before it passed, to the owner of production, and never after a fail."""
        name = (body.application, body.release, body.region, body.fence)
        self.granted[body.release, body.region] = self.given[name]
        checks = self.world.checks
        started = checks.releases.started.get(body.release)
        if started is None:
            fail(f"a grant for {body.release}, which has not started")
        that(
            body.release not in checks.versions.failed, f"{body.release} failed, and is granted {body.fence}"
        )
        turn = checks.versions.turns.get(body.release, 0)
        that(body.fence.turn == turn, f"{body.release} is granted {body.fence}, but the turn is {turn}")
        stages, passed = started.plan.stages, checks.releases.passed[body.release]
        stage = stages[len(passed)] if len(passed) < len(stages) else None
        that(stage and stage.name == body.stage, f"{body.release} is granted {body.stage} after {passed}")
        if body.region not in started.plan.preproduction:
            owner = checks.releases.owner.get(body.application)
            number = checks.releases.entered.get(body.release)
            owns = owner == body.release or checks.operators.ended(body.release)
            that(
                number == body.fence.number and owns,
                f"{body.region} is granted {body.fence} for {body.release}, which does not own production",
            )
        if isinstance(stage, WaveStage):
            self._at_once(body, stage)

    def _at_once(self, body: Granted, stage: WaveStage) -> None:
        """No more regions are at work at once than the plan allows."""
        regions = self.open[body.release, body.stage]
        regions[body.region] = body.fence
        that(
            len(regions) <= stage.max_parallel,
            f"{list(regions)} are at work at once for {body.release}, {stage.max_parallel} allowed",
        )

    def _answered(self, body: Answer) -> None:
        """A grant or order is answered once."""
        name = (body.application, body.release, body.region, body.fence)
        given = self.given[name]
        that(given.answered is None, f"{body.region} answers {body.fence} twice")
        given.answered = self.world.now
        if isinstance(body, RegionDeployed):
            regions = self.open[body.release, body.stage]
            if regions.get(body.region) == body.fence:
                del regions[body.region]

    def _failed(self, body: RegionFailed) -> None:
        """An attempt fails because its own grant was answered so, or not in time."""
        given = self.granted[body.release, body.region]
        if body.unreachable:
            given.dead = True
        else:
            that(
                given.answered is not None,
                f"attempt {body.attempt} in {body.region} fails, but {given.command.fence} is not answered",
            )

    def _halted(self, body: ReleaseHalted) -> None:
        fence = Fence(number=body.number, turn=body.turn, grant=0)
        for region in body.regions:
            self.published_floors[body.application, region].append((self.world.now, fence))

    def _ordered(self, body: Ordered) -> None:
        self.published_floors[body.application, body.region].append((self.world.now, body.fence))

    # --- as it is decided ---------------------------------------------------------------------------------------

    def heard(self, process: Process, message: Message[Payload]) -> None:
        """A deployer takes a halt in, whatever it makes of it."""
        match message.body:
            case ReleaseHalted() as halt:
                served = self.world.scenario.deployers.get(process.name, ())
                fence = Fence(number=halt.number, turn=halt.turn, grant=0)
                for region in halt.regions:
                    if region in served:
                        self._rises(process, (halt.application, region), fence, self.halts)
            case Granted() | RollbackOrdered() | FlagsOrdered() as command:
                halted = self.halts[process.name].get((command.application, command.region))
                self.before[process.name, message.id] = halted
            case _:
                pass

    def decided(self, process: Process, made: Made) -> None:
        if isinstance(made.given, TimerDue):
            self._overdue(made, made.given)
        for message in made.decision.messages:
            match message.body:
                case Granted() | RollbackOrdered() | FlagsOrdered() as command:
                    self._gives(command)
                case ReleaseSettled() as body:
                    self._is_settled(body)
                case RegionRegistered(place=place):
                    self.registered[process.name, place.region] = place.cluster
                case _:
                    pass
        if process.name in self.world.scenario.deployers:
            self._begins(process, made)
            self._works(process)

    def _overdue(self, made: Made, due: TimerDue) -> None:
        """What a deadline leads to: a region that is unreachable."""
        if region := due.body.get("region"):
            self.over.add((made.key, due.body["release"], region))
        for message in made.decision.messages:
            if isinstance(body := message.body, RegionFailed) and body.unreachable:
                self._is_dead(due, (Granted, body.application, body.release, body.region))
        for change in made.decision.step.rows:
            if isinstance(order := change.row, Order) and order.answer is RegionAnswer.UNREACHABLE:
                ordered = order.ordered
                self._is_dead(due, (type(ordered), ordered.application, ordered.release, ordered.region))

    def _gives(self, command: Granted | Ordered) -> None:
        about = (command.application, command.release, command.region)
        given = Given(command, self.world.now)
        self.given[*about, command.fence] = given
        newest = self.newest.get((type(command), *about))
        if newest is None or command.fence.order > newest.command.fence.order:
            self.newest[type(command), *about] = given

    def _is_dead(self, due: TimerDue, about: tuple[type[Granted | Ordered], str, str, str]) -> None:
        """No region is called unreachable before its deadline, or because of an outage of whoever commands."""
        newest, region = self.newest[about], about[3]
        newest.dead = True
        command, since = newest.command, newest.at
        waited = self.world.now - since
        that(waited >= command.deadline, f"{region} had {waited:.0f} s for {command.fence} only")
        if newest.answered is not None and newest.answered < self.world.seconds(due.due):
            fail(f"{region} is said to be unreachable, but had answered at {newest.answered:.1f}")
        deployers = [name for name, served in self.world.scenario.deployers.items() if region in served]
        excused = any(
            subject in {region, *deployers} and start <= self.world.now and end >= since
            for start, end, subject in self.world.troubles
        )
        that(
            excused,
            f"{region} is said to be unreachable, but nothing was wrong: {command.fence} since {since:.1f}",
        )

    def _is_settled(self, body: ReleaseSettled) -> None:
        """A release is settled when each region answered, or its deadline is over."""
        for region, answer in body.answers.items():
            over = (body.application, body.release, region) in self.over
            that(
                over or answer is not RegionAnswer.UNREACHABLE,
                f"{body.release} is settled, but the deadline of {region} is not over",
            )

    def _begins(self, process: Process, made: Made) -> None:
        """A deployer begins only what is above every fence that it has read, in time, and meant for its cluster."""
        match made.given:
            case Message(body=Granted() | RollbackOrdered() | FlagsOrdered() as command) as message:
                spot = (command.application, command.region)
                if not any(isinstance(work, StartWork) for work in made.decision.step.work):
                    return
                floors = (self.before.get((process.name, message.id)), self.begun[process.name].get(spot))
                floor = max((each for each in floors if each), key=lambda each: each.order, default=None)
                above = floor is None or command.fence.order > floor.order
                that(above, f"{process.name} begins {command.fence} in {spot}, having read {floor}")
                self._rises(process, spot, command.fence, self.begun)
                here = self.registered.get((process.name, command.region))
                that(
                    here == command.cluster,
                    f"{process.name} begins {command.fence} for {command.cluster} in {here}",
                )
                if isinstance(command, Granted):
                    age = (self.world.time(process) - datetime.fromisoformat(message.at)).total_seconds()
                    that(
                        age <= command.valid_for,
                        f"{process.name} begins {command.fence}, which is {age} s old",
                    )
            case _:
                pass

    def begins_to_work(self, process: Process, row: WorkRow) -> None:
        """A deployer that was away begins nothing below what was halted or ordered before it came back."""
        if (spot := _spot(row)) is None or process.name not in self.world.scenario.deployers:
            return
        order = _order(row)
        missed = [floor for at, floor in self.published_floors[spot] if at < process.resumed]
        that(
            all(order >= floor.order for floor in missed),
            f"{process.name} goes on with {order} in {spot}, though {missed} came before it was back",
        )

    def _works(self, process: Process) -> None:
        """A deployer goes on with nothing below a fence that it has read."""
        read = self.read[process.name]
        for row in process.node.work.values():
            if (spot := _spot(row)) is not None and (floor := read.get(spot)) is not None:
                order = _order(row)
                that(
                    order >= floor.order,
                    f"{process.name} works at {order} in {spot}, having read {floor}",
                )

    def _rises(self, process: Process, spot: Spot, fence: Fence, how: dict[str, dict[Spot, Fence]]) -> None:
        for floors in (self.read[process.name], how[process.name]):
            if spot not in floors or fence.order > floors[spot].order:
                floors[spot] = fence


def _spot(row: WorkRow) -> Spot | None:
    about: dict[str, Any] | None = row.body.get("grant") or row.body.get("order")
    return None if about is None else (row.key, about["region"])


def _order(row: WorkRow) -> tuple[int, int, int]:
    about: dict[str, Any] = row.body.get("grant") or row.body["order"]
    fence = about["fence"]
    return fence["number"], fence["turn"], fence["grant"]
