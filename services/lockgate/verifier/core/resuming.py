"""A release that failed and may go on: its flags are off now, so it is left alone for a while and then judged anew.

What it was blamed for must be over by then: an incident that is not resolved says that the flags were not the cause.
"""

from datetime import datetime

from lockgate.messages.decision import NOTHING, Rows, SetTimer, Step
from lockgate.messages.message import Message
from lockgate.messages.rollbacks import ReleaseResumed
from lockgate.messages.verdicts import FailCause, WaitingFor
from lockgate.verifier.core import anomalies, stages
from lockgate.verifier.core.rows import Phase
from lockgate.verifier.core.scene import Scene, after, seconds


def resumed(rows: Rows, given: Message[ReleaseResumed], now: datetime) -> Step:
    body = given.body
    scene = Scene.failed_of(rows, body.release, now)
    if scene is None or body.turn <= scene.release.turn:
        return NOTHING
    until = after(now, body.wait)
    timer = SetTimer("resume", until, {"release": body.release, "stage": scene.stage.name, "turn": body.turn})
    return (
        scene.then(Step(timers=(timer,)), phase=Phase.SETTLING, turn=body.turn, since=now)
        .waits(
            WaitingFor.FLAGS,
            f"{body.reason} It is left alone for {seconds(body.wait)} until every instance has read them.",
            until=until,
        )
        .settled()
    )


def rested(scene: Scene, turn: int) -> Scene:
    """The time after the switch is over."""
    if (scene.release.phase, scene.release.turn) != (Phase.SETTLING, turn):
        return scene
    if count := anomalies.unresolved(scene):
        incidents = "an incident that it was" if count == 1 else f"{count} incidents that it was"
        return scene.failed(
            f"The flags are off, but {incidents} blamed for {'is' if count == 1 else 'are'} not resolved.",
            cause=FailCause.INCIDENT,
        )
    return stages.again(scene)
