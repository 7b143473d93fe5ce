"""Abort, rollback and mark: an operator's word on a release or a version, which becomes a fact for the coordinator."""

from datetime import datetime
from typing import NamedTuple

from lockgate.intake.core import recovering
from lockgate.intake.core.answering import done, refused
from lockgate.intake.core.lane import withdraw
from lockgate.intake.core.versions import mark
from lockgate.intake.rows import BadVersion, BadVersions, Completed, Ending, Lane, Pending, Release
from lockgate.intake.words import sentence
from lockgate.messages.decision import On, Rows, Step, emit, put
from lockgate.messages.message import Message
from lockgate.messages.operations import Abort, Mark, OfRelease, OperationRefusal, Rollback
from lockgate.messages.releases import AbortRequested


class _Found(NamedTuple):
    lane: Lane
    id: str
    release: Release


def aborted(rows: Rows, given: Message[Abort], _now: datetime) -> Step:
    """What waits is withdrawn at once; what is under way ends when the coordinator has settled it."""
    body = given.body
    found = _found(rows, given)
    if isinstance(found, Step):
        return found
    by = f"{body.who} ended it: {body.why}"
    label = found.release.artifact.label
    if found.id in found.lane.waiting:
        waiting = tuple(i for i in found.lane.waiting if i != found.id)
        lane = found.lane.model_copy(update={"waiting": waiting})
        gone = withdraw(rows, found.id, found.release, by) + put(lane)
        return gone + done(given, f"{label} is withdrawn from the queue of {rows.key}")
    told = AbortRequested(
        application=rows.key,
        release=found.id,
        artifact=found.release.artifact,
        who=body.who,
        reason=sentence(by),
    )
    return (
        _ending(found, Ending.ABORT, by)
        + emit(told)
        + done(given, f"{label} is to be taken back; how that goes is said when it is settled")
    )


def rolled_back(rows: Rows, given: Message[Rollback], _now: datetime) -> Step:
    if (completed := recovering.meant(rows, given)) is not None:
        return recovering.taken_back(rows, given, completed)
    body, found = given.body, _found(rows, given)
    if isinstance(found, Step):
        return found
    artifact = found.release.artifact
    if found.lane.owner != found.id:
        told = f"{artifact.label} is not in production yet, so nothing is to be rolled back: abort it{_completed(rows)}"
        return refused(given, OperationRefusal.NOT_IN_PRODUCTION, told)
    if (problem := recovering.bad_target(rows, body, artifact.digest)) is not None:
        return refused(given, OperationRefusal.BAD_TARGET, problem)
    told = f"{artifact.label} is to be taken back{recovering.where(body)}, and marked bad"
    return (
        _ending(found, Ending.ROLLBACK, recovering.reason_of(body))
        + emit(recovering.requested(rows, body, found.id, found.release, recovering.reason_of(body)))
        + done(given, told)
    )


def _completed(rows: Rows) -> str:
    """Mostly that is meant where what is under way is not in production yet."""
    completed = rows.get(Completed)
    if completed is None or completed.recovery is not None:
        return ""
    return (
        f"; {completed.artifact.label}, which was completed before it, is taken back by `lockgate rollback {rows.key} "
        f"--release {completed.artifact.label}`"
    )


def _ending(found: _Found, ending: Ending, by: str) -> Step:
    """It enters nowhere any more, also where only a pause kept it from production."""
    return put(found.release.model_copy(update={"ending": ending, "ended_by": by, "ready": False}), found.id)


def _found(rows: Rows, given: Message[Abort] | Message[Rollback]) -> _Found | Step:
    """The release that is meant, if it can still be ended; else the refusal."""
    lane, named = rows.get(Lane) or Lane(), given.body.release
    id_ = named or (lane.under_way[0] if lane.under_way else None)
    if id_ is None:
        return refused(given, OperationRefusal.NOTHING_UNDER_WAY, _nothing(rows, lane))
    release = rows.get(Release, id_)
    if release is None:
        return refused(
            given,
            OperationRefusal.OTHER_RELEASE,
            f"{id_} is no release of {rows.key} that waits or is under way: it is over, or another application's",
        )
    if release.ending is not None:
        told = f"{release.artifact.label} is being taken back already: {release.ended_by}{_fix_that_waits(rows, lane)}"
        return refused(given, OperationRefusal.BEING_TAKEN_BACK, told)
    return _Found(lane, id_, release)


def _fix_that_waits(rows: Rows, lane: Lane) -> str:
    """Mostly that is meant, and it is ended by its id."""
    for id_, release in rows.many(Release, lane.waiting).items():
        if release.fix:
            return f"; the fix {release.artifact.label} waits for that: `lockgate abort {rows.key} --release {id_}` ends it"
    return ""


def _nothing(rows: Rows, lane: Lane) -> str:
    told = f"no release of {rows.key} is under way"
    if lane.waiting:
        return f"{told}, and {len(lane.waiting)} wait: name the one that is meant"
    if completed := rows.get(Completed):
        return f"{told}; {completed.artifact.label} was completed: `lockgate rollback` takes it back"
    return f"{told}, and none is known that was completed: announce the version that is to run"


def marked(rows: Rows, given: Message[Mark], _now: datetime) -> Step:
    """A version that is good again is not taken back any more, where that waits yet."""
    body, bad = given.body, given.body.grade == "bad"
    known = rows.get(BadVersion, body.digest)
    if bad and known is not None:
        told = f"{body.digest} is marked bad already: {known.reason}"
        return refused(given, OperationRefusal.MARKED_ALREADY, told)
    if not bad and known is None:
        return refused(given, OperationRefusal.MARKED_ALREADY, f"{body.digest} is not marked bad")
    reason = f"{body.who} marked it {body.grade}: {body.why}"
    step = mark(rows, body.digest, bad=bad, who=body.who, reason=reason)
    if not bad:
        step = recovering.let_go(rows, body.digest, reason) + step
    return step + done(given, f"{body.digest} is marked {body.grade}{_goes_on(rows, body)}")


def _goes_on(rows: Rows, body: Mark) -> str:
    """A mark ends nothing that is under way."""
    pending = rows.get(Pending, body.digest) if body.grade == "bad" else None
    release = rows.get(Release, pending.release) if pending else None
    if release is None:
        return ""
    lane = rows.get(Lane) or Lane()
    if pending is not None and pending.release in lane.under_way:
        return "; its release is under way and goes on: abort it, or roll it back"
    return "; its release waits, and will be withdrawn when its turn comes"


def _of_release(given: Message[OfRelease]) -> tuple[tuple[type[Lane | Release], str], ...]:
    named = given.body.release
    return ((Lane, ""), (Release, named)) if named else ((Lane, ""),)


ABORTED = On(aborted, _of_release)
ROLLED_BACK = On(rolled_back, _of_release)
MARKED = On(marked, lambda given: ((BadVersion, given.body.digest), (BadVersions, "")))
