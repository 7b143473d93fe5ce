"""The orders to measure the regions of a stage, each with its part of the release's false-alarm rate.

The rate is spent in equal parts over the release's verifications: one a pilot's region, one a region of pre-production in
which requests are judged together, one a step of a canary in a region, one a wave and one a watch, which their regions
divide: a release has one end, however many they are.
"""

from datetime import datetime
from typing import Any

from lockgate.messages.decision import CancelWork, StartWork, Step, emit, put
from lockgate.messages.plan import PilotStage, Plan, PreprodStage, Stage, WatchStage, WaveStage
from lockgate.messages.verdicts import VerificationStarted
from lockgate.verifier.core.holding import asked_after, schedule_of, stage_waits, waits_for_evidence
from lockgate.verifier.core.measure import LOST, Elsewhere, Measure, Pods, policy_of
from lockgate.verifier.core.rows import Phase, RegionRow, VerificationRow
from lockgate.verifier.core.scene import Scene
from lockgate.verifier.core.terms import Terms


def begin(scene: Scene, terms: Terms, regions: dict[str, RegionRow]) -> Scene:
    """The verification of every region begins."""
    part = alpha_of(scene) * terms.verifications
    started = VerificationStarted(**scene.about, regions=terms.regions, duration=terms.length, alpha=part)
    scene = scene.then(emit(started), phase=terms.phase, since=scene.now)
    for name in terms.regions:
        row = VerificationRow(release=scene.release.release, stage=terms.stage)
        scene = scene.then(put(row, name), measured(scene, terms, name, regions[name]))
    late = asked_after(scene, terms, overdue(scene, terms), progress=0)
    return stage_waits(scene.then(late), terms)


def begin_step(scene: Scene, terms: Terms, name: str, region: RegionRow) -> Scene:
    """A step is done in the region, and what it brought is compared before the next one."""
    alpha = alpha_of(scene)
    started = VerificationStarted(**scene.about, regions=(name,), duration=terms.length, alpha=alpha)
    row = VerificationRow(release=scene.release.release, stage=terms.stage, began=scene.now)
    scene = scene.then(emit(started), put(row, name), measured(scene, terms, name, region, since=scene.now))
    late = asked_after(scene, terms, overdue(scene, terms), progress=0, region=name)
    return waits_for_evidence(scene.then(late), terms, name, row)


def overdue(scene: Scene, terms: Terms) -> float:
    """Seconds after which a verification must be over."""
    schedule = schedule_of(scene, terms)
    return schedule.step * schedule.scrapes + scene.plan.plan.metrics.outage + LOST


def measured(scene: Scene, terms: Terms, name: str, region: RegionRow, since: datetime | None = None) -> Step:
    """The region is measured, from the beginning of the verification on. What measures it already is replaced."""
    schedule, metrics = schedule_of(scene, terms), scene.plan.plan.metrics
    order = Measure(
        release=scene.release.release,
        stage=terms.stage,
        region=name,
        since=since or scene.release.since,
        step=schedule.step,
        scrapes=schedule.scrapes,
        metrics=metrics,
        pods=_pods(scene, terms, name, region),
        policy=policy_of(terms, metrics, region_part(scene.plan.plan, terms)),
        **_compared_with(scene, terms, region),
    )
    return Step(work=(StartWork(work_of(terms, name), "measure", order.model_dump(mode="json")),))


def _compared_with(scene: Scene, terms: Terms, region: RegionRow) -> dict[str, Any]:
    if terms.beside:
        return {"share": region.share}
    schedule = schedule_of(scene, terms)
    before: dict[str, Any] = {"share": 1.0, "began": region.began or scene.release.since}
    if not terms.control:
        return {**before, "history": schedule.history}
    before["began"] = region.entered or before["began"]
    control = tuple(Elsewhere(region=name, namespace=scene.place(name).namespace) for name in terms.control)
    return {**before, "history": schedule.reference, "control": control}


def no_more(terms: Terms, region: str) -> Step:
    return Step(work=(CancelWork(work_of(terms, region)),))


def work_of(terms: Terms, region: str) -> str:
    return f"measure {terms.stage} {region}"


def alpha_of(scene: Scene) -> float:
    """Of one verification."""
    return alpha_in(scene.plan.plan)


def alpha_in(plan: Plan) -> float:
    """Of one verification, whatever release it is of."""
    return plan.false_alarms / max(1, sum(_verifications(plan, stage) for stage in plan.stages))


def region_part(plan: Plan, terms: Terms) -> float:
    """Of what is measured in one region: those that are one verification divide its part."""
    return alpha_in(plan) if terms.beside else alpha_in(plan) / len(terms.regions)


def _verifications(plan: Plan, stage: Stage) -> int:
    match stage:
        case PilotStage(regions=regions):
            return len(regions)
        case PreprodStage(regions=regions, requests=requests):
            return len(regions) if any(request.times > 1 for request in requests) else 0
        case WatchStage(verify=asked):
            return 0 if asked is None else 1
        case WaveStage():
            measured = (Terms.of(plan, stage, phase) for phase in (Phase.REGIONS, Phase.EVIDENCE))
            return sum(terms.verifications for terms in measured if terms is not None)


def _pods(scene: Scene, terms: Terms, name: str, region: RegionRow) -> Pods:
    workload = scene.plan.plan.workload
    return Pods(
        namespace=scene.place(name).namespace,
        pilot=region.pilot_pods if terms.beside else "",
        baseline=region.baseline_pods if terms.beside else workload.deployment,
        service=workload.service,
        route=workload.route,
    )
