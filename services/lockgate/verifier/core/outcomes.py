"""What comes of an operation on a step: it is done, or refused with what the release does instead."""

from typing import NamedTuple

from lockgate.messages.operations import OperationRefusal
from lockgate.verifier.core import waves
from lockgate.verifier.core.rows import Phase
from lockgate.verifier.core.scene import Scene


class Refusal(NamedTuple):
    code: OperationRefusal
    reason: str


class Done(NamedTuple):
    scene: Scene
    said: str


Outcome = Done | Refusal


_DOING = {
    Phase.PRODUCTION: "it waits until it owns production",
    Phase.BEFORE: "it waits before the stage",
    Phase.REGIONS: "it waits for answers of regions",
    Phase.EVIDENCE: "it is being compared",
    Phase.BAKE: "its wave is left alone for a while",
    Phase.CHECK: "its check is being asked",
    Phase.SETTLING: "its flags were switched off, and every instance has to read it",
    Phase.WATCH: "it is being watched",
}
"""By the phases of a release that goes on."""


def doing(scene: Scene) -> str:
    """What the release does instead."""
    if failed := ", ".join(waves.failed(scene)):
        return f"{failed} failed, and holds it"
    return _DOING[scene.release.phase]
