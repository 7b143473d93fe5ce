"""What the verifier decides, as a table. Pure: time is an argument, and nothing here does anything."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.decision import (
    NOTHING,
    On,
    Row,
    Rows,
    Step,
    Table,
    TimerDue,
    WorkReported,
)
from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentStarted,
    GrantRefused,
    PilotDeployed,
    RegionDeployed,
    RegionProbed,
)
from lockgate.messages.message import Message
from lockgate.messages.operations import OF_VERIFIER
from lockgate.messages.plan import WatchStage, WaveStage
from lockgate.messages.releases import (
    AllPaused,
    AllResumed,
    ApplicationPaused,
    ApplicationResumed,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseStarted,
)
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseResumed, ReleaseSettled
from lockgate.verifier.core import (
    anomalies,
    answers,
    checking,
    completed,
    operators,
    recovery,
    resuming,
    stages,
    verifying,
    watch,
    waves,
)
from lockgate.verifier.core.grants import overdue
from lockgate.verifier.core.measure import Measure, Report
from lockgate.verifier.core.rows import (
    KINDS,
    IncidentsRow,
    Phase,
    PlanRow,
    RecoveryRow,
    RegionRow,
    ReleaseRow,
)
from lockgate.verifier.core.scene import Scene


def _started(rows: Rows, given: Message[ReleaseStarted], now: datetime) -> Step:
    return stages.started(rows, given.body, now)


def _halted(scene: Scene, event: ReleaseHalted) -> Scene:
    return scene.stopped(Phase.FAILED, f"The coordinator halted the release: {event.reason}")


def _forgotten(
    rows: Rows, given: Message[ReleaseSettled | ReleaseClosed | ReleaseCompleted], now: datetime
) -> Step:
    """The release is over, also one that failed and was taken back: its plan goes."""
    row = rows.get(ReleaseRow)
    if row is None or row.release != given.body.release or row.phase is Phase.OVER:
        return NOTHING
    plan = rows.get(PlanRow, row.release)
    if plan is None:
        return NOTHING
    over = Scene(rows, now, row, plan, row).stopped(Phase.OVER, "").settled()
    return (
        over + recovery.begin(rows, given.body, plan, now) if isinstance(given.body, ReleaseSettled) else over
    )


def _overdue(scene: Scene, due: TimerDue) -> Scene:
    return overdue(scene, due.body["region"], due.body["grant"])


def _rested(scene: Scene, due: TimerDue) -> Scene:
    return waves.rested(scene, due.body["region"], due.body["grant"])


def _stage_timer(scene: Scene, due: TimerDue) -> Scene:
    """A timer that belongs to a stage, and to no other."""
    if scene.stage.name != due.body["stage"]:
        return scene
    match (due.name, scene.stage):
        case ("before", _):
            return stages.let_go_on(scene)
        case ("bake", WaveStage() as stage):
            return waves.baked(scene, stage)
        case ("watch", WatchStage() as stage):
            return watch.over(scene, stage)
        case ("check", _):
            return checking.lost(scene)
        case _:
            return scene


def _asked(scene: Scene, due: TimerDue) -> Scene:
    """What became of the measuring of the stage, or of a step in a region."""
    terms, body = scene.terms, due.body
    if terms is None or scene.stage.name != body["stage"]:
        return scene
    return verifying.lost(scene, terms, progress=body.get("progress", 0), region=body.get("region"))


def _measured(scene: Scene, work: WorkReported) -> Scene:
    if (terms := scene.terms) is None:
        return scene
    order, report = Measure.model_validate(work.body), Report.model_validate({"said": work.report})
    return verifying.reported(scene, terms, order, report.said, final=work.final)


# --- from inputs to scenes ------------------------------------------------------------------------------------

Needs = tuple[tuple[type[Row], str], ...]


def _on(change: Callable[[Scene, Any], Scene]) -> On:
    """A line for an event about a release: it changes nothing unless that release is the current one."""

    def decide(rows: Rows, given: Message[Any], now: datetime) -> Step:
        scene = Scene.of(rows, given.body.release, now)
        return NOTHING if scene is None else stages.finish(change(scene, given.body))

    return On(decide, lambda given: ((ReleaseRow, ""), (PlanRow, given.body.release)))


def _on_deployer(change: Callable[[Scene, Any], Scene]) -> On:
    """A line for an event of a deployer: it changes nothing unless the release was given that deployer for the region."""

    def decide(rows: Rows, given: Message[Any], now: datetime) -> Step:
        body, by = given.body, change
        scene = Scene.of(rows, body.release, now)
        if scene is None:
            scene, by = Scene.failed_of(rows, body.release, now), answers.given_late
        if scene is None or not scene.serves(body.deployer, body.region):
            return NOTHING
        return stages.finish(by(scene, body))

    def touches(given: Message[Any]) -> Needs:
        return ((ReleaseRow, ""), (PlanRow, given.body.release), (RegionRow, given.body.region))

    return On(decide, touches)


def _on_own(change: Callable[[Scene, Any], Scene]) -> On:
    """A line for a timer or a piece of work: its body names the release that it was set for."""

    def decide(rows: Rows, given: TimerDue | WorkReported, now: datetime) -> Step:
        scene = Scene.of(rows, given.body["release"], now)
        return NOTHING if scene is None else stages.finish(change(scene, given))

    return On(decide, lambda given: ((ReleaseRow, ""), (PlanRow, given.body["release"])))


def _on_incident(change: Callable[[Scene, Any], Scene]) -> On:
    """A line for an incident: it is about whichever release is the current one."""

    def decide(rows: Rows, given: Message[Any], now: datetime) -> Step:
        row = rows.get(ReleaseRow)
        find = Scene.failed_of if row is not None and row.phase is Phase.FAILED else Scene.of
        scene = None if row is None else find(rows, row.release, now)
        return NOTHING if scene is None else stages.finish(change(scene, given.body))

    return On(decide, lambda _given: ((ReleaseRow, ""), (IncidentsRow, ""), (RecoveryRow, "")))


def _and_after(of_release: On, after: Callable[[Rows, Any], Step]) -> On:
    """What an event is to the current release, and what it is to one that is over."""
    return On(
        lambda rows, given, now: of_release.decide(rows, given, now) + after(rows, given.body),
        of_release.touches,
    )


_RELEASE = On(_started, lambda given: ((ReleaseRow, ""), (PlanRow, given.body.release)))
_END = _and_after(On(_forgotten, _RELEASE.touches), completed.ended)
_ROUTE = On(anomalies.route)
_ANSWER = _on_deployer(answers.given)

TABLE = Table(
    kinds=(*KINDS, completed.CompletedRow),
    events={
        ReleaseStarted: _RELEASE,
        ReleaseEntered: _and_after(_on(stages.entered), completed.left),
        ReleaseCompleted: _END,
        ReleaseClosed: _END,
        DeploymentStarted: _on_deployer(answers.begun),
        RegionDeployed: _ANSWER,
        PilotDeployed: _ANSWER,
        RegionProbed: _ANSWER,
        DeploymentFailed: _ANSWER,
        GrantRefused: _ANSWER,
        ReleaseHalted: _on(_halted),
        ReleaseResumed: On(resuming.resumed, lambda given: ((ReleaseRow, ""), (PlanRow, given.body.release))),
        ReleaseSettled: _END,
        IncidentDetected: _and_after(
            _and_after(_on_incident(anomalies.detected), recovery.detected), completed.blamed
        ),
        IncidentResolved: _and_after(_on_incident(anomalies.resolved), recovery.resolved),
        ApplicationPaused: operators.PAUSED,
        ApplicationResumed: operators.RESUMED,
        **dict.fromkeys(OF_VERIFIER, operators.DECIDED),
    },
    shared={
        IncidentDetected: _ROUTE,
        IncidentResolved: _ROUTE,
        AllPaused: operators.PAUSED,
        AllResumed: operators.ALL_RESUMED,
        **dict.fromkeys(OF_VERIFIER, operators.ROUTED),
    },
    timers={
        "deadline": _on_own(_overdue),
        "step": _on_own(_rested),
        "before": _on_own(_stage_timer),
        "bake": _on_own(_stage_timer),
        "watch": _on_own(_stage_timer),
        "verify": _on_own(_asked),
        "check": _on_own(_stage_timer),
        "resume": _on_own(lambda scene, due: resuming.rested(scene, due.body["turn"])),
        recovery.TIMER: On(recovery.overdue, lambda _due: ((RecoveryRow, ""),)),
    },
    work={"measure": _on_own(_measured), "ask": _on_own(checking.reported)},
)
"""The verifier's core."""
