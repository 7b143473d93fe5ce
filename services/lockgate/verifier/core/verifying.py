"""The comparison of a stage's pilots with production, scrape by scrape, by `statistics.verification`.

One verification a region, each with its part of the release's false-alarm rate: one that fails takes the release
back, and the stage passes when all are through; what holds it up meanwhile is in `holding`. What was measured is kept in rows that are never changed, one a
report, and judged anew with each; so a verdict follows from what its event carries, and from nothing else.
"""

from typing import Any, assert_never

from lockgate.messages.decision import CancelTimer, CancelWork, StartWork, Step, emit, put, remove
from lockgate.messages.plan import PilotStage, PreprodStage, Stage, WatchStage, WaveStage
from lockgate.messages.verdicts import FailCause, Outcome, VerificationStarted
from lockgate.verifier.core.holding import (
    Verdict,
    asked_after,
    blind,
    dark,
    held,
    idle,
    lit,
    schedule_of,
    seen_again,
    told,
    waits_for_evidence,
)
from lockgate.verifier.core.measure import LOST, Counted, Measure, Pods, Unavailable, policy_of
from lockgate.verifier.core.rows import PartRow, Phase, RegionRow, VerificationRow
from lockgate.verifier.core.scene import Scene
from lockgate.verifier.statistics.record import load_block, load_setup
from lockgate.verifier.statistics.verification import Verification, joined


def begin(scene: Scene, stage: PilotStage, regions: dict[str, RegionRow]) -> Scene:
    alpha = alpha_of(scene)
    started = VerificationStarted(
        **scene.about,
        regions=tuple(stage.regions),
        duration=stage.after.verify,
        alpha=alpha * len(stage.regions),
    )
    scene = scene.then(emit(started), phase=Phase.EVIDENCE, since=scene.now)
    for name in stage.regions:
        row = VerificationRow(release=scene.release.release, stage=stage.name)
        scene = scene.then(put(row, name), _measured(scene, stage, name, regions[name]))
    schedule = schedule_of(scene, stage)
    over = schedule.step * schedule.scrapes + scene.plan.plan.metrics.outage + LOST
    return waits_for_evidence(scene.then(asked_after(scene, stage, over, progress=0)), stage)


def _measured(scene: Scene, stage: PilotStage, name: str, region: RegionRow) -> Step:
    """The region is measured, from the beginning of the verification on. What measures it already is replaced."""
    schedule, metrics = schedule_of(scene, stage), scene.plan.plan.metrics
    order = Measure(
        release=scene.release.release,
        stage=stage.name,
        region=name,
        since=scene.release.since,
        step=schedule.step,
        scrapes=schedule.scrapes,
        share=region.share,
        metrics=metrics,
        pods=_pods(scene, name, region),
        policy=policy_of(stage, metrics, alpha_of(scene)),
    )
    return Step(work=(StartWork(_work(stage, name), "measure", order.model_dump(mode="json")),))


def alpha_of(scene: Scene) -> float:
    """The false-alarm rate of the release is spent in equal parts over its verifications: one a pilot's region, and one
    a region of pre-production in which requests are judged together.
    """
    return scene.plan.plan.false_alarms / max(1, sum(map(_verifications, scene.plan.plan.stages)))


def _verifications(stage: Stage) -> int:
    match stage:
        case PilotStage(regions=regions):
            return len(regions)
        case PreprodStage(regions=regions, requests=requests):
            return len(regions) if any(request.times > 1 for request in requests) else 0
        case WaveStage() | WatchStage():
            return 0


def _pods(scene: Scene, name: str, region: RegionRow) -> Pods:
    workload = scene.plan.plan.workload
    return Pods(
        namespace=scene.place(name).namespace,
        pilot=region.pilot_pods,
        baseline=region.baseline_pods,
        service=workload.service,
        route=workload.route,
    )


def _work(stage: PilotStage, region: str) -> str:
    return f"measure {stage.name} {region}"


def reported(
    scene: Scene, stage: PilotStage, order: Measure, said: Counted | Unavailable, *, final: bool
) -> Scene:
    """What a report of the measuring leads to. A report of an order that is not the newest changes nothing."""
    row = scene.rows.get(VerificationRow, order.region)
    expected = (Phase.EVIDENCE, stage.name, order.since)
    if row is None or row.over or (scene.release.phase, order.stage, scene.release.since) != expected:
        return scene
    match said:
        case Counted():
            return _counted(scene, stage, order.region, row, said)
        case Unavailable(reason=reason) if final:  # of a version that gave up after an outage
            text = f"There was nothing to measure: {reason}."
            return _measured_again(scene, stage, {order.region: row}, text)
        case Unavailable(reason=reason, too_long=True):
            return blind(scene, order.region, row, f"There was nothing to measure: {reason}.")
        case Unavailable(reason=reason):
            return dark(scene, order.region, row, f"The metrics cannot be read: {reason}")
        case _:
            assert_never(said)


def _counted(scene: Scene, stage: PilotStage, region: str, row: VerificationRow, said: Counted) -> Scene:
    kept, before = _kept(scene, region, row, said), row.end
    if kept is None:
        return scene
    scene, row, parts = kept
    setup = load_setup(parts[0].settled or {})
    run = Verification(setup)
    outcome = run.judge(joined([load_block(setup, part.told, part.first) for part in parts]))
    if outcome.verdict != "running":
        return _concluded(scene, stage, region, row, run.result(outcome, said.digest or ""))
    if outcome.at - run.deciding.last - 1 >= setup.policy.stale:
        if said.end > before:
            row = idle(scene, row)
            scene = scene.then(put(row, region))
        text = f"No requests of both the pilot and production were seen in {region} lately."
        return dark(scene, region, row, text)
    return _goes_on(scene, stage, region, row) if said.end > before else scene


def _kept(
    scene: Scene, region: str, row: VerificationRow, said: Counted
) -> tuple[Scene, VerificationRow, list[PartRow]] | None:
    """With the report's part kept: the row, and all parts in order. None if the report does not follow them."""
    new = PartRow(first=said.first, settled=said.settled, told=said.told)
    if said.first == 0 and said.settled is not None:
        before, left = [], [remove(PartRow, PartRow.named(region, number)) for number in range(1, row.parts)]
        scene = scene.then(*left)
    elif (said.run, said.first) == (row.run, row.end):
        names = tuple(PartRow.named(region, number) for number in range(row.parts))
        found = scene.rows.many(PartRow, names)
        before = [found[name] for name in names]
    else:
        return None
    row = row.model_copy(update={"run": said.run, "parts": len(before) + 1, "end": said.end})
    scene = scene.then(put(row, region), put(new, PartRow.named(region, len(before))))
    return scene, row, [*before, new]


def _goes_on(scene: Scene, stage: PilotStage, region: str, row: VerificationRow) -> Scene:
    """Nothing is proven yet. Says if the time is extended."""
    scene = seen_again(scene, stage, region, row)
    if row.end >= schedule_of(scene, stage).planned and stage.after.on_inconclusive.extend > 0:
        scene = scene.then(extended=True)
    return waits_for_evidence(scene, stage)


def _concluded(
    scene: Scene, stage: PilotStage, region: str, row: VerificationRow, result: dict[str, Any]
) -> Scene:
    outcome, evidence = Outcome(result["verdict"]), result["evidence"]
    reason = f"In {region}: {result['reason']}"
    match outcome:
        case Outcome.FAIL:
            scene, _ = _over(scene, region, row)
            return scene.failed(reason, cause=FailCause.MEASURED, guilty=(region,), evidence=evidence)
        case Outcome.PASS:
            scene = told(scene, (outcome, reason, evidence))
            return through(scene, stage, region, row, reason)
        case Outcome.UNMEASURABLE:
            scene, row = _over(told(scene, (outcome, reason, evidence)), region, row)
            return held(scene, region, row, f"{reason} {_ASKS}")
        case Outcome.INCONCLUSIVE:
            return _undecided(scene, stage, region, row, (outcome, reason, evidence))
        case _:
            assert_never(outcome)


def _undecided(scene: Scene, stage: PilotStage, region: str, row: VerificationRow, verdict: Verdict) -> Scene:
    """The plan says what follows."""
    scene, (outcome, reason, _) = told(scene, verdict), verdict
    match then := stage.after.on_inconclusive.then:
        case "pass":
            text = f"The verdict is {outcome}, and the plan says to go on then. {reason}"
            return through(scene, stage, region, row, text)
        case "hold":
            scene, row = _over(scene, region, row)
            return held(scene, region, row, f"{reason} {_ASKS}")
        case "rollback":
            text = f"The verdict is {outcome}, and the plan asks for a rollback then. {reason}"
            return _over(scene, region, row)[0].failed(text, cause=FailCause.UNDECIDED)
        case _:
            assert_never(then)


_ASKS = "An operator says what follows: lockgate approve, or reject."


def through(scene: Scene, stage: PilotStage, region: str, row: VerificationRow, reason: str) -> Scene:
    """This region holds the release back no more; the last one ends the stage."""
    scene, row = _over(scene, region, row)
    scene, _ = lit(scene, region, row)
    quiet = Step(work=(CancelWork(_work(stage, region)),))
    scene = scene.then(quiet, proven=scene.release.proven + 1)
    if scene.release.proven < len(stage.regions):
        return waits_for_evidence(scene, stage)
    return scene.then(Step(timers=(CancelTimer("verify"),)), scene.unmeasured).passed(reason)


def _over(scene: Scene, region: str, row: VerificationRow) -> tuple[Scene, VerificationRow]:
    """Its parts go: the verdict's event has what they say."""
    gone = [remove(PartRow, PartRow.named(region, number)) for number in range(row.parts)]
    row = row.model_copy(update={"over": True, "parts": 0})
    return scene.then(*gone, put(row, region)), row


def lost(scene: Scene, stage: PilotStage, *, progress: int) -> Scene:
    """The time of the measuring is over, and no verdict is reached in some regions.

    It may be on its way: where the metrics were away it takes longer, and a verifier that was down has to catch up.
    What tells nothing of itself any more is held, and measured anew.
    """
    rows = scene.rows.many(VerificationRow, tuple(stage.regions))
    left = {name: row for name, row in rows.items() if not row.over}
    if scene.release.phase is not Phase.EVIDENCE or not left:
        return scene
    so_far = sum(row.end for row in rows.values())
    silent = {name: row for name, row in left.items() if _is_silent(scene, row, moved=so_far > progress)}
    scene = _measured_again(
        scene, stage, silent, "There was nothing to measure: the measuring tells nothing of itself."
    )
    return scene.then(asked_after(scene, stage, LOST + schedule_of(scene, stage).step, progress=so_far))


def _is_silent(scene: Scene, row: VerificationRow, *, moved: bool) -> bool:
    """Whether there may be no measuring any more: one that has nothing to measure says so again and again."""
    if row.since is None:  # also of rows from before this was kept
        return not moved
    return (scene.now - row.since).total_seconds() > scene.plan.plan.metrics.outage + LOST


def _measured_again(scene: Scene, stage: PilotStage, found: dict[str, VerificationRow], reason: str) -> Scene:
    """Held until there is something, and measured by another run."""
    regions = scene.regions(tuple(found))
    for name, row in found.items():
        scene = blind(scene, name, row, reason)
        scene = scene.then(_measured(scene, stage, name, regions[name]))
    return scene
