"""A version that is left after its release was completed: a release of its own takes it back, and deploys nothing.

It enters production in the decision that makes it, so nothing else can begin meanwhile, and no pause holds it: the coordinator
orders every region of the completed release's plan back under its number, and settles it like any release that is taken back.
"""

from datetime import datetime

from lockgate.intake.core.answering import done, refused
from lockgate.intake.core.lane import enter, release_of, withdraw
from lockgate.intake.rows import BadVersion, Completed, Ending, Lane, Pending, Release
from lockgate.intake.words import sentence
from lockgate.messages.decision import NOTHING, On, Rows, Step, emit, put, remove
from lockgate.messages.message import Message
from lockgate.messages.operations import OperationRefusal, Rollback
from lockgate.messages.releases import ReleaseQueued, RollbackRequested
from lockgate.messages.rollbacks import RecoveryRequested
from lockgate.messages.values import Artifact


def meant(rows: Rows, given: Message[Rollback]) -> Completed | None:
    """The completed release that a rollback is about: no other is under way, and no other is named."""
    lane, completed = rows.get(Lane) or Lane(), rows.get(Completed)
    if lane.under_way or completed is None:
        return None
    return completed if given.body.release in {None, completed.release} else None


def taken_back(rows: Rows, given: Message[Rollback], completed: Completed) -> Step:
    """On an operator's word."""
    artifact = completed.artifact
    if (problem := bad_target(rows, given.body, artifact.digest)) is not None:
        return refused(given, OperationRefusal.BAD_TARGET, problem)
    id_ = release_of(rows.key, given.source, given.id, artifact.digest)
    release = Release(artifact=artifact, ending=Ending.ROLLBACK, ended_by=reason_of(given.body))
    told = f"{artifact.label}, which was completed, is to be taken back everywhere{where(given.body)}, and marked bad"
    return (
        _entered(rows, id_, release, completed)
        + emit(requested(rows, given.body, id_, release))
        + done(given, told)
    )


def asked_for(rows: Rows, given: Message[RecoveryRequested], _now: datetime) -> Step:
    """The coordinator wants it taken back. It asks again when what is under way has ended."""
    body, lane, completed = given.body, rows.get(Lane) or Lane(), rows.get(Completed)
    if lane.under_way or completed is None or completed.release != body.release:
        return NOTHING
    id_ = release_of(rows.key, given.source, given.id, body.artifact.digest)
    release = Release(artifact=body.artifact, ending=Ending.ROLLBACK, ended_by=body.reason)
    return _entered(rows, id_, release, completed)


def _entered(rows: Rows, id_: str, release: Release, completed: Completed) -> Step:
    artifact, lane = release.artifact, rows.get(Lane) or Lane()
    reason = f"{artifact.label}, which was completed, is taken back: no release of {rows.key} is under way"
    queued = ReleaseQueued(
        application=rows.key, release=id_, artifact=artifact, position=0, reason=sentence(reason)
    )
    lane, withdrawn = _not_again(rows, lane, artifact)
    lane, entered = enter(
        rows, lane.model_copy(update={"under_way": (id_,)}), id_, release, recovers=completed.release
    )
    pending = put(Pending(release=id_), artifact.digest)
    return withdrawn + emit(queued) + entered + put(lane) + pending + remove(Completed)


def _not_again(rows: Rows, lane: Lane, artifact: Artifact) -> tuple[Lane, Step]:
    """The same version may wait to be released again, behind a pause: it does so no more."""
    pending = rows.get(Pending, artifact.digest)
    if pending is None or pending.release not in lane.waiting:
        return lane, NOTHING
    ((id_, release),) = rows.many(Release, (pending.release,)).items()
    waiting = tuple(each for each in lane.waiting if each != id_)
    why = f"{artifact.label} is taken back: it is not released again"
    return lane.model_copy(update={"waiting": waiting}), withdraw(rows, id_, release, why)


def requested(rows: Rows, body: Rollback, id_: str, release: Release) -> RollbackRequested:
    """What the coordinator is told of a rollback."""
    return RollbackRequested(
        application=rows.key,
        release=id_,
        artifact=release.artifact,
        to=body.to,
        who=body.who,
        reason=sentence(reason_of(body)),
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


RECOVERED = On(asked_for, lambda _given: ((Lane, ""), (Completed, "")))
