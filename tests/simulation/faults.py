"""Faults begin and end: processes stop, brokers and clusters go away, and all of it comes back."""

from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.process import Process
from tests.simulation.scenario import CHAOS, Fault

if TYPE_CHECKING:
    from tests.simulation.world import World

GAP = 5.0
"""Seconds without the broker that are a gap in reading."""


class Faults:
    def __init__(self, world: "World") -> None:
        self.world = world
        self._spans: dict[tuple[str, str, str], list[tuple[float, float]]] = {}

    def draw(self, faults: list[Fault]) -> None:
        for fault in faults:
            spans = self._spans.setdefault((fault.what, fault.subject, fault.topic), [])
            spans.append((fault.start, fault.end))

    def fault(self, fault: Fault, *, begins: bool) -> None:
        self.world.say(
            lambda: f"-- {fault.what} {fault.subject} {fault.topic} {'begins' if begins else 'ends'}"
        )
        match fault.what:
            case "down":
                process = self.world.processes[fault.subject]
                self.down(process) if begins else self.up(process)
            case "cut":
                self.cut(self.world.processes[fault.subject], begins=begins)
            case "away":
                self.world.clusters[fault.subject].reachable = not self.is_faulty("away", fault.subject)
            case "other" if begins:
                self.world.clusters[fault.subject].identity = "another uid"
            case "slow" if not begins:
                self.world.topics.wake_all(self.world.processes[fault.subject])
            case _:
                pass

    def is_faulty(self, what: str, subject: str, topic: str = "") -> bool:
        spans = self._spans.get((what, subject, topic), ())
        return any(start <= self.world.now < end for start, end in spans)

    def down(self, process: Process) -> None:
        process.down += 1
        process.live = False
        for run in list(process.runs.values()):
            self.world.working.kill(run)

    def up(self, process: Process) -> None:
        process.down -= 1
        if process.down > 0:
            return
        self.resume(process)
        self.world.committed(process, process.node.start(self.world.time(process)))

    def cut(self, process: Process, *, begins: bool) -> None:
        process.cut += 1 if begins else -1
        if begins:
            process.cut_at = self.world.now
        elif process.readable:
            if self.world.now - process.cut_at > GAP or not process.live:
                self.resume(process)
            else:
                self.world.topics.wake_all(process)

    def resume(self, process: Process) -> None:
        """Reading begins, or begins again after a gap."""
        process.resumed = self.world.now
        process.live = False
        if process.readable:
            process.ends = self.world.topics.ends(process)
            self.world.topics.wake_all(process)

    def crash(self, process: Process) -> None:
        """Between a commit and its publication."""
        back = self.world.now + self.world.random.choice((1.0, 30.0, 600.0, 4000.0))
        back = min(back, CHAOS + 1800)
        self.world.troubles.append((self.world.now, back, process.name))
        self.world.say(lambda: f"-- {process.name} crashes after its commit, until {back:.0f}")
        self.down(process)
        self.world.at(back, partial(self.up, process))
