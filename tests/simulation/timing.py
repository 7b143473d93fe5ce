"""Timers fire by virtual time under the runtime's rule: what was written before they fell due is read first."""

from functools import partial
from typing import TYPE_CHECKING

from lockgate.runtime.batch import TimerRow
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class Timing:
    def __init__(self, world: "World") -> None:
        self.world = world

    def due(self, process: Process, name: tuple[str, str]) -> None:
        if name in process.node.timers:
            process.overdue[name] = None
            self.fire_due(process)

    def fire_due(self, process: Process) -> None:
        for name in list(process.overdue):
            row = process.node.timers.get(name)
            if row is None or row.due > self.world.time(process):
                process.overdue.pop(name, None)
                process.asked.pop(name, None)
            elif process.readable and self._may_fire(process, row):
                process.overdue.pop(name, None)
                process.asked.pop(name, None)
                self.world.committed(process, process.node.fire(row, self.world.time(process)))

    def _may_fire(self, process: Process, row: TimerRow) -> bool:
        """Read up to where the topics ended when it was seen due; graced after a gap; nothing of its key waits."""
        return not self._is_graced(process, row) and self._has_read_on(process, row)

    def _is_graced(self, process: Process, row: TimerRow) -> bool:
        if row.grace <= 0:
            return False
        if self.world.now < process.resumed + row.grace:
            self.world.at(process.resumed + row.grace, partial(self.fire_due, process))
            return True
        return process.node.waits(row.key)

    def _has_read_on(self, process: Process, row: TimerRow) -> bool:
        name = (row.key, row.name)
        by, ends = process.asked.get(name, (0, {}))
        if by != row.set_by:
            ends = self.world.topics.ends(process, row.key)
            process.asked[name] = (row.set_by, ends)
        return process.has_read(ends)
