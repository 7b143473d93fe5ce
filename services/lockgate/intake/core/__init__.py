"""Intake's decisions as a table. `*` knows regions and packages; an application knows its queue."""

from lockgate.intake.core.artifacts import ANNOUNCED, ARRIVED, OTHER
from lockgate.intake.core.plans import ACCEPTED, PUBLISHED
from lockgate.intake.core.progress import MARKED, SETTLED, STAGE_PASSED, WATCH_ENDED
from lockgate.intake.core.regions import REGISTERED
from lockgate.intake.rows import KINDS
from lockgate.messages.artifacts import ArtifactPublished, OtherEvent
from lockgate.messages.decision import Table
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.plans import PlanPublished
from lockgate.messages.rollbacks import ReleaseSettled, VersionMarked
from lockgate.messages.verdicts import StagePassed, WatchEnded

TABLE = Table(
    kinds=KINDS,
    shared={
        RegionRegistered: REGISTERED,
        PlanPublished: PUBLISHED,
        ArtifactPublished: ANNOUNCED,
        OtherEvent: OTHER,
    },
    events={
        PlanPublished: ACCEPTED,
        ArtifactPublished: ARRIVED,
        StagePassed: STAGE_PASSED,
        WatchEnded: WATCH_ENDED,
        ReleaseSettled: SETTLED,
        VersionMarked: MARKED,
    },
)

__all__ = ["TABLE"]
