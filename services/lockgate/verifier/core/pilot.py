"""The stage `pilot`: a clone takes a share of the traffic and is compared with the production beside it.

The work `measure` reports everything counted so far; each look at it is judged by `statistics.comparison`. Metrics
that do not answer are waited for, and are never a pass and never a fail by themselves.
"""

from lockgate.messages.decision import CancelTimer, CancelWork, SetTimer, StartWork, Step, emit
from lockgate.messages.deployments import PilotDeployed
from lockgate.messages.plan import PilotStage
from lockgate.messages.verdicts import (
    Action,
    Outcome,
    VerdictReached,
    VerificationStarted,
    WaitingFor,
)
from lockgate.verifier.core.grants import done, grant
from lockgate.verifier.core.measure import (
    LOST,
    Counted,
    Measure,
    Pods,
    Unavailable,
    looks_of,
    slice_of,
)
from lockgate.verifier.core.rows import Phase, RegionRow
from lockgate.verifier.core.scene import Scene, after, seconds, sentence, stamp
from lockgate.verifier.statistics.comparison import (
    Evidence,
    Fail,
    Inconclusive,
    Judgement,
    Pass,
    Running,
    Unmeasurable,
    judge,
)

SETTLING = 1 / 8
"""The part of the time within which it is no news that nothing was compared yet."""


def begin(scene: Scene, stage: PilotStage) -> Scene:
    for name, region in scene.regions(tuple(stage.regions)).items():
        scene = grant(scene, name, region, Action.PILOT, attempt=1)
    count = len(stage.regions)
    return scene.then(cursor=count, outstanding=count).waits(
        WaitingFor.REGIONS,
        f"The pilot is being set up in {', '.join(stage.regions)} with {100 * stage.share:.4g} % of the traffic; "
        f"the plan allows {seconds(stage.budget)}.",
        until=after(scene.release.since, stage.budget),
    )


def deployed(scene: Scene, answer: PilotDeployed, region: RegionRow, stage: PilotStage) -> Scene:
    """Once every region's pilot has its share, the comparison begins."""
    pods = {"pilot_pods": answer.pilot_pods, "baseline_pods": answer.baseline_pods}
    region = region.model_copy(update=pods)
    scene = done(scene, answer.region, region)
    if scene.release.done < len(stage.regions):
        return scene
    others = scene.regions(tuple(name for name in stage.regions if name != answer.region))
    return _measure_all(scene, stage, {**others, answer.region: region})


def _measure_all(scene: Scene, stage: PilotStage, regions: dict[str, RegionRow]) -> Scene:
    started = VerificationStarted(
        **scene.about,
        regions=tuple(stage.regions),
        duration=stage.after.verify,
        alpha=alpha_of(scene),
    )
    scene = scene.then(emit(started), phase=Phase.EVIDENCE, since=scene.now)
    return _measure(scene, stage, regions)


def _measure(scene: Scene, stage: PilotStage, regions: dict[str, RegionRow]) -> Scene:
    duration, since = duration_of(scene, stage), scene.release.since
    interval = scene.plan.plan.metrics.interval
    order = Measure(
        release=scene.release.release,
        stage=stage.name,
        since=since,
        duration=duration,
        slice=slice_of(stage, interval),
        interval=interval,
        preset=scene.plan.plan.metrics.preset,
        regions={
            name: Pods(
                namespace=scene.place(name).namespace,
                pilot=regions[name].pilot_pods,
                baseline=regions[name].baseline_pods,
            )
            for name in stage.regions
        },
    )
    body = {"release": order.release, "stage": stage.name, "duration": duration}
    lost = SetTimer("verify", after(since, duration + LOST), body)
    work = StartWork(f"measure {stage.name}", "measure", order.model_dump(mode="json"))
    return _waits_for_evidence(scene.then(Step(timers=(lost,), work=(work,))), stage)


def _waits_for_evidence(scene: Scene, stage: PilotStage) -> Scene:
    extended = ", extended once because the evidence decided neither way" if scene.release.extended else ""
    duration = duration_of(scene, stage)
    return scene.waits(
        WaitingFor.EVIDENCE,
        f"The pilot is compared with production for {seconds(duration)}{extended}.",
        until=after(scene.release.since, duration),
    )


def alpha_of(scene: Scene) -> float:
    """The false-alarm rate of the release is spent in equal parts over its pilot stages."""
    pilots = sum(isinstance(stage, PilotStage) for stage in scene.plan.plan.stages)
    return scene.plan.plan.false_alarms / pilots


def duration_of(scene: Scene, stage: PilotStage) -> float:
    """Seconds of the verification as it stands, its extension included."""
    extension = stage.after.on_inconclusive.extend if scene.release.extended else 0.0
    return stage.after.verify + extension


def reported(
    scene: Scene, stage: PilotStage, order: Measure, said: Counted | Unavailable, *, final: bool
) -> Scene:
    """What a report of the measuring leads to. A report of an order that was replaced changes nothing."""
    expected = (Phase.EVIDENCE, stage.name, duration_of(scene, stage))
    if (scene.release.phase, order.stage, order.duration) != expected:
        return scene
    match said:
        case Unavailable(reason=reason) if final:
            text = f"There was nothing to measure at the end of the time: {reason}"
            return _concluded(scene, stage, Unmeasurable(text, {}))
        case Unavailable(reason=reason):
            return scene.waits(WaitingFor.METRICS, f"The metrics cannot be read: {reason}")
        case Counted():
            return _counted(scene, stage, said, final=final)


def _counted(scene: Scene, stage: PilotStage, counted: Counted, *, final: bool) -> Scene:
    looks = looks_of(stage)
    due = len(looks) if final and scene.release.extended else sum(look <= counted.until for look in looks)
    if not final and due <= scene.release.looks:
        return _says_what_is_missing(scene, stage, counted)
    evidence = Evidence(
        strata={name: counted.strata.get(name, ()) for name in stage.regions},
        until=counted.until,
        look=max(due, 1),
        looks=len(looks),
        alpha=alpha_of(scene),
        closing=final,
    )
    return _concluded(scene.then(looks=due), stage, judge(evidence), counted)


def _says_what_is_missing(scene: Scene, stage: PilotStage, counted: Counted) -> Scene:
    """Between two looks, and after one that decided nothing: is there anything to compare?"""
    empty = [name for name in stage.regions if not counted.strata.get(name)]
    if empty and counted.until >= stage.after.verify * SETTLING:
        return scene.waits(
            WaitingFor.METRICS, f"No requests of both the pilot and production were seen in {empty[0]} yet."
        )
    return _waits_for_evidence(scene, stage)


def _concluded(
    scene: Scene, stage: PilotStage, judgement: Judgement, counted: Counted | None = None
) -> Scene:
    match judgement:
        case Running():
            return scene if counted is None else _says_what_is_missing(scene, stage, counted)
        case Pass(reason=reason, numbers=numbers):
            return _verdict(scene, Outcome.PASS, reason, numbers).then(_end(stage)).passed(reason)
        case Fail(reason=reason, numbers=numbers, guilty=guilty):
            return scene.failed(reason, guilty=guilty, evidence=numbers)
        case Inconclusive(reason=reason, numbers=numbers):
            return _undecided(scene, stage, Outcome.INCONCLUSIVE, reason, numbers)
        case Unmeasurable(reason=reason, numbers=numbers):
            return _undecided(scene, stage, Outcome.UNMEASURABLE, reason, numbers)


def _undecided(
    scene: Scene, stage: PilotStage, outcome: Outcome, reason: str, numbers: dict[str, object]
) -> Scene:
    """The plan says what follows: more time, once; then a rollback, which is a fail, or a pass."""
    asked = stage.after.on_inconclusive
    if asked.extend > 0 and not scene.release.extended:
        return _measure(scene.then(extended=True), stage, scene.regions(tuple(stage.regions)))
    scene = _verdict(scene, outcome, reason, numbers)
    if asked.then == "pass":
        return scene.then(_end(stage)).passed(
            f"The verdict is {outcome}, and the plan says to go on then. {reason}"
        )
    return scene.failed(f"The verdict is {outcome}, and the plan asks for a rollback then. {reason}")


def _verdict(scene: Scene, outcome: Outcome, reason: str, numbers: dict[str, object]) -> Scene:
    verdict = VerdictReached(**scene.about, outcome=outcome, reason=sentence(reason), evidence=numbers)
    return scene.then(emit(verdict))


def _end(stage: PilotStage) -> Step:
    return Step(timers=(CancelTimer("verify"),), work=(CancelWork(f"measure {stage.name}"),))


def lost(scene: Scene, stage: PilotStage, duration: float) -> Scene:
    """The measuring never ended, long after its time."""
    if scene.release.phase is not Phase.EVIDENCE or duration != duration_of(scene, stage):
        return scene
    text = (
        f"There was nothing to measure: the measuring had not ended {seconds(LOST)} after its time was over."
    )
    return _concluded(scene, stage, Unmeasurable(text, {"until": stamp(scene.now)}))
