"""What must hold of every history while it happens: checked with each event, each decision and each write.

Each check is written from the design, and not from the cores: what it knows, it has heard on the topics or seen in
the clusters. Its sentence is its docstring. What must hold in the end is in `invariants`.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.values import Fence
from tests.simulation.asking import Asked
from tests.simulation.blamed import Blamed
from tests.simulation.broken import Spot, that
from tests.simulation.cluster import Write
from tests.simulation.commands import Commands
from tests.simulation.demands import Demands
from tests.simulation.fixes import Fixes
from tests.simulation.hearing import Hearing
from tests.simulation.operators import Operators
from tests.simulation.process import Process
from tests.simulation.recoveries import Recoveries
from tests.simulation.releases import Releases
from tests.simulation.telling import describe
from tests.simulation.versions import Versions

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass
class Checks:
    world: "World"
    releases: Releases = field(init=False)
    versions: Versions = field(init=False)
    commands: Commands = field(init=False)
    operators: Operators = field(init=False)
    recoveries: Recoveries = field(init=False)
    fixes: Fixes = field(init=False)
    demands: Demands = field(init=False)
    blamed: Blamed = field(init=False)
    hearing: Hearing = field(default_factory=Hearing)
    said: float = 0.0
    """When the event that is looked at was decided, by its writer's clock."""
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    effects: set[tuple[Any, ...]] = field(default_factory=set)
    floors: dict[Spot, Fence] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _by_type: dict[type[Payload], list[Callable[[Any], None]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        self.releases, self.versions = Releases(self.world), Versions(self.world)
        self.commands, self.operators = Commands(self.world), Operators(self.world)
        self.fixes, self.demands = Fixes(self.world), Demands(self.world)
        self.recoveries, self.blamed = Recoveries(self.world), Blamed(self.world)
        ours = (self.fixes, self.operators, self.versions, self.commands, self.releases, self.recoveries)
        for each in (*ours, self.demands, self.blamed, Asked(self.world)):
            for type_, check in each.checks().items():
                self._by_type[type_].append(check)

    def published(self, process: Process, message: Message[Payload]) -> None:
        """The events of a writer and key are numbered without a gap, in the order in which they lie on the topic."""
        name, body = (process.name, message.key), message.body
        before = self.numbers.get(name, 0)
        that(message.number == before + 1, f"event {message.number} of {name} follows event {before}")
        self.numbers[name] = before + 1
        self.counts[type(body).__name__] += 1
        self.world.say(lambda: f"{process.name} {message.key} {message.number}: {describe(body)}")
        self.said = self.world.seconds(datetime.fromisoformat(message.at))
        for check in self._by_type.get(type(body), ()):
            check(body)

    def heard(self, process: Process, message: Message[Payload]) -> None:
        self.hearing.heard(process, message)
        self.commands.heard(process, message)
        self.versions.heard(process, message)

    def wrote(self, write: Write) -> None:
        """The fence of a region never falls, and no fence changes what runs there twice."""
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
