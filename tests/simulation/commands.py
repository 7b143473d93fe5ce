"""What must hold of grants and orders: none is begun below a fence that was read, and no region is called dead in vain."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate.messages.decision import StartWork, TimerDue
from lockgate.messages.deployments import (
    DeploymentFailed,
    GrantRefused,
    OrderRefused,
    PilotDeployed,
    RegionDeployed,
    RegionProbed,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import RegionAnswer, ReleaseHalted, RollbackOrdered
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Granted, RegionFailed
from lockgate.rollback.core.rows import Order
from tests.simulation.broken import Spot, fail, that
from tests.simulation.node import Made
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

Step = RegionDeployed | PilotDeployed | RegionProbed | DeploymentFailed | GrantRefused
Answer = Step | RegionRolledBack | RegionUntouched | OrderRefused | RollbackFailed
Command = tuple[str, str, str, Fence]
"""Application, release, region and the fence of a grant or order."""


@dataclass
class Commands:
    world: "World"
    given: dict[Command, float] = field(default_factory=dict)
    answered: dict[Command, float] = field(default_factory=dict)
    read: dict[str, dict[Spot, Fence]] = field(default_factory=dict)
    """What each deployer has read: the fence below which it begins nothing any more."""

    def published(self, body: Payload) -> None:
        if isinstance(body, Answer):
            name = (body.application, body.release, body.region, body.fence)
            that(name not in self.answered, f"{body.region} answers {body.fence} twice")
            self.answered[name] = self.world.now

    def heard(self, process: Process, message: Message[Payload]) -> None:
        """A deployer takes a halt in, whatever it makes of it."""
        served = self.world.scenario.deployers.get(process.name, ())
        if isinstance(halt := message.body, ReleaseHalted):
            fence = Fence(number=halt.number, turn=halt.turn, grant=0)
            for region in halt.regions:
                if region in served:
                    self._rises(process, (halt.application, region), fence)

    def decided(self, process: Process, made: Made) -> None:
        for message in made.decision.messages:
            match message.body:
                case Granted() | RollbackOrdered() as command:
                    name = (command.application, command.release, command.region, command.fence)
                    self.given[name] = self.world.now
                case RegionFailed(unreachable=True) as body:
                    self._is_dead(made, (body.application, body.release, body.region))
                case _:
                    pass
        if process.name == "rollback":
            for change in made.decision.step.rows:
                if isinstance(order := change.row, Order) and order.answer is RegionAnswer.UNREACHABLE:
                    ordered = order.ordered
                    self._is_dead(made, (ordered.application, ordered.release, ordered.region))
        if process.name in self.world.scenario.deployers:
            self._begins(process, made)
            self._works(process)

    def _is_dead(self, made: Made, about: tuple[str, str, str]) -> None:
        """An outage of whoever commands must never look like a dead region."""
        if not isinstance(made.given, TimerDue):
            return
        command = max((name for name in self.given if name[:3] == about), key=_order)
        region, since, answered = about[2], self.given[command], self.answered.get(command)
        if answered is not None and answered < self.world.seconds(made.given.due):
            fail(f"{region} is said to be unreachable, but had answered {command[3]} at {answered:.1f}")
        deployers = [name for name, served in self.world.scenario.deployers.items() if region in served]
        excused = any(
            subject in {region, *deployers} and start <= self.world.now and end >= since
            for start, end, subject in self.world.troubles
        )
        that(
            excused,
            f"{region} is said to be unreachable, but nothing was wrong: {command[3]} since {since:.1f}",
        )

    def _begins(self, process: Process, made: Made) -> None:
        match made.given:
            case Message(body=Granted() | RollbackOrdered() as command):
                spot = (command.application, command.region)
                if not any(isinstance(work, StartWork) for work in made.decision.step.work):
                    return
                floor = self.read.get(process.name, {}).get(spot)
                above = floor is None or command.fence.order > floor.order
                that(above, f"{process.name} begins {command.fence} in {spot}, having read {floor}")
                self._rises(process, spot, command.fence)
            case _:
                pass

    def _works(self, process: Process) -> None:
        read = self.read.get(process.name, {})
        for (key, _), row in process.node.work.items():
            about: dict[str, Any] | None = row.body.get("grant") or row.body.get("order")
            if about is not None and (floor := read.get((key, about["region"]))) is not None:
                fence = Fence.model_validate(about["fence"])
                above = fence.order >= floor.order
                that(above, f"{process.name} works at {fence} in {about['region']}, having read {floor}")

    def _rises(self, process: Process, spot: Spot, fence: Fence) -> None:
        read = self.read.setdefault(process.name, {})
        if spot not in read or fence.order > read[spot].order:
            read[spot] = fence


def _order(command: Command) -> tuple[int, int, int]:
    return command[3].order
