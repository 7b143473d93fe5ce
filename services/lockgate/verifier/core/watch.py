"""The stage `watch`: nothing is deployed; incidents within its time take the release back.

So does a region that is worse than before the release, where the plan wants the watch verified: then `verifying` ends it.
"""

from lockgate.messages.decision import CancelTimer, SetTimer, Step, emit
from lockgate.messages.plan import WatchStage
from lockgate.messages.verdicts import WaitingFor, WatchStarted
from lockgate.verifier.core import orders
from lockgate.verifier.core.holding import schedule_of
from lockgate.verifier.core.rows import Phase
from lockgate.verifier.core.scene import Scene, after, seconds, stamp


def begin(scene: Scene, stage: WatchStage) -> Scene:
    terms = scene.terms
    if terms is None:
        return _waiting(_started(scene, stage, stage.for_), stage)
    schedule = schedule_of(scene, terms)
    scene = _started(scene, stage, schedule.step * schedule.planned)
    return orders.begin(scene, terms, scene.regions(terms.regions))


def _started(scene: Scene, stage: WatchStage, length: float) -> Scene:
    until = stamp(after(scene.now, length))
    started = WatchStarted(**scene.about, duration=stage.for_, until=until)
    return scene.then(emit(started), phase=Phase.WATCH)


def _waiting(scene: Scene, stage: WatchStage) -> Scene:
    until = after(scene.now, stage.for_)
    body = {"release": scene.release.release, "stage": stage.name}
    return scene.then(Step(timers=(SetTimer("watch", until, body),))).waits(
        WaitingFor.WATCH,
        f"Every region runs the release; incidents of the next {seconds(stage.for_)} take it back.",
        until=until,
    )


def over(scene: Scene, stage: WatchStage) -> Scene:
    if scene.release.phase is not Phase.WATCH:
        return scene
    return scene.passed(f"No incident was blamed on the release in {seconds(stage.for_)}.")


def ended(scene: Scene, reason: str) -> Scene:
    """Before its time."""
    timers = (CancelTimer("watch"), CancelTimer("verify"))
    return scene.then(Step(timers=timers), scene.measured_no_more, scene.unmeasured).passed(reason)
