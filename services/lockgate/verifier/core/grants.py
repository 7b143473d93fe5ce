"""Grants: the permission for one deployer to do one step in one region, with its fence and its deadline."""

from collections.abc import Mapping
from datetime import timedelta

from lockgate.messages.decision import CancelTimer, SetTimer, Step, emit, put
from lockgate.messages.deployments import (
    DeploymentFailed,
    GrantRefused,
    PilotDeployed,
    RefusalCode,
    RegionDeployed,
    RegionProbed,
)
from lockgate.messages.plan import PilotStage, PreprodStage, Stage, WatchStage, WaveStage
from lockgate.messages.plan_parts import Request
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Action, FailCause, Granted, RegionFailed, WaitingFor
from lockgate.verifier.core.rows import Phase, RegionRow, RegionState
from lockgate.verifier.core.scene import Scene, after, seconds, sentence
from lockgate.verifier.core.steps import again_from, doing, parts_of

Answer = RegionDeployed | PilotDeployed | RegionProbed | DeploymentFailed | GrantRefused

MOST_EXPIRED = 5
"""So often a region may refuse a grant of one attempt as too old before that is a failed attempt: a deployer whose
clock is wrong refuses at once, and would be granted to without end."""


def grant(scene: Scene, name: str, region: RegionRow, action: Action, attempt: int) -> Scene:
    """The next grant of the region. Its counter goes on over stages, attempts and actions."""
    new = region.model_copy(
        update={
            "stage": scene.stage.name,
            "action": action,
            "state": RegionState.GRANTED,
            "number": fence_number(scene),
            "grant": region.grant + 1,
            "attempt": attempt,
            "began": region.began or (None if isinstance(scene.stage, PreprodStage) else scene.now),
            "entered": region.entered if region.stage == scene.stage.name else scene.now,
            "expired": region.expired if (region.stage, region.attempt) == (scene.stage.name, attempt) else 0,
        }
    )
    granted = _granted(scene, name, new)
    return scene.then(put(new, name), emit(granted), _waited_for(scene, name, new, granted.deadline))


def _waited_for(scene: Scene, name: str, region: RegionRow, deadline: float) -> Step:
    timer = SetTimer(
        f"deadline {name}",
        after(scene.now, deadline),
        {"release": region.release, "region": name, "grant": region.grant},
        grace=timedelta(seconds=deadline / 2),
    )
    return Step(timers=(timer,))


def _granted(scene: Scene, name: str, region: RegionRow) -> Granted:
    place, deadline = scene.place(name), _deadline(scene)
    stage = scene.stage
    share, requests = _share_and_requests(stage, region)
    made = stage.asked if isinstance(stage, PreprodStage) else None
    return Granted(
        **scene.about,
        region=name,
        deployer=place.deployer,
        namespace=place.namespace,
        cluster=place.cluster,
        action=region.action,
        fence=Fence(number=region.number, turn=scene.release.turn, grant=region.grant),
        artifact=scene.plan.artifact,
        workload=scene.plan.plan.workload,
        share=share,
        requests=requests,
        concurrency=stage.concurrency if isinstance(stage, PreprodStage) and requests else 1,
        environment=made,
        start=scene.release.start if region.action is Action.DEPLOY else None,
        attempt=region.attempt,
        valid_for=deadline / 2,
        deadline=deadline,
    )


def _share_and_requests(stage: Stage, region: RegionRow) -> tuple[float | None, tuple[Request, ...]]:
    """What a grant says beside its action."""
    match stage:
        case PilotStage(share=share):
            return share, ()
        case PreprodStage(requests=requests) if region.action is not Action.DEPLOY:
            return None, tuple(requests)
        case WaveStage(strategy=strategy):
            part = parts_of(strategy)[region.step]
            return part.share, part.requests
        case _:
            return None, ()


def fence_number(scene: Scene) -> int:
    """Pre-production writes under the number of `started`, production under that of `entered`."""
    release = scene.release
    return release.started if isinstance(scene.stage, PreprodStage) else release.entered or 0


LEAST_SHARE = 1 / 4
"""Of the budget, which each grant has at least: an outage of ours may have used up all of it, and no region is to
blame for that."""


def _deadline(scene: Scene) -> float:
    """Seconds: a wave's budget is for one attempt in one region, that of other stages for the whole stage."""
    match scene.stage:
        case WaveStage(budget=budget):
            return budget
        case PreprodStage(budget=budget) | PilotStage(budget=budget):
            spent = (scene.now - scene.release.since).total_seconds()
            return max(budget - spent, budget * LEAST_SHARE)
        case WatchStage():
            raise TypeError("a watch deploys nothing: there is no deadline to give")


def answered(scene: Scene, answer: Answer) -> RegionRow | None:
    """The row of the region if this answers its newest grant; None for what is late, foreign or out of place."""
    if scene.release.phase is not Phase.REGIONS or answer.stage != scene.stage.name:
        return None
    region = scene.region(answer.region)
    fence = Fence(number=region.number, turn=scene.release.turn, grant=region.grant)
    expected = (RegionState.GRANTED, scene.stage.name, region.action, fence)
    return region if (region.state, region.stage, answer.action, answer.fence) == expected else None


def done(scene: Scene, name: str, region: RegionRow) -> Scene:
    """The region did what the stage asks of it."""
    release = scene.release
    return scene.then(
        put(region.model_copy(update={"state": RegionState.DONE}), name),
        Step(timers=(CancelTimer(f"deadline {name}"),)),
        done=release.done + 1,
        outstanding=release.outstanding - 1,
    )


def refused(scene: Scene, refusal: GrantRefused, region: RegionRow) -> Scene:
    match refusal.code:
        case RefusalCode.FENCED:
            return _fenced(scene, refusal, region)
        case RefusalCode.EXPIRED if region.expired < MOST_EXPIRED:
            aged = region.model_copy(update={"expired": region.expired + 1})
            return grant(scene, refusal.region, aged, region.action, region.attempt)
        case RefusalCode.EXPIRED:
            reason = (
                f"The deployer {refusal.deployer} refused {region.expired + 1} grants in a row as too old: "
                f"compare its clock with the verifier's, and see how far behind it reads. It says: {refusal.reason}"
            )
            return attempt_failed(scene, refusal.region, region, reason)
        case RefusalCode.NOT_SERVED:
            reason = f"The deployer {refusal.deployer} does not serve the region: {refusal.reason}"
            return attempt_failed(scene, refusal.region, region, reason)


def _fenced(scene: Scene, refusal: GrantRefused, region: RegionRow) -> Scene:
    """No attempt is lost and nothing more is granted: whoever raised the fence says what follows, and if nobody does
    in the time of a grant, the release fails.
    """
    name, deadline = refusal.region, _deadline(scene)
    waited = _waited_for(scene, name, region, deadline)
    scene = scene.then(left_alone(name, region), waited, fenced=scene.release.fenced + 1)
    return scene.waits(
        WaitingFor.COORDINATOR,
        f"The region {name} refused the grant {refusal.fence}, having seen a newer fence; nothing more is granted "
        f"until the coordinator says what follows. The deployer says: {refusal.reason}",
        until=after(scene.now, deadline),
    )


def left_alone(name: str, region: RegionRow) -> Step:
    """The region is granted nothing more, and nothing is expected of it."""
    fenced = region.model_copy(update={"state": RegionState.FENCED})
    return put(fenced, name) + Step(timers=(CancelTimer(f"deadline {name}"),))


def attempt_failed(
    scene: Scene, name: str, region: RegionRow, reason: str, *, unreachable: bool = False
) -> Scene:
    """A failed attempt: granted again while the plan allows it, else the release fails."""
    stage = scene.stage
    attempts = 1 + (stage.retry if isinstance(stage, WaveStage) else 0)
    final = region.attempt >= attempts
    failure = RegionFailed(
        **scene.about,
        region=name,
        attempt=region.attempt,
        final=final,
        unreachable=unreachable,
        reason=sentence(reason),
    )
    told = scene.then(emit(failure))
    if final:
        last = told.then(put(region.model_copy(update={"state": RegionState.FAILED}), name))
        if isinstance(stage, WaveStage) and stage.on_region_failure == "hold":
            return _held(last, name, _last_attempt(name, stage, attempts, reason))
        # Of an environment nobody can say whether it is the version or what it is made from that stood in the way.
        tried = region.action is Action.ENVIRONMENT
        cause = FailCause.UNDECIDED if tried else FailCause.DEPLOYMENT
        return last.failed(_last_attempt(name, stage, attempts, reason), cause=cause, guilty=(name,))
    if scene.release.fenced:
        return told.then(left_alone(name, region))
    return _granted_again(told, name, region)


def _held(scene: Scene, name: str, why: str) -> Scene:
    """The region keeps its place among those at work, so what is granted there anew is never one too many. What others are
    at is finished; no further region is begun.
    """
    quiet = Step(timers=(CancelTimer(f"deadline {name}"),))
    return scene.then(quiet, failed=scene.release.failed + 1).waits(
        WaitingFor.HELD,
        f"The release is held, and no further region is begun: retry grants to {name} anew, and reject or abort takes the "
        f"release back. {why}",
        subject=name,
    )


def granted_anew(scene: Scene, failed: Mapping[str, RegionRow]) -> Scene:
    """All attempts once more, in each region that failed and holds the release."""
    scene = scene.then(failed=0)
    for name, region in failed.items():
        scene = _granted_again(scene, name, region.model_copy(update={"attempt": 0}))
    return scene


def _granted_again(scene: Scene, name: str, region: RegionRow) -> Scene:
    stage, action = scene.stage, region.action
    if isinstance(stage, WaveStage):
        step = again_from(stage.strategy, region.step)
        region, action = region.model_copy(update={"step": step}), parts_of(stage.strategy)[step].action
    again = grant(scene, name, region, action, region.attempt + 1)
    return said_what_follows(again, name, region)


def said_what_follows(scene: Scene, name: str, region: RegionRow) -> Scene:
    """What was said before is over. A strategy of one step has nothing to say."""
    stage = scene.stage
    if not isinstance(stage, WaveStage) or len(parts_of(stage.strategy)) == 1:
        return scene
    reason = doing(stage.strategy, region.step, name)
    return scene.waits(WaitingFor.REGIONS, reason, subject=f"{name} {region.grant + 1}")


def _last_attempt(name: str, stage: Stage, attempts: int, reason: str) -> str:
    which = "its only attempt" if attempts == 1 else f"the last of {attempts} attempts"
    return f"The region {name} failed in {which} in the stage {stage.name}: {reason}"


def overdue(scene: Scene, name: str, grant_number: int) -> Scene:
    """The deadline of a grant passed without an answer."""
    region = scene.region(name)
    expected = (scene.stage.name, grant_number)
    if scene.release.phase is not Phase.REGIONS or (region.stage, region.grant) != expected:
        return scene
    match region.state:
        case RegionState.GRANTED:
            return _unanswered(scene, name, region)
        case RegionState.FENCED:
            return _outranked(scene, name, region)
        case RegionState.MEASURED | RegionState.PAUSED | RegionState.DONE | RegionState.FAILED:
            return scene


def _outranked(scene: Scene, name: str, region: RegionRow) -> Scene:
    """It refused for a newer fence, and the coordinator knows of none: it is not of this release's time."""
    return scene.failed(
        f"The region {name} refused the grant {region.number}.{scene.release.turn}.{region.grant}, having seen a newer fence, and the "
        "coordinator did not halt the release: its number is below what the cluster carries, as after the loss of "
        "intake's database. Compare the annotation lockgate.dev/fence there.",
        cause=FailCause.DEPLOYMENT,
        guilty=(name,),
    )


def _unanswered(scene: Scene, name: str, region: RegionRow) -> Scene:
    place = scene.place(name)
    reason = (
        f"The deployer {place.deployer} did not answer the grant {region.number}.{scene.release.turn}.{region.grant} "
        f"({region.action}) in the region {name} in time"
    )
    return attempt_failed(scene, name, region, f"{reason}: {_allowed(scene.stage)}.", unreachable=True)


def _allowed(stage: Stage) -> str:
    match stage:
        case WaveStage(budget=budget):
            return f"the plan allows {seconds(budget)} for an attempt"
        case PreprodStage(budget=budget) | PilotStage(budget=budget):
            return f"the plan's budget of {seconds(budget)} for the stage is over"
        case WatchStage():
            return "the watch deploys nothing"
