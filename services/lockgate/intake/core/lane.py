"""An application's releases in order: queue, start, enter, give way, end. One is under way at a time.

Pure building blocks for `artifacts`, `fixes`, `recovering`, `progress`, `pauses` and `endings`; each gives the lane after it and what else follows.
"""

import json
from datetime import datetime

from lockgate.intake.core.pausing import holding, kept_back
from lockgate.intake.rows import (
    BadVersion,
    Ending,
    Lane,
    NewestPlan,
    Pause,
    Pending,
    Phase,
    Region,
    Release,
    shared_many,
)
from lockgate.intake.words import clip, sentence
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import NOTHING, Rows, Step, emit, put, remove
from lockgate.messages.message import derived_id
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan, PreprodStage
from lockgate.messages.plan_provenance import Provenance
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.values import Artifact, Place

_TAG = 128  # characters of a tag that are kept; it is for people only


def package_of(purl: str) -> str:
    """What a plan claims; names of type oci are lower-case by the package URL specification."""
    return ArtifactPublished(purl=purl).package.lower()


def release_of(application: str, source: str, event: str, artifact: str) -> str:
    """The id of the release that an event asks for, if it becomes one; `artifact` is the package URL that was announced, or the
    digest that an operation is about. An event is named as an inlet knows it: some CI gives one id to the announcements of
    all images of a build.
    """
    return derived_id("release", application, source, event, artifact)


def named(said: ArtifactPublished) -> Artifact:
    """The artifact of a package URL that names its digest."""
    return Artifact(purl=said.purl, digest=said.version, tag=said.tag and clip(said.tag, _TAG))


def queue(rows: Rows, plan: NewestPlan, id_: str, release: Release, now: datetime, *, also: str = "") -> Step:
    """A new release takes its place in the queue, and starts if nothing is under way and nothing is paused. `also` is said of it."""
    lane = rows.get(Lane) or Lane()
    superseded = _replaceable(rows, lane) if plan.plan.queue.supersede else ()
    lane = lane.model_copy(update={"waiting": tuple(i for i in lane.waiting if i not in superseded)})
    free = not lane.under_way and not lane.waiting
    pause = None if lane.under_way else holding(rows)
    queued = (
        put(Pending(release=id_), release.artifact.digest)
        + emit(_queued(rows, lane, id_, release, pause, also=also))
        + supersede(rows, superseded, id_)
    )
    if free and pause is None:
        lane, started = start(rows, lane, plan, id_, release)
        return queued + started + put(lane)
    lane = lane.model_copy(update={"waiting": (*lane.waiting, id_)})
    waits = NOTHING if pause is None else kept_back(rows, now)
    return queued + put(release, id_) + put(lane) + waits


def _replaceable(rows: Rows, lane: Lane) -> tuple[str, ...]:
    """What a newer artifact takes the place of: all that waits, but a fix that goes first."""
    return tuple(id_ for id_, row in rows.many(Release, lane.waiting).items() if not row.fix)


def _queued(
    rows: Rows, lane: Lane, id_: str, release: Release, pause: Pause | None, *, also: str
) -> ReleaseQueued:
    label, ahead = release.artifact.label, len(lane.waiting)
    position = ahead + 1
    behind = f" and {ahead} that came earlier" if ahead else ""
    if lane.under_way:
        first = called(rows, lane.under_way[0])
        reason = f"{label} waits for {first} of {rows.key}, which is under way{behind}"
    elif pause is not None:
        also = f"; {ahead} came earlier" if ahead else ""
        reason = f"{label} waits: {pause.who} paused the releases of {rows.key}{also}: {pause.why}"
    elif ahead:
        reason = f"{label} waits for {ahead} of {rows.key} that came earlier"
    else:
        position = 0
        reason = f"{label} starts at once: no other release of {rows.key} is under way"
    return ReleaseQueued(
        application=rows.key,
        release=id_,
        artifact=release.artifact,
        position=position,
        reason=sentence(f"{reason}{also}"),
    )


def called(rows: Rows, id_: str) -> str:
    """A release as people call it: by its artifact."""
    release = rows.many(Release, (id_,)).get(id_)
    return f"the release {id_}" if release is None else release.artifact.label


def supersede(rows: Rows, ids: tuple[str, ...], by: str) -> Step:
    step = NOTHING
    for id_, old in rows.many(Release, ids).items():
        told = ReleaseSuperseded(application=rows.key, release=id_, artifact=old.artifact, by=by)
        step += remove(Release, id_) + remove(Pending, old.artifact.digest) + emit(told)
    return step


def preempt(rows: Rows, lane: Lane, by: str, who: str, why: str) -> Step:
    """What is under way gives way to the release `by`; not what is on its way out already."""
    step = NOTHING
    for id_, release in rows.many(Release, lane.under_way).items():
        if release.ending is not None:
            continue
        ends = {"ending": Ending.PREEMPTION, "ended_by": why, "ready": False}
        told = ReleasePreempted(
            application=rows.key,
            release=id_,
            artifact=release.artifact,
            by=by,
            who=who,
            reason=sentence(why),
        )
        step += put(release.model_copy(update=ends), id_) + emit(told)
    return step


def start(rows: Rows, lane: Lane, plan: NewestPlan, id_: str, release: Release) -> tuple[Lane, Step]:
    """The release is let go with the newest plan; without pre-production it enters production at once."""
    way = plan.plan.of_a_fix if release.fix else plan.plan
    stages = [stage.name for stage in way.stages if isinstance(stage, PreprodStage)]
    lane = lane.model_copy(update={"number": lane.number + 1, "under_way": (*lane.under_way, id_)})
    started = emit(
        ReleaseStarted(
            application=rows.key,
            release=id_,
            artifact=release.artifact,
            number=lane.number,
            plan_version=plan.version,
            plan=way,
            places=_places(rows, way),
        )
    )
    if not stages:
        lane, entered = enter(rows, lane, id_, release)
        return lane, started + entered
    going = release.model_copy(update={"phase": Phase.PREPRODUCTION, "last_preprod": stages[-1]})
    return lane, started + put(going, id_)


def _places(rows: Rows, plan: Plan) -> dict[str, Place]:
    """Where the plan's regions are. Each is known: a plan is accepted with known regions, which never go."""
    regions = shared_many(rows, Region, plan.regions)
    return {region: regions[region].place for region in plan.regions}


def enter(
    rows: Rows, lane: Lane, id_: str, release: Release, *, recovers: str | None = None
) -> tuple[Lane, Step]:
    """The release owns production from here on, with a number above everything written before."""
    lane = lane.model_copy(update={"number": lane.number + 1, "owner": id_})
    entered = ReleaseEntered(
        application=rows.key,
        release=id_,
        artifact=release.artifact,
        number=lane.number,
        recovers=recovers,
    )
    going = release.model_copy(update={"phase": Phase.PRODUCTION, "ready": False})
    return lane, put(going, id_) + emit(entered)


def over(lane: Lane, id_: str, release: Release, end: Payload) -> tuple[Lane, Step]:
    """The release is over: another one may be let go."""
    lane = lane.model_copy(
        update={
            "under_way": tuple(i for i in lane.under_way if i != id_),
            "owner": None if lane.owner == id_ else lane.owner,
        }
    )
    return lane, remove(Release, id_) + remove(Pending, release.artifact.digest) + emit(end)


def go_on(rows: Rows, lane: Lane, now: datetime) -> Step:
    """The next one starts, where no pause keeps it back."""
    if lane.waiting and holding(rows) is not None:
        return put(lane) + kept_back(rows, now)
    lane, started = start_next(rows, lane)
    return started + put(lane)


def start_next(rows: Rows, lane: Lane) -> tuple[Lane, Step]:
    """The first that waits and may still start; those before it are withdrawn."""
    withdrawn = NOTHING
    while lane.waiting and not lane.under_way:
        id_, *rest = lane.waiting
        lane = lane.model_copy(update={"waiting": tuple(rest)})
        plan, release = rows.get(NewestPlan), rows.get(Release, id_)
        if plan is None or release is None:
            raise LookupError(f"the release {id_} of {rows.key} waits, but it or its plan has no row")
        if (why := stale(rows, plan, release)) is None:
            lane, started = start(rows, lane, plan, id_, release)
            return lane, withdrawn + started
        withdrawn += withdraw(rows, id_, release, why)
    return lane, withdrawn


def stale(rows: Rows, plan: NewestPlan, release: Release) -> str | None:
    """Why a release that waited must not start any more: what would have been its refusal came true since."""
    artifact = release.artifact
    if package_of(artifact.purl) != plan.plan.artifact:
        return (
            f"{artifact.label} waited, and meanwhile the plan of {rows.key} was given the package "
            f"{plan.plan.artifact}: announce it again if a plan claims its package again"
        )
    if bad := rows.get(BadVersion, artifact.digest):
        return f"{artifact.label} waited, and meanwhile it was marked bad because: {bad.reason}"
    demands = fingerprint(plan.plan.provenance)
    if demands is not None and release.checked != demands:
        return (
            f"{artifact.label} waited, and meanwhile the plan of {rows.key} came to demand a provenance that it was not "
            "checked for: announce it again with its bundles"
        )
    return None


def fingerprint(demands: Provenance | None) -> str | None:
    """What tells one plan's demands from another's."""
    if demands is None:
        return None
    return derived_id("provenance", json.dumps(demands.model_dump(mode="json"), sort_keys=True))


def withdraw(rows: Rows, id_: str, release: Release, why: str) -> Step:
    end = ReleaseClosed(
        application=rows.key,
        release=id_,
        artifact=release.artifact,
        outcome=ReleaseOutcome.WITHDRAWN,
        reason=sentence(why),
    )
    return remove(Release, id_) + remove(Pending, release.artifact.digest) + emit(end)
