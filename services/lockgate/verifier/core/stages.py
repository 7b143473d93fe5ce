"""The way through the plan: which stage begins when, and what each of its kinds does at its beginning."""

from datetime import datetime
from typing import assert_never

from lockgate.messages.decision import NOTHING, Rows, Step, put, remove
from lockgate.messages.plan import PilotStage, PreprodStage, WatchStage, WaveStage
from lockgate.messages.releases import ReleaseEntered, ReleaseStarted
from lockgate.messages.verdicts import WaitingFor
from lockgate.verifier.core import checking, completed, gates, pilot, preprod, watch, waves
from lockgate.verifier.core.rows import Phase, PlanRow, ReleaseRow
from lockgate.verifier.core.scene import Scene


def started(rows: Rows, event: ReleaseStarted, now: datetime) -> Step:
    """A newer release begins its first stage; what was known of the one before it goes."""
    current = rows.get(ReleaseRow)
    if current is not None and event.number <= max(current.started, current.entered or 0):
        return NOTHING
    plan = PlanRow(artifact=event.artifact, plan=event.plan, places=event.places)
    release = ReleaseRow(release=event.release, started=event.number, since=now)
    left = remove(PlanRow, current.release) if current and current.release != event.release else NOTHING
    scene = Scene(rows, now, release, plan, None, left + put(plan, event.release))
    if unserved := [region for region in event.plan.regions if region not in event.places]:
        return scene.failed(
            f"No deployer serves the region {unserved[0]}: start one for it, or take it out of the plan."
        ).settled()
    return finish(begin(scene))


def entered(scene: Scene, event: ReleaseEntered) -> Scene:
    """The release owns production from here on."""
    if scene.release.entered is not None or event.number <= scene.release.started:
        return scene
    scene = scene.then(entered=event.number)
    return begin(scene) if scene.release.phase is Phase.PRODUCTION else scene


def finish(scene: Scene) -> Step:
    """What the decision comes to; if a stage passed in it, the next one begins in it."""
    last, scene = len(scene.plan.plan.stages) - 1, checking.asked(scene)
    while scene.release.phase is Phase.PASSED:
        if scene.release.stage == last:
            remembered = completed.passed(scene.release.release, scene.plan)
            scene = scene.then(remembered, phase=Phase.OVER)
        else:
            scene = checking.asked(begin(scene.then(stage=scene.release.stage + 1)))
    return scene.settled()


def again(scene: Scene) -> Scene:
    """The same stage once more, after it was halted and let go on; nothing that it proved before counts. One that had not
    begun waits on for what must hold before.
    """
    if not scene.release.begun:
        return _let_begin(scene)
    counts = dict.fromkeys(("outstanding", "fenced", "proven", "dark", "held", "failed"), 0)
    scene = scene.then(**counts, delay=0.0, extended=False, check=None, phase=Phase.REGIONS, since=scene.now)
    match scene.stage:
        case PilotStage() as stage:
            return pilot.again(scene, stage)
        case WaveStage() as stage:
            return waves.again(scene, stage)
        case WatchStage() as stage:
            return watch.begin(scene, stage)
        case PreprodStage():
            return begin(scene)
        case other:
            assert_never(other)


def begin(scene: Scene) -> Scene:
    counts = dict.fromkeys(("cursor", "outstanding", "done", "fenced", "proven", "dark", "held", "failed"), 0)
    fresh = {
        "delay": 0.0,
        "extended": False,
        "begun": False,
        "approved": False,
        "promoted": False,
        "check": None,
    }
    scene = scene.then(**counts, **fresh, phase=Phase.REGIONS, since=scene.now)
    stage = scene.stage
    if not isinstance(stage, PreprodStage) and scene.release.entered is None:
        return scene.then(phase=Phase.PRODUCTION).waits(
            WaitingFor.PRODUCTION,
            f"The stage {stage.name} touches production, which another release may own; "
            "it begins when intake lets this one enter.",
        )
    return _let_begin(scene)


def let_go_on(scene: Scene) -> Scene:
    """Whether what held the release back is over: a stage that has not begun, or the rest of a wave."""
    match (scene.release.phase, scene.stage):
        case (Phase.BEFORE, _):
            return _let_begin(scene)
        case (Phase.REGIONS, WaveStage() as stage):
            return waves.filled(scene, stage)
        case _:
            return scene


def _let_begin(scene: Scene) -> Scene:
    """The stage begins if all holds that must hold before."""
    if gate := gates.unmet(scene):
        return gates.closed(scene, gate)
    scene = scene.then(phase=Phase.REGIONS, since=scene.now, begun=True)
    match scene.stage:
        case PreprodStage() as stage:
            return preprod.begin(scene, stage)
        case PilotStage() as stage:
            return pilot.begin(scene, stage)
        case WaveStage() as stage:
            return waves.begin(scene, stage)
        case WatchStage() as stage:
            return watch.begin(scene, stage)
        case _:
            assert_never(scene.stage)
