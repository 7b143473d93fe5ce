"""Intake's decisions as a table. `*` knows regions and packages; an application knows its queue."""

from lockgate.intake.core import checking, endings, fixes, pauses, recovering, versions
from lockgate.intake.core.answering import ROUTED
from lockgate.intake.core.artifacts import ANNOUNCED, ARRIVED, OTHER
from lockgate.intake.core.plans import ACCEPTED, PUBLISHED
from lockgate.intake.core.progress import SETTLED, STAGE_PASSED, WATCH_ENDED
from lockgate.intake.core.regions import REASSIGNED, REGISTERED
from lockgate.intake.core.unrecovered import VERIFIED
from lockgate.intake.rows import KINDS
from lockgate.messages.artifacts import ArtifactPublished, OtherEvent
from lockgate.messages.decision import Table
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.operations import Abort, Fix, Mark, Pause, Reassign, Resume, Rollback
from lockgate.messages.plans import PlanPublished
from lockgate.messages.rollbacks import RecoveryRequested, ReleaseSettled, VersionMarked
from lockgate.messages.verdicts import RollbackVerified, StagePassed, WatchEnded

TABLE = Table(
    kinds=KINDS,
    shared={
        RegionRegistered: REGISTERED,
        Reassign: REASSIGNED,
        PlanPublished: PUBLISHED,
        ArtifactPublished: ANNOUNCED,
        OtherEvent: OTHER,
        Pause: pauses.ALL_PAUSED,
        Resume: pauses.ALL_RESUMED,
        Abort: ROUTED,
        Rollback: ROUTED,
        Mark: ROUTED,
        Fix: ROUTED,
    },
    events={
        PlanPublished: ACCEPTED,
        ArtifactPublished: ARRIVED,
        StagePassed: STAGE_PASSED,
        WatchEnded: WATCH_ENDED,
        RollbackVerified: VERIFIED,
        ReleaseSettled: SETTLED,
        VersionMarked: versions.MARKED,
        RecoveryRequested: recovering.RECOVERED,
        Pause: pauses.PAUSED,
        Resume: pauses.RESUMED,
        Abort: endings.ABORTED,
        Rollback: endings.ROLLED_BACK,
        Mark: endings.MARKED,
        Fix: fixes.FIXED,
    },
    timers={"unpause": pauses.OVER, "look": pauses.LOOKED, checking.CHECK: checking.OVERDUE},
    work={checking.CHECK: checking.REPORTED},
)

__all__ = ["TABLE"]
