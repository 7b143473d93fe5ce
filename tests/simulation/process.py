"""A service's process: whether it runs and reads, and what it remembers only while it does."""

from dataclasses import dataclass, field
from typing import Any

from lockgate.runtime.batch import WorkRow
from tests.simulation.node import Node, Place
from tests.simulation.surroundings import Work


@dataclass(eq=False)
class Run:
    """One run of one piece of work, and what is to become of it after some steps."""

    process: "Process"
    row: WorkRow
    work: Work
    attempts: int
    fate: str = "well"
    fate_at: int = 0
    steps: int = 0
    trouble: int | None = None
    """Where the world notes that this run goes badly, until it is over."""

    @property
    def region(self) -> str:
        body: dict[str, Any] = self.row.body
        about = body.get("grant") or body.get("order") or body
        return str(about.get("region", ""))


@dataclass(eq=False)
class Process:
    """`down` and `cut` count the faults that hold it; it begins down. `ends`: what it must read before work begins."""

    node: Node
    down: int = 1
    cut: int = 0
    cut_at: float = 0.0
    resumed: float = 0.0
    live: bool = False
    ends: dict[Place, int] = field(default_factory=dict)
    pulling: set[Place] = field(default_factory=set)
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    overdue: dict[tuple[str, str], None] = field(default_factory=dict)
    asked: dict[tuple[str, str], tuple[int, dict[Place, int]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.node.who.writer

    @property
    def up(self) -> bool:
        return self.down == 0

    @property
    def readable(self) -> bool:
        return self.up and self.cut == 0

    def has_read(self, ends: dict[Place, int]) -> bool:
        return all(self.node.offsets.get(place, 0) >= end for place, end in ends.items())
