"""A release as a person sees it: its stages, each with its regions, its verdict, and what it waits for."""

from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.cli.view.names import Names
from lockgate.cli.view.plain import plain
from lockgate.messages.plan import Plan, WatchStage, WaveStage
from lockgate.messages.values import Artifact


class Mark(StrEnum):
    """How a stage or a region stands."""

    AHEAD = "ahead"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BACK = "taken back"


class State(StrEnum):
    """How a release stands."""

    QUEUED = "queued"
    PREPRODUCTION = "in pre-production"
    PRODUCTION = "in production"
    RETURNING = "being taken back"
    YIELDING = "giving way to a fix"
    HELD = "held: an operator says what follows"
    FLAGS = "having its flags switched off"
    COMPLETED = "completed"
    CLOSED = "closed"
    SUPERSEDED = "superseded"


OVER = frozenset({State.COMPLETED, State.CLOSED, State.SUPERSEDED})


@dataclass(frozen=True, slots=True)
class Asked:
    """A grant or an order: when it was given, and how long there is to answer it."""

    at: str
    deadline: float
    fence: str
    attempt: int = 1
    attempts: int = 1


@dataclass(slots=True)
class RegionView:
    mark: Mark = Mark.AHEAD
    says: str = ""
    more: str = ""
    """What came after the cause, or before the attempt that runs: told on a line of its own."""
    asked: Asked | None = field(default=None, compare=False)
    answered: bool = field(default=False, compare=False)


@dataclass(slots=True)
class StageView:
    name: str
    kind: str
    regions: dict[str, RegionView]
    attempts: int = 1
    """That the plan allows in each of its regions."""
    mark: Mark = Mark.AHEAD
    says: str = ""


@dataclass(slots=True)
class ReleaseView:
    application: str
    release: str
    artifact: Artifact
    queued: str
    """When, as its event says."""
    names: Names = field(repr=False)
    state: State = State.QUEUED
    says: str = ""
    ended: str | None = None
    """When; None while it is not over."""
    stages: dict[str, StageView] = field(default_factory=dict)
    back: dict[str, RegionView] = field(default_factory=dict)
    """The regions of a rollback, once it is ordered."""

    @property
    def over(self) -> bool:
        return self.state in OVER

    def told(self, text: str) -> str:
        """A text of its events for a terminal, with versions as people call them."""
        return self.names.told(plain(text))

    def laid_out(self, plan: Plan) -> None:
        """Takes its stages from the plan that it started with."""
        for stage in plan.stages:
            regions = [] if isinstance(stage, WatchStage) else stage.regions
            self.stages[stage.name] = StageView(
                stage.name,
                stage.kind,
                {region: RegionView() for region in regions},
                attempts=1 + (stage.retry if isinstance(stage, WaveStage) else 0),
            )
