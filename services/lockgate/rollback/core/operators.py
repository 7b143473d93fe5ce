"""What operators want, as intake has accepted it: a release taken back or out of a fix's way, a version marked.

Each abort, rollback and pre-emption is answered by one `settled`. A release that is halted already, for whatever reason, has one
on its way; one that has settled had it, and intake reads it after the request that it accepted before.
"""

from datetime import datetime

from lockgate.messages.decision import NOTHING, Rows, Step, emit, put
from lockgate.messages.message import Message
from lockgate.messages.releases import AbortRequested, MarkRequested, ReleasePreempted, RollbackRequested
from lockgate.messages.rollbacks import Grade, VersionMarked
from lockgate.rollback.core import recovering
from lockgate.rollback.core.halting import left, taken_back
from lockgate.rollback.core.holding import holds
from lockgate.rollback.core.rows import Bad, Phase, Release, Way
from lockgate.rollback.core.sentences import shortened
from lockgate.rollback.core.settling import settled


def abort_requested(rows: Rows, given: Message[AbortRequested], now: datetime) -> Step:
    """Also of a release whose watch has passed meanwhile: the operator's word was accepted before it was completed."""
    found = _under_way(rows, given.body.release)
    return NOTHING if found is None else taken_back(rows, *found, given.body.reason, now, blamed=False)


def rollback_requested(rows: Rows, given: Message[RollbackRequested], now: datetime) -> Step:
    found = _under_way(rows, given.body.release)
    if found is None:
        return recovering.unknown(rows, given.body)
    return taken_back(rows, *found, given.body.reason, now, blamed=True, to=given.body.to)


def preempted(rows: Rows, given: Message[ReleasePreempted], now: datetime) -> Step:
    """A fix goes first. In production it goes on from what it finds, where the plan or the artifact says that nothing is
    taken back by itself; and what has passed its watch meanwhile is in nobody's way.
    """
    found = _under_way(rows, given.body.release)
    if found is None:
        return NOTHING
    (release, way), why = found, given.body.reason
    if release.phase is Phase.PASSED:
        stays = {"stays": True, "blamed": False, "reason": shortened(why)}
        return settled(release.model_copy(update=stays), way.plan.application, {})
    if holds(release, way.plan):
        return left(rows, release, way, why, now)
    return taken_back(rows, release, way, why, now, blamed=False)


def _under_way(rows: Rows, id_: str) -> tuple[Release, Way] | None:
    """The release, if it is not on its way back already."""
    release, way = rows.get(Release), rows.get(Way, id_)
    if release is None or way is None or release.release != id_:
        return None
    match release.phase:
        case Phase.RUNNING | Phase.FLAGS | Phase.HELD | Phase.PASSED:
            return release, way
        case Phase.HALTED | Phase.SETTLED | Phase.ENDED:
            return None


def mark_requested(rows: Rows, given: Message[MarkRequested], now: datetime) -> Step:
    """No order names a bad version from here on. One that is good again may be released again."""
    del now
    body, bad = given.body, rows.get(Bad) or Bad()
    after = bad.adding_marked(body.digest) if body.bad else bad.without(body.digest)
    marked = VersionMarked(
        application=body.application,
        digest=body.digest,
        grade=Grade.BAD if body.bad else Grade.GOOD,
        reason=body.reason,
    )
    return put(after) + emit(marked)
