"""The stage `pilot`: a clone takes a share of the traffic in each region; `verifying` compares it with production."""

from lockgate.messages.deployments import PilotDeployed
from lockgate.messages.plan import PilotStage
from lockgate.messages.verdicts import Action, WaitingFor
from lockgate.verifier.core import orders
from lockgate.verifier.core.grants import done, grant
from lockgate.verifier.core.rows import RegionRow, RegionState
from lockgate.verifier.core.scene import Scene, after, seconds
from lockgate.verifier.core.terms import Terms


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


def again(scene: Scene, stage: PilotStage) -> Scene:
    """The pilot goes on after a halt: pilots that have their share keep it, and the comparison begins anew."""
    regions = scene.regions(tuple(stage.regions))
    left = {name: row for name, row in regions.items() if row.state is not RegionState.DONE}
    if not left:
        return orders.begin(scene, Terms.of_pilot(stage), regions)
    for name, region in left.items():
        scene = grant(scene, name, region, Action.PILOT, attempt=region.attempt)
    return scene.then(outstanding=len(left)).waits(
        WaitingFor.REGIONS,
        f"Going on with the pilot in {', '.join(left)}.",
        until=after(scene.now, stage.budget),
    )


def deployed(scene: Scene, answer: PilotDeployed, region: RegionRow, stage: PilotStage) -> Scene:
    """Once every region's pilot has its share, the comparison begins."""
    found = {"pilot_pods": answer.pilot_pods, "baseline_pods": answer.baseline_pods, "share": answer.share}
    region = region.model_copy(update=found)
    scene = done(scene, answer.region, region)
    if scene.release.done < len(stage.regions):
        return scene
    others = scene.regions(tuple(name for name in stage.regions if name != answer.region))
    return orders.begin(scene, Terms.of_pilot(stage), {**others, answer.region: region})
