"""A version that is blamed after its release was completed: the plan of that one is kept, and a release of intake's takes it back.

That release owns production, and has a number above everything that was written; the orders under it go to every region
of the completed release's plan, also to those that the newest plan has no more.
"""

from lockgate.messages.decision import NOTHING, Rows, Step, put, remove
from lockgate.messages.releases import ReleaseEntered, RollbackRequested
from lockgate.rollback.core.rows import Completed, Phase, Release, Way
from lockgate.rollback.core.sentences import shortened
from lockgate.rollback.core.settling import settled


def remembered(rows: Rows, release: str) -> Step:
    """The completed release. That of the one before goes."""
    before = rows.get(Completed)
    forgotten = remove(Way, before.release) if before is not None else NOTHING
    return forgotten + put(Completed(release=release))


def entered(rows: Rows, body: ReleaseEntered, recovers: str) -> Step:
    """It is under way from here on, with the plan and the places of what it takes back."""
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
    return put(release) + put(way, body.release) + remove(Way, recovers) + remove(Completed)


def unknown(rows: Rows, requested: RollbackRequested) -> Step:
    """Where it ran is not known, since it was completed before its plan was kept: nothing is ordered, and its end says so."""
    release = rows.get(Release)
    if release is None or release.release != requested.release:
        return NOTHING
    if not release.recovers or release.phase is not Phase.RUNNING:
        return NOTHING
    blamed = release.model_copy(update={"reason": shortened(requested.reason)})
    return settled(blamed, requested.application, {})
