"""What operators may do about regions of a wave that failed and hold the release."""

from lockgate.messages.operations import OperationRefusal
from lockgate.messages.plan import WaveStage
from lockgate.verifier.core import waves
from lockgate.verifier.core.outcomes import Done, Outcome, Refusal, doing
from lockgate.verifier.core.scene import Scene


def tried_again(scene: Scene) -> Outcome:
    stage, regions = scene.stage, waves.failed(scene)
    if scene.release.fenced:
        told = (
            "a region has seen a newer fence, and nothing is granted until the coordinator says what follows"
        )
        return Refusal(OperationRefusal.BEING_TAKEN_BACK, told)
    if not isinstance(stage, WaveStage):
        raise TypeError(f"{stage.name} is no wave")
    return Done(
        waves.tried_again(scene, stage, regions), f"the release is granted anew to {', '.join(regions)}"
    )


def skipped(scene: Scene) -> Refusal:
    """A region that failed runs half of each version: nothing that goes on may leave it so."""
    if not (regions := waves.failed(scene)):
        return nothing_failed(scene)
    told = f"{', '.join(regions)} failed and would be left half-way: retry it, or take the release back by reject or abort"
    return Refusal(OperationRefusal.NOT_WAITING, told)


def nothing_failed(scene: Scene) -> Refusal:
    told = f"no region of the stage {scene.stage.name} failed and is held: {doing(scene)}"
    return Refusal(OperationRefusal.NOT_HELD, told)
