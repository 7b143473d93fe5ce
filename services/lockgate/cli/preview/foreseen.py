"""What would happen to an artifact, stage by stage, as far as the plan, the topics and the time tell. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockgate.cli.preview import gates, queue, times
from lockgate.cli.preview.history import History, Passed
from lockgate.cli.preview.queue import Queue
from lockgate.cli.preview.times import Past
from lockgate.messages.plan import Plan, Stage
from lockgate.messages.windows import opening


@dataclass(frozen=True, slots=True)
class Time:
    """How long something takes: `least` by the plan alone, and what past releases took, if any went through it."""

    least: float
    past: Past | None

    @property
    def seconds(self) -> float:
        return self.least if self.past is None else self.past.middle


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One stage."""

    stage: Stage
    time: Time
    approved: Past | None
    """How long past releases waited for its approval alone."""
    comes: datetime | None
    """When it would be its turn; None: that depends on something that nobody knows."""
    opens: datetime | None
    """When its window lets it begin then."""
    gates: tuple[str, ...]
    undecided: str | None

    @property
    def closed(self) -> float:
        """Seconds that it waits for its window."""
        return (self.opens - self.comes).total_seconds() if self.opens and self.comes else 0.0


@dataclass(frozen=True, slots=True)
class Preview:
    plan: Plan
    announced: str
    """A package URL."""
    queue: Queue
    stages: tuple[Foreseen, ...]
    live: bool
    """Whether the topics were asked; else nothing is known of the queue, and of past releases."""
    unserved: tuple[str, ...]
    """Regions that no deployer has registered, where the topics were asked."""

    @property
    def seconds(self) -> float:
        """From its start to its end, if nothing fails, without what people take for their approvals."""
        return sum(each.time.seconds + each.closed for each in self.stages)

    @property
    def guessed(self) -> tuple[str, ...]:
        """The stages of which no past release tells anything."""
        return tuple(each.stage.name for each in self.stages if each.time.past is None)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The stages of whose windows it is not known how long they are waited for."""
        return tuple(
            each.stage.name for each in self.stages if each.stage.before.window and each.opens is None
        )

    @property
    def approvals(self) -> tuple[str, ...]:
        return tuple(each.stage.name for each in self.stages if each.stage.before.approval)


def preview(plan: Plan, history: History | None, artifact: str | None, now: datetime) -> Preview:
    """`history`: None if the topics were not asked. `artifact`: a package URL or a digest; None for any."""
    announced = queue.named(plan, artifact)
    known = history or History(plan.application)
    queued = queue.foreseen(plan, known, announced, now)
    way = plan.of_a_fix if queued.fix else plan
    begins = now if history is None or queued.starts else queued.resumes and max(now, queued.resumes)
    stages = _stages(way, known.passed, begins)
    unserved = () if history is None else tuple(r for r in plan.regions if r not in history.regions)
    return Preview(plan, announced, queued, stages, history is not None, unserved)


def _stages(plan: Plan, passed: Sequence[Passed], at: datetime | None) -> tuple[Foreseen, ...]:
    found = []
    for stage in plan.stages:
        time = Time(times.least(plan, stage), times.took(stage, passed))
        before = stage.before
        approving = times.approving(stage, passed) if before.approval else None
        comes = None if before.approval else at
        opens = opening(before.windows, before.closed, comes) if comes and before.window else comes
        each = Foreseen(stage, time, approving, comes, opens, gates.gates(stage), gates.undecided(stage))
        found.append(each)
        at = opens + timedelta(seconds=time.seconds) if opens else None
    return tuple(found)
