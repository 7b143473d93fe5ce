"""The stage `wave`: region after region, at most `max-parallel` at once, then a time in which it is left alone.

An answer costs the same in a wave of two regions and of two thousand: a cursor walks through the plan's list.
"""

from lockgate.messages.decision import SetTimer, Step
from lockgate.messages.deployments import RegionDeployed
from lockgate.messages.plan import WaveStage
from lockgate.messages.verdicts import Action, WaitingFor
from lockgate.verifier.core.grants import done, grant
from lockgate.verifier.core.rows import Phase, RegionRow
from lockgate.verifier.core.scene import Scene, after, seconds


def begin(scene: Scene, stage: WaveStage) -> Scene:
    return _fill(scene, stage).waits(
        WaitingFor.REGIONS,
        f"Deploying to {_regions(stage)}, at most {stage.max_parallel} at once.",
    )


def _fill(scene: Scene, stage: WaveStage) -> Scene:
    """Grants until `max-parallel` regions are at work or no region is left. None once a fence was met."""
    release = scene.release
    if release.fenced:
        return scene
    room = stage.max_parallel - release.outstanding
    names = tuple(stage.regions[release.cursor : release.cursor + room])
    for name, region in scene.regions(names).items():
        scene = grant(scene, name, region, Action.DEPLOY, attempt=1)
    return scene.then(cursor=release.cursor + len(names), outstanding=release.outstanding + len(names))


def deployed(scene: Scene, answer: RegionDeployed, region: RegionRow, stage: WaveStage) -> Scene:
    scene = _fill(done(scene, answer.region, region), stage)
    if scene.release.done < len(stage.regions):
        return scene
    if stage.after.bake <= 0:
        return _passed(scene, stage)
    until = after(scene.now, stage.after.bake)
    body = {"release": scene.release.release, "stage": stage.name}
    return scene.then(Step(timers=(SetTimer("bake", until, body),)), phase=Phase.BAKE, since=scene.now).waits(
        WaitingFor.BAKE,
        f"The release runs in {_regions(stage)} and is left alone for {seconds(stage.after.bake)}.",
        until=until,
    )


def baked(scene: Scene, stage: WaveStage) -> Scene:
    return _passed(scene, stage) if scene.release.phase is Phase.BAKE else scene


def _passed(scene: Scene, stage: WaveStage) -> Scene:
    baked = f" and {seconds(stage.after.bake)} went by without a complaint" if stage.after.bake else ""
    return scene.passed(f"The release runs in {_regions(stage)}{baked}.")


def _regions(stage: WaveStage) -> str:
    """The names of a few, the number of many."""
    names, count = stage.regions, len(stage.regions)
    return ", ".join(names) if count <= 4 else f"all {count} regions of the wave"
