"""What others say about a release under way: it enters production, completes, or is closed.

An event about any other release, or out of its phase, changes nothing: topics interleave in any order.
"""

from datetime import datetime
from typing import Any

from lockgate.intake.core import recovering
from lockgate.intake.core.lane import enter, go_on, over
from lockgate.intake.core.pausing import holding, kept_back
from lockgate.intake.rows import Completed, Ending, Lane, Phase, Release
from lockgate.intake.words import listed, sentence
from lockgate.messages.decision import NOTHING, On, Rows, Step, put
from lockgate.messages.message import Message
from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted, ReleaseOutcome
from lockgate.messages.rollbacks import ReleaseSettled
from lockgate.messages.verdicts import StagePassed, WatchEnded, WatchOutcome


def _under_way(rows: Rows, id_: str) -> tuple[Lane, Release] | None:
    """The lane and the release, if it is one that this application has under way."""
    lane, release = rows.get(Lane), rows.get(Release, id_)
    return (lane, release) if lane and release and id_ in lane.under_way else None


def stage_passed(rows: Rows, given: Message[StagePassed], now: datetime) -> Step:
    id_, stage = given.body.release, given.body.stage
    if given.body.kind != "preprod" or (found := _under_way(rows, id_)) is None:
        return NOTHING
    lane, release = found
    if release.phase is not Phase.PREPRODUCTION or release.last_preprod != stage or release.ending:
        return NOTHING
    if holding(rows) is not None:
        return put(release.model_copy(update={"ready": True}), id_) + kept_back(rows, now)
    lane, entered = enter(rows, lane, id_, release)
    return entered + put(lane)


def watch_ended(rows: Rows, given: Message[WatchEnded], now: datetime) -> Step:
    """A watch that failed ends nothing here: the coordinator takes the release back, and settles it. The same holds for
    one that an operator ended before this was read.
    """
    id_ = given.body.release
    if given.body.outcome is not WatchOutcome.PASSED or (found := _under_way(rows, id_)) is None:
        return NOTHING
    lane, release = found
    if lane.owner != id_ or release.ending:
        return NOTHING
    end = ReleaseCompleted(application=rows.key, release=id_, artifact=release.artifact)
    completed = put(Completed(release=id_, artifact=release.artifact))
    lane, ended = over(lane, id_, release, end)
    return completed + ended + go_on(rows, lane, now)


def settled(rows: Rows, given: Message[ReleaseSettled], now: datetime) -> Step:
    """The coordinator may settle a release before it entered, and while it owns production. What takes a completed version
    back goes before all that waits, and no pause keeps it back.
    """
    body, found = given.body, _under_way(rows, given.body.release)
    if found is None:
        return NOTHING
    lane, release = found
    by = f"{release.ended_by.removesuffix('.')}. " if release.ending else ""
    debts = f"{listed(body.debts)} may still run it; " if body.debts else ""
    end = ReleaseClosed(
        application=rows.key,
        release=body.release,
        artifact=release.artifact,
        outcome=_outcome(release, debts=bool(body.debts)),
        reason=sentence(f"{by}{debts}{body.reason}"),
    )
    lane, ended = over(lane, body.release, release, end)
    back = recovering.enters(rows, lane)
    return ended + (go_on(rows, lane, now) if back is None else back)


def _outcome(release: Release, *, debts: bool) -> ReleaseOutcome:
    if debts:
        return ReleaseOutcome.ROLLED_BACK_WITH_DEBTS
    match release.ending:
        case Ending.ABORT:
            return ReleaseOutcome.ABORTED
        case Ending.PREEMPTION:
            return ReleaseOutcome.PREEMPTED
        case Ending.ROLLBACK | None:
            return ReleaseOutcome.ROLLED_BACK


def _of_release(given: Any) -> tuple[tuple[type[Lane | Release], str], ...]:
    return ((Lane, ""), (Release, given.body.release))


STAGE_PASSED = On(stage_passed, _of_release)
WATCH_ENDED = On(watch_ended, _of_release)
SETTLED = On(settled, _of_release)
