"""A version that is left after its release was completed: a release of its own takes it back, and deploys nothing.

It enters production in the decision that makes it, or in the one that ends what is under way and gives way to it. So nothing else
can begin meanwhile, and no pause holds it: the coordinator orders every region of the completed release's plan back under its
number, and settles it like any release that is taken back.
"""

from datetime import datetime

from lockgate.intake.core import unrecovered
from lockgate.intake.core.answering import done, refused
from lockgate.intake.core.lane import called, enter, preempt, release_of, withdraw
from lockgate.intake.core.versions import mark
from lockgate.intake.rows import BadVersion, Completed, Ending, Lane, NewestPlan, Pending, Release, Wanted
from lockgate.intake.words import sentence
from lockgate.messages.decision import NOTHING, On, Rows, Step, emit, put, remove
from lockgate.messages.message import Message
from lockgate.messages.operations import OperationRefusal, Rollback
from lockgate.messages.releases import ReleaseQueued, RollbackRequested
from lockgate.messages.rollbacks import RecoveryRequested
from lockgate.messages.values import Artifact


def meant(rows: Rows, given: Message[Rollback]) -> Completed | None:
    """The completed release that a rollback is about: the one that is named, by its id or as people call it (`label`) where
    nothing under way is called so too; or without a name if no other is under way.
    """
    completed, named = rows.get(Completed), given.body.release
    if completed is None or named == completed.release:
        return completed
    under_way = (rows.get(Lane) or Lane()).under_way
    if named is None:
        return None if under_way else completed
    others = {release.artifact.label for release in rows.many(Release, under_way).values()}
    return completed if named == completed.artifact.label and named not in others else None


def taken_back(rows: Rows, given: Message[Rollback], completed: Completed) -> Step:
    """On an operator's word."""
    artifact = completed.artifact
    if (problem := bad_target(rows, given.body, artifact.digest)) is not None:
        return refused(given, OperationRefusal.BAD_TARGET, problem)
    id_ = release_of(rows.key, given.source, given.id, artifact.digest)
    wanted = Wanted(who=given.body.who, to=given.body.to)
    release = Release(
        artifact=artifact, ending=Ending.ROLLBACK, ended_by=reason_of(given.body), wanted=wanted
    )
    told = f"{artifact.label}, which was completed, is to be taken back everywhere{where(given.body)}, and marked bad"
    lane = rows.get(Lane) or Lane()
    if not lane.under_way:
        return _entered(rows, id_, release, completed) + done(given, told)
    if (refusal := _kept(rows, given, lane, completed)) is not None:
        return refusal
    bad = rows.get(BadVersion, artifact.digest) is not None
    marked = (
        NOTHING if bad else mark(rows, artifact.digest, bad=True, who=wanted.who, reason=release.ended_by)
    )
    first = called(rows, lane.under_way[0])
    gives_way = _goes_first(rows, id_, release, completed, wanted.who)
    return marked + gives_way + done(given, f"{told}, once {first} is settled, which gives way to that")


def _kept(rows: Rows, given: Message[Rollback], lane: Lane, completed: Completed) -> Step | None:
    """The refusal of an operator's word while another release is under way, if that or its own way back forbids it."""
    label, digest = completed.artifact.label, completed.artifact.digest
    if completed.recovery is not None:
        told = f"{label} is taken back already, once {called(rows, lane.under_way[0])} is settled"
        return refused(given, OperationRefusal.BEING_TAKEN_BACK, told)
    for id_, release in rows.many(Release, lane.under_way).items():
        if release.artifact.digest == digest:
            told = f"{label} is being released once more as {id_}: take that one back, or abort it"
            return refused(given, OperationRefusal.OTHER_RELEASE, told)
        if release.artifact.forward_only:
            told = (
                f"{release.artifact.label}, which is under way, goes forward only (rollback=unsafe), so nothing goes back past "
                f"it: send a fix, or abort it first if no region has it yet"
            )
            return refused(given, OperationRefusal.FORWARD_ONLY, told)
    return None


def asked_for(rows: Rows, given: Message[RecoveryRequested], _now: datetime) -> Step:
    """The coordinator wants it taken back. Where what is under way stays, it asks again once that has ended."""
    body, lane, completed = given.body, rows.get(Lane) or Lane(), rows.get(Completed)
    if completed is None or completed.release != body.release or completed.recovery is not None:
        return NOTHING
    id_ = release_of(rows.key, given.source, given.id, body.artifact.digest)
    release = Release(artifact=body.artifact, ending=Ending.ROLLBACK, ended_by=body.reason)
    if not lane.under_way:
        return _entered(rows, id_, release, completed)
    if _stays(rows, lane, body.artifact):
        return NOTHING
    return _goes_first(rows, id_, release, completed, unrecovered.WHO)


def _stays(rows: Rows, lane: Lane, blamed: Artifact) -> bool:
    """Whether what is under way gives way to no recovery: the same version, which is judged anew; one that goes forward only,
    since nothing goes back past it; and what is to mend just that.
    """
    plan = rows.get(NewestPlan)
    of_ci = plan is not None and plan.plan.queue.fixes == "ci"
    for release in rows.many(Release, lane.under_way).values():
        artifact = release.artifact
        if artifact.digest == blamed.digest or artifact.forward_only:
            return True
        mends = release.fix or (of_ci and not artifact.fixes.isdisjoint({blamed.digest, blamed.tag}))
        if mends and release.ending is None:
            return True
    return False


def _goes_first(rows: Rows, id_: str, release: Release, completed: Completed, who: str) -> Step:
    """What is under way gives way, and it enters once that is settled."""
    lane, label = rows.get(Lane) or Lane(), release.artifact.label
    before = called(rows, lane.under_way[0])
    told = f"{label}, which was completed, is taken back once {before} of {rows.key} is settled"
    why = f"{label}, which was completed before it, is taken back: {release.ended_by}"
    lane, queued = _queued(rows, lane, id_, release, position=1, reason=told)
    waits = put(lane) + put(release, id_) + put(completed.model_copy(update={"recovery": id_}))
    return queued + waits + preempt(rows, lane, id_, who, why)


def enters(rows: Rows, lane: Lane) -> Step | None:
    """The recovery that waited for what was under way, if there is one: the lane is free now."""
    completed = rows.get(Completed)
    if completed is None or completed.recovery is None:
        return None
    ((id_, release),) = rows.many(Release, (completed.recovery,)).items()
    return _enters(rows, lane, id_, release, completed)


def let_go(rows: Rows, digest: str, why: str) -> Step:
    """An operator has marked its version good: the recovery that waits is withdrawn. What gave way to it goes back all the same."""
    completed = rows.get(Completed)
    if completed is None or completed.recovery is None or completed.artifact.digest != digest:
        return NOTHING
    ((id_, release),) = rows.many(Release, (completed.recovery,)).items()
    return put(completed.model_copy(update={"recovery": None})) + withdraw(rows, id_, release, why)


def _entered(rows: Rows, id_: str, release: Release, completed: Completed) -> Step:
    told = (
        f"{release.artifact.label}, which was completed, is taken back: no release of {rows.key} is under way"
    )
    lane, queued = _queued(rows, rows.get(Lane) or Lane(), id_, release, position=0, reason=told)
    return queued + _enters(rows, lane, id_, release, completed)


def _queued(
    rows: Rows, lane: Lane, id_: str, release: Release, *, position: int, reason: str
) -> tuple[Lane, Step]:
    artifact = release.artifact
    lane, withdrawn = _not_again(rows, lane, artifact)
    queued = ReleaseQueued(
        application=rows.key, release=id_, artifact=artifact, position=position, reason=sentence(reason)
    )
    return lane, withdrawn + emit(queued) + put(Pending(release=id_), artifact.digest)


def _enters(rows: Rows, lane: Lane, id_: str, release: Release, completed: Completed) -> Step:
    wanted, going = release.wanted, release.model_copy(update={"wanted": None})
    lane, entered = enter(
        rows, lane.model_copy(update={"under_way": (id_,)}), id_, going, recovers=completed.release
    )
    if wanted is not None:
        entered += emit(requested(rows, wanted, id_, going, going.ended_by))
    return entered + put(lane) + remove(Completed)


def _not_again(rows: Rows, lane: Lane, artifact: Artifact) -> tuple[Lane, Step]:
    """The same version may wait to be released again, behind a pause: it does so no more."""
    pending = rows.get(Pending, artifact.digest)
    if pending is None or pending.release not in lane.waiting:
        return lane, NOTHING
    ((id_, release),) = rows.many(Release, (pending.release,)).items()
    waiting = tuple(each for each in lane.waiting if each != id_)
    why = f"{artifact.label} is taken back: it is not released again"
    return lane.model_copy(update={"waiting": waiting}), withdraw(rows, id_, release, why)


def requested(
    rows: Rows, wanted: Wanted | Rollback, id_: str, release: Release, reason: str
) -> RollbackRequested:
    """What the coordinator is told of a rollback that an operator wants."""
    return RollbackRequested(
        application=rows.key,
        release=id_,
        artifact=release.artifact,
        to=wanted.to,
        who=wanted.who,
        reason=sentence(reason),
    )


def reason_of(body: Rollback) -> str:
    return f"{body.who} took it back: {body.why}"


def where(body: Rollback) -> str:
    return f" to {body.to[7:19]} where that ran before" if body.to else ""


def bad_target(rows: Rows, body: Rollback, leaving: str) -> str | None:
    """Why nothing can go back to the version that is named, if one is."""
    if body.to is None:
        return None
    if body.to == leaving:
        return f"{body.to} is the version that is to be left: name another one, or none"
    if bad := rows.get(BadVersion, body.to):
        return f"{body.to} is marked bad itself: name another one, or mark it good first; it is bad because: {bad.reason}"
    return None


RECOVERED = On(asked_for, lambda _given: ((Lane, ""), (Completed, ""), (NewestPlan, "")))
