"""The stage `watch`: nothing is deployed; incidents within its time take the release back."""

from lockgate.messages.decision import SetTimer, Step, emit
from lockgate.messages.plan import WatchStage
from lockgate.messages.verdicts import WaitingFor, WatchEnded, WatchOutcome, WatchStarted
from lockgate.verifier.core.rows import Phase
from lockgate.verifier.core.scene import Scene, after, seconds, stamp


def begin(scene: Scene, stage: WatchStage) -> Scene:
    until = after(scene.now, stage.for_)
    body = {"release": scene.release.release, "stage": stage.name}
    started = WatchStarted(**scene.about, duration=stage.for_, until=stamp(until))
    return scene.then(emit(started), Step(timers=(SetTimer("watch", until, body),)), phase=Phase.WATCH).waits(
        WaitingFor.WATCH,
        f"Every region runs the release; incidents of the next {seconds(stage.for_)} take it back.",
        until=until,
    )


def over(scene: Scene, stage: WatchStage) -> Scene:
    if scene.release.phase is not Phase.WATCH:
        return scene
    return ended(scene, f"No incident was blamed on the release in {seconds(stage.for_)}.")


def ended(scene: Scene, reason: str) -> Scene:
    ended = WatchEnded(**scene.about, outcome=WatchOutcome.PASSED, reason=reason)
    return scene.then(emit(ended)).passed(reason)
