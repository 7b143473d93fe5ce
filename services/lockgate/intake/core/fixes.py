"""A fix goes first: an operator names an artifact, or CI says what one fixes, and all that was announced before gives way.

What waits is superseded, and what is being checked is sent away. What is under way is pre-empted: the coordinator alone gets
it out of the way and answers with `settled`, and only then the fix starts. So it waits behind a release that is on its way out, and behind nothing else.
"""

from datetime import datetime
from typing import NamedTuple

from lockgate.intake.core import unrecovered
from lockgate.intake.core.answering import done, refused
from lockgate.intake.core.lane import called, named, package_of, preempt, release_of, stale, start, supersede
from lockgate.intake.core.pausing import holding
from lockgate.intake.core.unchecked import superseded, waiting
from lockgate.intake.rows import (
    BadVersion,
    BeingChecked,
    Completed,
    Lane,
    NewestPlan,
    Pending,
    Phase,
    Release,
)
from lockgate.intake.words import clip, sentence, shown
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import On, Rows, Step, emit, put
from lockgate.messages.message import Message
from lockgate.messages.operations import Fix, OperationRefusal
from lockgate.messages.releases import ReleaseQueued
from lockgate.messages.values import Artifact, digest_problem


class _Sent(NamedTuple):
    """Who wants it first, and the sentence that says so."""

    who: str
    reason: str


class _First(NamedTuple):
    """The release of the fix: a new one, or one that waited."""

    id: str
    release: Release
    waited: bool


def fixed(rows: Rows, given: Message[Fix], _now: datetime) -> Step:
    lane, plan = rows.get(Lane) or Lane(), rows.get(NewestPlan)
    if plan is None:
        raise LookupError(f"{rows.key} was routed by the package that its plan claims, but has no plan")
    first = _first(rows, given, lane, plan)
    if isinstance(first, Step):
        return first
    body, label = given.body, first.release.artifact.label
    sent = _Sent(body.who, f"{body.who} sent the fix {label}: {body.why}")
    step, told = _goes_first(rows, lane, plan, first, sent)
    checks, gone = superseded(rows, _called(first.release.artifact)), len(waiting(rows))
    told += f"; {gone} that were being checked gave way" if gone else ""
    return unrecovered.ended(rows, sent.reason) + checks + step + done(given, told)


def announced(rows: Rows, source: str, plan: NewestPlan, id_: str, release: Release) -> Step | None:
    """CI says what its new artifact fixes: it goes first if just that is under way and gives way to nothing yet. None if it
    queues like any other: behind a fix that waits, always, and where the plan leaves it to operators to say so.
    """
    if plan.plan.queue.fixes != "ci":
        return None
    lane, artifact = rows.get(Lane) or Lane(), release.artifact
    mended = [
        row.artifact.label
        for row in rows.many(Release, lane.under_way if artifact.fixes else ()).values()
        if row.ending is None and not artifact.fixes.isdisjoint({row.artifact.digest, row.artifact.tag})
    ]
    if not mended or holding(rows) is not None or _fix_waits(rows, lane):
        return None
    who = clip(source, 256)  # whoever CI says it was, nobody has authenticated
    sent = _Sent(who, f"{artifact.label} fixes {mended[0]}, as {who} announced it")
    first = _First(id_, release.model_copy(update={"fix": True}), waited=False)
    step, _told = _goes_first(rows, lane, plan, first, sent)
    return step


def left_to_operators(rows: Rows, plan: NewestPlan, artifact: Artifact) -> str:
    """What is said of an artifact that CI calls a fix, where that is not for CI to say."""
    if not artifact.fixes or plan.plan.queue.fixes == "ci":
        return ""
    return (
        "; CI calls it a fix, which the plan leaves to operators to say: "
        f"`lockgate fix {rows.key} --artifact {artifact.digest}` lets it go first"
    )


def _fix_waits(rows: Rows, lane: Lane) -> bool:
    return any(release.fix for release in rows.many(Release, lane.waiting).values())


def _goes_first(rows: Rows, lane: Lane, plan: NewestPlan, first: _First, sent: _Sent) -> tuple[Step, str]:
    """All else gives way; and the sentence that says what becomes of the fix."""
    others = tuple(id_ for id_ in lane.waiting if id_ != first.id)
    before = supersede(rows, others, first.id) + preempt(rows, lane, first.id, sent.who, sent.reason)
    told, position = _told(rows, lane, first)
    if not first.waited:
        queued = ReleaseQueued(
            application=rows.key,
            release=first.id,
            artifact=first.release.artifact,
            position=position,
            reason=sentence(told),
        )
        before = put(Pending(release=first.id), first.release.artifact.digest) + emit(queued) + before
    gone = f"; {len(others)} that waited gave way" if others else ""
    return before + _next(rows, lane, plan, first), f"{told}{gone}"


def _next(rows: Rows, lane: Lane, plan: NewestPlan, first: _First) -> Step:
    """It starts at once, or is the one that waits."""
    if lane.under_way:
        waits = lane.model_copy(update={"waiting": (first.id,)})
        return put(first.release, first.id) + put(waits)
    lane, started = start(rows, lane.model_copy(update={"waiting": ()}), plan, first.id, first.release)
    return started + put(lane)


# --- which release it is ----------------------------------------------------------------------------------------


def _first(rows: Rows, given: Message[Fix], lane: Lane, plan: NewestPlan) -> _First | Step:
    """The release of the fix, or the refusal."""
    said = _said(given.body.artifact, plan)
    if isinstance(said, str):
        return refused(given, OperationRefusal.NO_ARTIFACT, said)
    artifact = named(said)
    if bad := rows.get(BadVersion, artifact.digest):
        told = f"{artifact.label} is marked bad: send another one, or mark it good first; it is bad because: {bad.reason}"
        return refused(given, OperationRefusal.KNOWN_BAD, told)
    if pause := unrecovered.against(rows):
        told = (
            f"nothing of {rows.key} is begun now, and so no fix: {pause.who} paused it: {pause.why}; resume it, and send "
            "the fix again"
        )
        return refused(given, OperationRefusal.PAUSED, told)
    pending = rows.get(Pending, artifact.digest)
    if pending is None and plan.plan.provenance is not None:
        told = (
            f"{artifact.label} was not announced with the provenance that the plan of {rows.key} demands: announce it with its "
            f"bundles and `fixes=` in its package URL, or send it as a fix once it waits"
        )
        return refused(given, OperationRefusal.UNVERIFIED, told)
    if pending is None:
        id_ = release_of(rows.key, given.source, given.id, artifact.digest)
        return _First(id_, Release(artifact=artifact, fix=True), waited=False)
    return _that_waits(rows, given, lane, plan, pending.release, said=artifact)


def _said(text: str, plan: NewestPlan) -> ArtifactPublished | str:
    """What CI would have announced; or what is wrong with it."""
    package = plan.plan.artifact
    said = ArtifactPublished(purl=text)
    if ":oci/" not in text and digest_problem(text) is None:
        said = ArtifactPublished(purl=f"{package}@{text.replace(':', '%3A')}")
    if package_of(said.purl) != package:
        return f"{shown(text)} is none of {package}, which the plan names: write {package}@sha256%3A…, or the digest alone"
    if problem := digest_problem(said.version):
        return f"{shown(text)} names no image by its digest: {problem}"
    return said


def _that_waits(
    rows: Rows, given: Message[Fix], lane: Lane, plan: NewestPlan, id_: str, *, said: Artifact
) -> _First | Step:
    """An artifact that was announced already: if it waits, it comes to the front. If only who sends it says that it goes
    forward only, it does.
    """
    release = rows.get(Release, id_)
    if release is None:
        raise LookupError(f"the release {id_} of {rows.key} is pending, but has no row")
    label = release.artifact.label
    if release.ending is not None:
        told = f"{label} itself is on its way out: {release.ended_by}; send it again once that is settled"
        return refused(given, OperationRefusal.BEING_TAKEN_BACK, told)
    if release.phase is not Phase.QUEUED:
        told = f"{label} is under way already as the release {id_}: nothing goes before it"
        return refused(given, OperationRefusal.ALREADY_FIRST, told)
    if release.fix and lane.under_way:
        told = f"{label} is the next already: it starts once {called(rows, lane.under_way[0])} is settled"
        return refused(given, OperationRefusal.ALREADY_FIRST, told)
    if (why := stale(rows, plan, release)) is not None:
        return refused(given, OperationRefusal.NO_ARTIFACT, why)
    artifact = said if said.forward_only else release.artifact
    return _First(id_, release.model_copy(update={"fix": True, "artifact": artifact}), waited=True)


# --- what is said of it -----------------------------------------------------------------------------------------


def _told(rows: Rows, lane: Lane, first: _First) -> tuple[str, int]:
    """What becomes of the fix, and its place in the queue."""
    label = _called(first.release.artifact)
    if not lane.under_way:
        return f"{label} starts at once: no release of {rows.key} is under way", 0
    before = lane.under_way[0]
    running = rows.many(Release, (before,)).get(before)
    how = "is pre-empted" if running is not None and running.ending is None else "is on its way out"
    completed = rows.get(Completed)
    back = f" and {completed.artifact.label} is taken back" if completed and completed.recovery else ""
    return (
        f"{label} goes first: {called(rows, before)} of {rows.key} {how}, and once that is settled{back} it starts",
        1,
    )


def _called(artifact: Artifact) -> str:
    return f"the fix {artifact.label}"


FIXED = On(fixed, lambda _given: ((NewestPlan, ""), (Lane, ""), (BeingChecked, "")))
