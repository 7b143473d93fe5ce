"""What the verifier remembers of an application: the current release, its plan, its regions, open incidents.

Region rows are keyed by the region, not by the release: the next release overwrites them, so state does not grow
with the number of releases. A row that names another release counts as absent.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from lockgate.messages.decision import Row
from lockgate.messages.plan import Plan
from lockgate.messages.values import Artifact, Place
from lockgate.messages.verdicts import Action, WaitingFor


class Phase(StrEnum):
    """Where the release stands within its stage."""

    PRODUCTION = "production"  # it waits until it owns production
    BEFORE = "before"  # it waits for what must hold before the stage begins
    REGIONS = "regions"  # grants are given and answered
    EVIDENCE = (
        "evidence"  # the pilot is compared with production, or the wave with regions without the release
    )
    BAKE = "bake"  # the wave is left alone
    CHECK = "check"  # all else is through, and the stage's check is not answered yet
    SETTLING = "settling"  # flags were switched off, and it is left alone before it is judged anew
    WATCH = "watch"  # post-deployment verification
    PASSED = "passed"  # only within a decision: the next stage begins before it ends
    FAILED = "failed"  # nothing more is granted; the coordinator takes it back
    OVER = "over"  # completed, settled or closed


class RegionState(StrEnum):
    GRANTED = "granted"  # its newest grant is not answered yet
    MEASURED = "measured"  # a step is done, and is compared with production before the next one
    PAUSED = "paused"  # a step of its strategy is done, and the next one is not due yet
    DONE = "done"  # it did what the stage asks of it
    FENCED = "fenced"  # it refused, having seen a newer fence
    FAILED = "failed"  # no attempt is left


class Waiting(Row):
    """What was last said to be waited for, so that it is said once. Part of the release row."""

    kind: ClassVar[str] = "waiting"
    stage: str
    waiting_for: WaitingFor
    until: str | None
    subject: str | None = None
    """Which part of the stage it is about, where it is not all of it."""


class CheckState(StrEnum):
    ASKED = "asked"
    SILENT = "silent"  # it gives no answer, or cannot be asked
    PASSED = "passed"


class CheckRow(Row):
    """How far the check of the stage is. Part of the release row."""

    kind: ClassVar[str] = "check"
    state: CheckState = CheckState.ASKED
    reason: str = ""
    """Why there is no answer, for people."""


class ReleaseRow(Row):
    """The application's current release: a cursor and counters, no list that grows with the regions. Id: ''."""

    kind: ClassVar[str] = "release"
    release: str
    started: int
    entered: int | None = None
    turn: int = 0
    """Of the coordinator's newest `resumed`; each grant carries it."""
    stage: int = 0
    phase: Phase = Phase.REGIONS
    since: datetime
    """When the phase of the stage began."""
    cursor: int = 0
    """How many regions of the stage were granted to so far, in the plan's order."""
    outstanding: int = 0
    done: int = 0
    fenced: int = 0
    exposed: int = 0
    """How many production regions may run the release by now."""
    proven: int = 0
    """How many regions of the stage are through their verification."""
    dark: int = 0
    """In how many of them nothing can be compared just now."""
    held: int = 0
    """In how many of them somebody has to say what follows, or the metrics are away for longer than the plan allows."""
    failed: int = Field(default=0, exclude_if=lambda count: count == 0)
    """How many regions of the wave failed, have no attempt left, and keep their place until an operator says what follows."""
    delay: float = 0.0
    """Seconds in which nothing could be compared, so that the verification takes longer by them."""
    extended: bool = False
    begun: bool = False
    """All that must hold before the stage held once."""
    approved: bool = False
    """An operator let the stage begin."""
    promoted: bool = False
    """An operator let it begin outside of its window."""
    waiting: Waiting | None = None
    check: CheckRow | None = None
    """None until it is asked."""
    start: float | None = None
    """Seconds that its pods take to get ready, as the slowest of its clones showed."""

    @classmethod
    def upcast(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Verifications were looked at a few times only, and the looks counted. A stage was begun where it had granted."""
        known = {name: value for name, value in body.items() if name != "looks"}
        return {"begun": known.get("cursor", 0) > 0, **known}


class PlanRow(Row):
    """What the release carries through all of its stages; never changed. Id: the release."""

    kind: ClassVar[str] = "plan"
    artifact: Artifact
    plan: Plan
    places: dict[str, Place]


class RegionRow(Row):
    """What was granted to a region for a release, and how it answered. Id: the region."""

    kind: ClassVar[str] = "region"
    release: str
    stage: str = ""
    action: Action = Action.DEPLOY
    state: RegionState = RegionState.DONE
    number: int = 0
    grant: int = 0
    """The newest grant of this release in this region, over all stages and attempts."""
    attempt: int = 0
    step: int = 0
    """Which step of the wave's strategy was granted last."""
    expired: int = 0
    """How many grants of this attempt were refused as too old."""
    began: datetime | None = None
    """When the first production step of the release was granted here: what was before is the region without it."""
    entered: datetime | None = None
    """When the first grant of its newest stage was."""
    exposed: bool = False
    """A production step of the release was begun here."""
    pilot_pods: str = ""
    baseline_pods: str = ""
    share: float = 0.0
    """Of the traffic, as it was set for the pilot."""
    evidence: dict[str, Any] | None = None
    """What the probes of pre-production said, bounded."""


class VerificationRow(Row):
    """How far the comparison of a region has got; gone with its stage. Id: the region."""

    kind: ClassVar[str] = "verification"
    release: str
    stage: str
    began: datetime | None = None
    """Of a step: when it was done. None: all of the stage is measured since its phase began."""
    delay: float = 0.0
    """Of a step: seconds in which nothing could be compared."""
    run: str = ""
    """Which run of the measuring the parts are of."""
    parts: int = 0
    end: int = 0
    """So many scrapes are in them."""
    dark: bool = False
    held: bool = False
    since: datetime | None = None
    """While it is dark: since when. While it is held, and while it reads what lies in the past: when its measuring last told
    something, or was begun anew.
    """
    digest: str = Field(default="", exclude_if=lambda digest: not digest)
    """Of the samples of a wave's region whose own comparison is decided, while the verdict on them all waits for others."""
    over: bool = False
    """Nothing is measured any more. It is held as well where no verdict was reached that the plan goes on by."""

    @classmethod
    def upcast(cls, body: dict[str, Any]) -> dict[str, Any]:
        """That the metrics are away was said once, and kept; now it is said again and again."""
        return {name: value for name, value in body.items() if name != "away"}


class PartRow(Row):
    """Some scrapes of a verification, as reported; never changed. Id: the region and the number of the part."""

    kind: ClassVar[str] = "part"
    first: int
    settled: dict[str, Any] | None
    told: dict[str, Any]

    @staticmethod
    def named(region: str, number: int) -> str:
        return f"{region} {number}"


class IncidentsRow(Row):
    """Incidents that were reported during the release: those that are not its doing, and those that are. Id: ''. Bounded."""

    kind: ClassVar[str] = "incidents"
    release: str
    seen: tuple[str, ...] = ()
    blamed: tuple[str, ...] = ()
    """Those that the release was blamed for, until they are resolved."""
    over: tuple[str, ...] = ()
    """Those that it was blamed for, and that are resolved."""


class RecoveryRow(Row):
    """What a release that was taken back was blamed for, until it is said how that ended. Id: ''. Bounded."""

    kind: ClassVar[str] = "recovery"
    release: str
    """The newest, where one is taken back before it is said of another."""
    label: str
    others: bool = False
    """Some that were taken back before it are waited for with it."""
    due: datetime
    """When it is said: the earliest time of them all."""
    within: float
    """Seconds after which that is, from when the release was settled that it is the time of."""
    ongoing: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    """Incidents that are reported as resolved. Each may be reported again."""
    debts: tuple[str, ...] = ()
    """Regions that might still run what was taken back when it was settled. The first of them."""


class PauseRow(Row):
    """Nothing more is begun: for the application, or under `*` for all. Id: ''."""

    kind: ClassVar[str] = "pause"
    who: str
    why: str
    until: str | None = None


KINDS = (ReleaseRow, PlanRow, RegionRow, VerificationRow, PartRow, IncidentsRow, RecoveryRow, PauseRow)
