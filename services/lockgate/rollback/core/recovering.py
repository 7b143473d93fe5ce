"""A version that is blamed after its release was completed: the plan of that one is kept, and a release of intake's takes it back.

That release owns production, and has a number above everything that was written; the orders under it go to every region
of the completed release's plan, also to those that the newest plan has no more.
"""

from datetime import datetime

from lockgate.messages.decision import NOTHING, Rows, Step, emit, put, remove
from lockgate.messages.releases import ReleaseEntered, RollbackRequested
from lockgate.messages.rollbacks import Grade, RecoveryRequested, VersionMarked
from lockgate.messages.verdicts import FailCause, VerdictReached
from lockgate.rollback.core.halting import taken_back
from lockgate.rollback.core.rows import Bad, Completed, Phase, Release, Way
from lockgate.rollback.core.sentences import shortened
from lockgate.rollback.core.settling import settled


def remembered(rows: Rows, release: Release) -> Step:
    """The completed release. That of the one before goes."""
    before = rows.get(Completed)
    forgotten = remove(Way, before.release) if before is not None else NOTHING
    return forgotten + put(Completed(release=release.release, artifact=release.artifact))


def blamed(rows: Rows, verdict: VerdictReached) -> Step:
    """An incident names the version that was completed last. Where nothing is taken back by itself, the verdict has told people,
    and that is all.
    """
    completed, way, newest = rows.get(Completed), rows.get(Way, verdict.release), rows.get(Release)
    if completed is None or way is None or completed.release != verdict.release:
        return NOTHING
    if _is_blamed(rows, completed) or verdict.cause is not FailCause.INCIDENT:
        return NOTHING
    forward = completed.artifact.forward_only or (newest is not None and newest.forward)
    if forward or way.plan.remediation.then == "hold":
        return NOTHING
    to_blame = completed.model_copy(update={"blamed": shortened(verdict.reason)})
    bad = (rows.get(Bad) or Bad()).adding(completed.artifact.digest)
    marked = VersionMarked(
        application=rows.key,
        digest=completed.artifact.digest,
        grade=Grade.BAD,
        reason=to_blame.blamed,
    )
    return put(to_blame) + put(bad) + emit(marked, _request(rows, to_blame))


def asked_again(rows: Rows) -> Step:
    """Another release has ended: it may have kept the way back from being let go."""
    completed = rows.get(Completed)
    return (
        emit(_request(rows, completed)) if completed is not None and _is_blamed(rows, completed) else NOTHING
    )


def _is_blamed(rows: Rows, completed: Completed) -> bool:
    """Also since an operator may have marked it good. What intake was asked before goes on all the same: it may be on its way."""
    bad = rows.get(Bad) or Bad()
    return bool(completed.blamed) and bad.has(completed.artifact.digest)


def _request(rows: Rows, completed: Completed) -> RecoveryRequested:
    return RecoveryRequested(
        application=rows.key,
        release=completed.release,
        artifact=completed.artifact,
        reason=completed.blamed,
    )


def entered(rows: Rows, body: ReleaseEntered, recovers: str, now: datetime) -> Step:
    """It is under way from here on, with the plan and the places of what it takes back; where an incident was the reason, it
    is ordered back at once.
    """
    before, completed = rows.get(Release), rows.get(Completed)
    if before is not None and body.number <= max(before.number, before.entered or 0):
        return NOTHING
    release = Release(
        release=body.release,
        artifact=body.artifact,
        number=body.number,
        entered=body.number,
        forward=before is not None and before.forward,
        recovers=True,
    )
    way = rows.get(Way, recovers)
    if way is None or completed is None or completed.release != recovers:
        return put(release)
    moved = put(way, body.release) + remove(Way, recovers) + remove(Completed)
    if not completed.blamed:
        return put(release) + moved
    known = release.model_copy(update={"marked": True})
    return moved + taken_back(rows, known, way, completed.blamed, now, blamed=True)


def unknown(rows: Rows, requested: RollbackRequested) -> Step:
    """Where it ran is not known, since it was completed before its plan was kept: nothing is ordered, and its end says so."""
    release = rows.get(Release)
    if release is None or release.release != requested.release:
        return NOTHING
    if not release.recovers or release.phase is not Phase.RUNNING:
        return NOTHING
    blamed = release.model_copy(update={"reason": shortened(requested.reason)})
    bad = (rows.get(Bad) or Bad()).adding(release.artifact.digest)
    return put(bad) + settled(blamed, requested.application, {})
