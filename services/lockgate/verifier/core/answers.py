"""What deployers answer: to which stage it matters, and where the release may run by now."""

from typing import assert_never

from lockgate.messages.decision import put
from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentStarted,
    GrantRefused,
    PilotDeployed,
    RegionDeployed,
    RegionProbed,
)
from lockgate.messages.plan import PilotStage, PreprodStage, WaveStage
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Action
from lockgate.verifier.core import pilot, preprod, waves
from lockgate.verifier.core.grants import Answer, answered, attempt_failed, refused
from lockgate.verifier.core.rows import RegionRow
from lockgate.verifier.core.scene import Scene


def begun(scene: Scene, event: DeploymentStarted) -> Scene:
    return _exposed(scene, event.region, event.fence)


def given(scene: Scene, answer: Answer) -> Scene:
    """A deployer answers. What does not answer the newest grant only tells where the release may run."""
    region = answered(scene, answer)
    if region is None:
        wrote = isinstance(answer, RegionDeployed | PilotDeployed)
        return _exposed(scene, answer.region, answer.fence) if wrote else scene
    match answer:
        case RegionDeployed() | PilotDeployed():
            return _deployed(*_counted_as_exposed(_timed(scene, answer), region), answer)
        case RegionProbed():
            return _probed(scene, region, answer)
        case DeploymentFailed(reason=reason):
            return attempt_failed(scene, answer.region, region, reason)
        case GrantRefused():
            return refused(scene, answer, region)
        case _:
            assert_never(answer)


def _timed(scene: Scene, answer: RegionDeployed | PilotDeployed) -> Scene:
    """What a clone showed of how long the release takes to start: the grants of roll-outs say it."""
    took = answer.start if isinstance(answer, PilotDeployed) else None
    return scene if took is None else scene.then(start=max(took, scene.release.start or 0.0))


def given_late(scene: Scene, said: DeploymentStarted | Answer) -> Scene:
    """After the release failed: it may be let go on, and has to know then where it runs. Nothing else counts."""
    wrote = isinstance(said, DeploymentStarted | RegionDeployed | PilotDeployed)
    return _exposed(scene, said.region, said.fence) if wrote else scene


def _deployed(scene: Scene, region: RegionRow, answer: RegionDeployed | PilotDeployed) -> Scene:
    match (scene.stage, answer):
        case (PreprodStage(), RegionDeployed()):
            return preprod.deployed(scene, answer, region)
        case (PilotStage() as stage, PilotDeployed()):
            return pilot.deployed(scene, answer, region, stage)
        case (WaveStage() as stage, RegionDeployed()) if region.action is Action.DEPLOY:
            return waves.deployed(scene, answer, region, stage)
        case (WaveStage() as stage, PilotDeployed()) if region.action in {Action.CANARY, Action.SWITCH}:
            return waves.shared(scene, answer, region, stage)
        case _:  # an answer of another kind than the grant asked for
            return scene


def _probed(scene: Scene, region: RegionRow, answer: RegionProbed) -> Scene:
    match scene.stage:
        case PreprodStage() as stage:
            return preprod.probed(scene, answer, region, stage)
        case WaveStage() as stage if region.action is Action.GREEN:
            return waves.probed(scene, answer, region, stage)
        case _:  # an answer of another kind than the grant asked for
            return scene


def _exposed(scene: Scene, name: str, fence: Fence) -> Scene:
    """Production steps of the release were begun in the region, by this grant or an older one."""
    row = scene.rows.get(RegionRow, name)
    if row is None or row.release != scene.release.release or fence.number != scene.release.entered:
        return scene
    scene, marked = _counted_as_exposed(scene, row)
    return scene if marked is row else scene.then(put(marked, name))


def _counted_as_exposed(scene: Scene, row: RegionRow) -> tuple[Scene, RegionRow]:
    if row.exposed or isinstance(scene.stage, PreprodStage):
        return scene, row
    return scene.then(exposed=scene.release.exposed + 1), row.model_copy(update={"exposed": True})
