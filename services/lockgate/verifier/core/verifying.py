"""The comparison of a stage's pilots with production, scrape by scrape, by `statistics.verification`.

One verification a region, each with its part of the release's false-alarm rate: one that fails takes the release
back, and the stage passes when all are through. What was measured is kept in rows that are never changed, one a
report, and judged anew with each; so a verdict follows from what its event carries, and from nothing else.
"""

from typing import Any, assert_never

from lockgate.messages.decision import CancelTimer, CancelWork, SetTimer, StartWork, Step, emit, put, remove
from lockgate.messages.plan import PilotStage
from lockgate.messages.verdicts import FailCause, Outcome, VerdictReached, VerificationStarted, WaitingFor
from lockgate.verifier.core.measure import (
    LOST,
    Counted,
    Measure,
    Pods,
    Schedule,
    Unavailable,
    policy_of,
)
from lockgate.verifier.core.rows import PartRow, Phase, RegionRow, VerificationRow
from lockgate.verifier.core.scene import Scene, after, seconds, sentence
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
    schedule, metrics = _schedule(scene, stage), scene.plan.plan.metrics
    policy = policy_of(stage, metrics, alpha)
    for name in stage.regions:
        order = Measure(
            release=scene.release.release,
            stage=stage.name,
            region=name,
            since=scene.now,
            step=schedule.step,
            scrapes=schedule.scrapes,
            share=regions[name].share,
            metrics=metrics,
            pods=_pods(scene, name, regions[name]),
            policy=policy,
        )
        row = VerificationRow(release=order.release, stage=stage.name)
        work = StartWork(_work(stage, name), "measure", order.model_dump(mode="json"))
        scene = scene.then(put(row, name), Step(work=(work,)))
    over = schedule.step * schedule.scrapes + metrics.outage + LOST
    body = {"release": scene.release.release, "stage": stage.name}
    lost = SetTimer("verify", after(scene.now, over), body)
    return _waits_for_evidence(scene.then(Step(timers=(lost,))), stage)


def alpha_of(scene: Scene) -> float:
    """The false-alarm rate of the release is spent in equal parts over its verifications, one a pilot's region."""
    stages = scene.plan.plan.stages
    return scene.plan.plan.false_alarms / sum(
        len(stage.regions) for stage in stages if isinstance(stage, PilotStage)
    )


def _pods(scene: Scene, name: str, region: RegionRow) -> Pods:
    workload = scene.plan.plan.workload
    return Pods(
        namespace=scene.place(name).namespace,
        pilot=region.pilot_pods,
        baseline=region.baseline_pods,
        service=workload.service,
        route=workload.route,
    )


def _schedule(scene: Scene, stage: PilotStage) -> Schedule:
    return Schedule.of(stage, scene.plan.plan.metrics.interval)


def _work(stage: PilotStage, region: str) -> str:
    return f"measure {stage.name} {region}"


def _waits_for_evidence(scene: Scene, stage: PilotStage) -> Scene:
    schedule, extended = _schedule(scene, stage), scene.release.extended
    more = ", extended because the evidence decided neither way" if extended else ""
    duration = schedule.step * (schedule.scrapes if extended else schedule.planned)
    return scene.waits(
        WaitingFor.EVIDENCE,
        f"The pilot is compared with production for {seconds(duration)}{more}.",
        until=after(scene.release.since, duration),
    )


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
        case Unavailable(reason=reason) if final:
            text = f"There was nothing to measure: {reason}"
            return _undecided(scene, stage, order.region, row, (Outcome.UNMEASURABLE, text, {}))
        case Unavailable(reason=reason):
            return _dark(scene, order.region, row, f"The metrics cannot be read: {reason}")
        case _:
            assert_never(said)


def _counted(scene: Scene, stage: PilotStage, region: str, row: VerificationRow, said: Counted) -> Scene:
    kept = _kept(scene, region, row, said)
    if kept is None:
        return scene
    scene, row, parts = kept
    setup = load_setup(parts[0].settled or {})
    run = Verification(setup)
    outcome = run.judge(joined([load_block(setup, part.told, part.first) for part in parts]))
    if outcome.verdict == "running":
        return _goes_on(scene, stage, region, row, outcome.at - run.deciding.last - 1 >= setup.policy.stale)
    result = run.result(outcome, said.digest or "")
    return _concluded(scene, stage, region, row, result)


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


def _goes_on(scene: Scene, stage: PilotStage, region: str, row: VerificationRow, dark: bool) -> Scene:
    """Nothing is proven yet. Says if nothing could be compared lately, and if the time is extended."""
    if dark:
        text = f"No requests of both the pilot and production were seen in {region} lately."
        return _dark(scene, region, row, text)
    if row.dark:
        row = row.model_copy(update={"dark": False})
        scene = scene.then(put(row, region), dark=scene.release.dark - 1)
    if row.end >= _schedule(scene, stage).planned and stage.after.on_inconclusive.extend > 0:
        scene = scene.then(extended=True)
    return scene if scene.release.dark else _waits_for_evidence(scene, stage)


def _dark(scene: Scene, region: str, row: VerificationRow, reason: str) -> Scene:
    """Nothing can be compared in the region just now; that is never a pass and never a fail."""
    if not row.dark:
        row = row.model_copy(update={"dark": True})
        scene = scene.then(put(row, region), dark=scene.release.dark + 1)
    return scene.waits(WaitingFor.METRICS, reason)


Verdict = tuple[Outcome, str, dict[str, Any]]


def _concluded(
    scene: Scene, stage: PilotStage, region: str, row: VerificationRow, result: dict[str, Any]
) -> Scene:
    outcome, evidence = Outcome(result["verdict"]), result["evidence"]
    reason = f"In {region}: {result['reason']}"
    match outcome:
        case Outcome.FAIL:
            scene = _over(scene, region, row)
            return scene.failed(reason, cause=FailCause.MEASURED, guilty=(region,), evidence=evidence)
        case Outcome.PASS:
            scene = _verdict(scene, (outcome, reason, evidence))
            return _through(scene, stage, region, row, reason)
        case Outcome.INCONCLUSIVE | Outcome.UNMEASURABLE:
            return _undecided(scene, stage, region, row, (outcome, reason, evidence))
        case _:
            assert_never(outcome)


def _undecided(scene: Scene, stage: PilotStage, region: str, row: VerificationRow, verdict: Verdict) -> Scene:
    """The plan says what follows: a rollback, which is a fail, or a pass."""
    scene, (outcome, reason, _) = _verdict(scene, verdict), verdict
    if stage.after.on_inconclusive.then == "pass":
        text = f"The verdict is {outcome}, and the plan says to go on then. {reason}"
        return _through(scene, stage, region, row, text)
    scene = _over(scene, region, row)
    return scene.failed(
        f"The verdict is {outcome}, and the plan asks for a rollback then. {reason}",
        cause=FailCause.UNDECIDED,
    )


def _verdict(scene: Scene, verdict: Verdict) -> Scene:
    outcome, reason, evidence = verdict
    said = VerdictReached(**scene.about, outcome=outcome, reason=sentence(reason), evidence=evidence)
    return scene.then(emit(said))


def _through(scene: Scene, stage: PilotStage, region: str, row: VerificationRow, reason: str) -> Scene:
    """This region holds the release back no more; the last one ends the stage."""
    scene = _over(scene, region, row)
    scene = scene.then(
        Step(work=(CancelWork(_work(stage, region)),)),
        proven=scene.release.proven + 1,
        dark=scene.release.dark - row.dark,
    )
    if scene.release.proven < len(stage.regions):
        return scene if scene.release.dark else _waits_for_evidence(scene, stage)
    return scene.then(Step(timers=(CancelTimer("verify"),)), scene.unmeasured).passed(reason)


def _over(scene: Scene, region: str, row: VerificationRow) -> Scene:
    """Its parts go: the verdict's event has what they say."""
    gone = [remove(PartRow, PartRow.named(region, number)) for number in range(row.parts)]
    return scene.then(*gone, put(row.model_copy(update={"over": True, "parts": 0}), region))


def lost(scene: Scene, stage: PilotStage, *, again: bool) -> Scene:
    """The measuring of some regions never ended, long after its time.

    That may be because nobody ran it: so it is waited for once more. `again`: it was.
    """
    if scene.release.phase is Phase.EVIDENCE and not again:
        body = {"release": scene.release.release, "stage": stage.name, "again": True}
        return scene.then(Step(timers=(SetTimer("verify", after(scene.now, LOST), body),)))
    text = (
        f"There was nothing to measure: the measuring had not ended {seconds(LOST)} after its time was over."
    )
    for name in stage.regions:
        row = scene.rows.get(VerificationRow, name)
        if scene.release.phase is Phase.EVIDENCE and row is not None and not row.over:
            scene = _undecided(scene, stage, name, row, (Outcome.UNMEASURABLE, text, {}))
    return scene
