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
from lockgate.rollback.core.histories import way_back
from lockgate.rollback.core.holding import holds
from lockgate.rollback.core.rows import Bad, Completed, History, Phase, Release, Way
from lockgate.rollback.core.sentences import shortened
from lockgate.rollback.core.settling import settled


def remembered(rows: Rows, release: Release) -> Step:
    """The completed release. That of the one before goes."""
    before = rows.get(Completed)
    forgotten = remove(Way, before.release) if before is not None else NOTHING
    return forgotten + put(Completed(release=release.release, artifact=release.artifact))


def blamed(rows: Rows, verdict: VerdictReached) -> Step:
    """An incident names the version that was completed last. Where nothing is taken back by itself, the verdict has told people,
    and that is all. Else no order names it from here on, and intake is asked; also while another release is under way, if that
    helps.
    """
    completed, way, newest = rows.get(Completed), rows.get(Way, verdict.release), rows.get(Release)
    if completed is None or way is None or completed.release != verdict.release:
        return NOTHING
    if _is_blamed(rows, completed) or verdict.cause is not FailCause.INCIDENT:
        return NOTHING
    held = completed.artifact.forward_only or way.plan.remediation.then == "hold"
    if held or (newest is not None and _goes_forward(rows, newest)):
        return NOTHING
    to_blame = completed.model_copy(update={"blamed": shortened(verdict.reason)})
    bad = (rows.get(Bad) or Bad()).adding(completed.artifact.digest)
    marked = VersionMarked(
        application=rows.key,
        digest=completed.artifact.digest,
        grade=Grade.BAD,
        reason=to_blame.blamed,
    )
    step = put(to_blame) + put(bad) + emit(marked)
    goes_on = newest is not None and newest.phase is not Phase.ENDED and not _helps(rows, to_blame, way, bad)
    return step if goes_on else step + emit(_request(rows, to_blame))


def _goes_forward(rows: Rows, newest: Release) -> bool:
    """Whether nothing goes back by itself where the newest release is, or was left."""
    way = rows.get(Way, newest.release) if newest.phase is not Phase.ENDED else None
    return newest.forward or (way is not None and holds(newest, way.plan))


def _helps(rows: Rows, completed: Completed, way: Way, bad: Bad) -> bool:
    """Whether some region of production still runs it, and has a version to go back to. What is under way has replaced it else,
    or is the only way to go on: it does not give way, and if it fails it goes back past what is bad.
    """
    digest, to = completed.artifact.digest, way.plan.remediation.to
    histories = rows.many(History, tuple(way.plan.production)).values()
    return any(h.running == digest and way_back(h, digest, bad.digests, to) is not None for h in histories)


def asked_again(rows: Rows, ended: Release) -> Step:
    """Another release has ended: it may have kept the way back from being let go, where some region still runs what was blamed.
    One that goes forward only, and stays for a fix to go on from, is not gone back past.
    """
    completed = rows.get(Completed)
    if completed is None or ended.forward or not _is_blamed(rows, completed):
        return NOTHING
    way = rows.get(Way, completed.release)
    # Sorted: the order of what a row has depends on whether it was read from the database since, and a decision must not.
    regions = tuple(sorted(way.places)) if way is not None else ()
    histories = rows.many(History, regions).values()
    runs = any(history.running == completed.artifact.digest for history in histories)
    return emit(_request(rows, completed)) if runs else NOTHING


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
        # Not by its blame alone: an operator may have marked it good since, and then it is to be said anew.
        marked=(rows.get(Bad) or Bad()).has(body.artifact.digest),
    )
    way = rows.get(Way, recovers)
    if way is None or completed is None or completed.release != recovers:
        return put(release)
    moved = put(way, body.release) + remove(Way, recovers) + remove(Completed)
    if not completed.blamed:
        return put(release) + moved
    return moved + taken_back(rows, release, way, completed.blamed, now, blamed=True)


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
