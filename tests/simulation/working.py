"""Workers: they run what the nodes want done, once they have caught up, and not always well."""

import contextlib
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from lockgate.deployer.reports import Failed
from lockgate.runtime.batch import WorkRow
from tests.simulation.process import Process, Run
from tests.simulation.surroundings import RaisedError
from tests.simulation.work import work

if TYPE_CHECKING:
    from tests.simulation.world import World


SAID = 10.0
"""Seconds until what a run answered is published, at most."""


class Working:
    def __init__(self, world: "World") -> None:
        self.world = world

    def catch_up(self, process: Process) -> None:
        if process.readable and not process.live and process.has_read(process.ends):
            process.live = True
            self.sync(process)

    def sync(self, process: Process) -> None:
        for name, run in list(process.runs.items()):
            row = process.node.work.get(name)
            if row is None or row.set_by != run.row.set_by:
                self.kill(run)
        if process.up and process.live:
            for name, row in process.node.work.items():
                if name not in process.runs:
                    self._start(process, row)

    def _start(self, process: Process, row: WorkRow, attempts: int = 0) -> None:
        self.world.checks.commands.begins_to_work(process, row)
        self.world.checks.demands.begins_to_work(process, row)
        run = Run(process, row, work(self.world.around, row), attempts)
        process.runs[row.key, row.name] = run
        if self.world.chaotic and row.kind != "register":
            run.fate = self.world.random.choices(
                ("well", "fails", "hangs", "raises", "slow"), (85, 4, 3, 4, 4)
            )[0]
            run.fate_at = self.world.random.randint(0, 5)
            if row.kind == "measure" and run.fate in {"fails", "slow"}:
                run.fate = "well"
            if row.kind in {"check", "ask"} and run.fate == "fails":
                run.fate = "well"  # a check that does not succeed says so, or raises
            if run.fate != "well" and row.kind not in {"measure", "check", "ask"}:
                run.trouble = len(self.world.troubles)
                self.world.troubles.append((self.world.now, math.inf, run.region))
        self.world.at(self.world.now + self.world.pause(), partial(self._advance, run))

    def kill(self, run: Run) -> None:
        """What it was about to write may still reach the cluster, much later."""
        self._over(run)
        if run.fate != "hung" and self.world.random.random() < 0.6:
            self.world.at(
                self.world.now + self.world.random.choice((0.5, 20.0, 900.0)) * self.world.random.random(),
                partial(self._haunt, run),
            )

    def _haunt(self, run: Run) -> None:
        self.world.say(lambda: f"   a killed {run.row.kind} of {run.process.name} goes on for one more write")
        with contextlib.suppress(StopIteration, RaisedError):
            next(run.work)

    def _advance(self, run: Run) -> None:
        process = run.process
        if process.runs.get((run.row.key, run.row.name)) is not run:
            return
        run.steps += 1
        if run.steps > run.fate_at:
            if run.fate == "hangs":
                run.fate = "hung"
                return
            if run.fate == "fails":
                self._final(run, Failed(reason="The quota of the namespace is used up.").json_body())
                return
        try:
            yielded = next(run.work)
        except StopIteration as end:
            if run.fate == "raises":
                self._again(run)
            else:
                self._final(run, end.value)
            return
        except RaisedError:
            self._again(run)
            return
        if isinstance(yielded, dict):
            self.world.committed(
                process, process.node.report(run.row, yielded, self.world.time(process), final=False)
            )
            yielded = self.world.pause()
        extra = (
            self.world.random.uniform(5, 400)
            if run.fate == "slow" and self.world.random.random() < 0.4
            else 0.0
        )
        self.world.at(self.world.now + yielded + extra, partial(self._advance, run))

    def _final(self, run: Run, report: dict[str, Any]) -> None:
        process = run.process
        self._over(run)
        self.world.say(lambda: f"   {process.name} {run.row.kind} {run.region}: {report.get('outcome')}")
        self.world.committed(
            process, process.node.report(run.row, report, self.world.time(process), final=True)
        )

    def _over(self, run: Run) -> None:
        run.process.runs.pop((run.row.key, run.row.name), None)
        if run.trouble is not None:
            start, _, region = self.world.troubles[run.trouble]
            self.world.troubles[run.trouble] = (start, self.world.now + SAID, region)

    def _again(self, run: Run) -> None:
        """The work raised: it stays in the table of runs while it is delayed."""
        delay = min(2.0 ** min(run.attempts, 10), 60.0)
        again = Run(
            run.process, run.row, work(self.world.around, run.row), run.attempts + 1, trouble=run.trouble
        )
        run.process.runs[run.row.key, run.row.name] = again
        self.world.at(self.world.now + delay, partial(self._advance, again))
