"""What operators want of the steps of a release: approve, reject, promote, retry and skip, each answered once.

A table: what is done in which phase of the release; elsewhere the operation is refused, with what the release does instead.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lockgate.messages.decision import CancelTimer, On, Rows, Step, emit, put, remove
from lockgate.messages.message import Message
from lockgate.messages.operations import (
    Approve,
    OfStage,
    OperationRefusal,
    Promote,
    Reject,
    Retry,
    Skip,
)
from lockgate.messages.plan import WatchStage, WaveStage
from lockgate.messages.releases import AllPaused, AllResumed, ApplicationPaused, ApplicationResumed
from lockgate.messages.verdicts import StageOperationAnswered, WaitingFor
from lockgate.verifier.core import checking, concluding, failed_regions, gates, stages, watch, waves
from lockgate.verifier.core.outcomes import Done, Outcome, Refusal, doing
from lockgate.verifier.core.rows import PauseRow, Phase, RegionState, ReleaseRow, VerificationRow
from lockgate.verifier.core.scene import Scene, sentence
from lockgate.verifier.core.terms import Terms


def routed(_rows: Rows, given: Message[OfStage], _now: datetime) -> Step:
    """Under `*`: to its application, which knows whether it has a release."""
    return Step(forward=(given.body.application,))


def decided(rows: Rows, given: Message[OfStage], now: datetime) -> Step:
    row = rows.get(ReleaseRow)
    scene = None if row is None else Scene.of(rows, row.release, now)
    match _refusal(rows.key, row, scene, given.body):
        case Refusal() as refusal:
            return _answered(given, refusal.code, refusal.reason)
        case Scene() as here:
            pass
    match _outcome(here, given.body):
        case Refusal(code=code, reason=reason):
            return _answered(given, code, reason)
        case Done(scene=after, said=said):
            return stages.finish(after) + _answered(given, None, said)


def _refusal(application: str, row: ReleaseRow | None, scene: Scene | None, body: OfStage) -> Refusal | Scene:
    """Why it is about no release that goes on; else the release."""
    if row is None or row.phase is Phase.OVER:
        told = f"no release of {application} is under way"
        return Refusal(OperationRefusal.NOTHING_UNDER_WAY, told)
    if body.release is not None and body.release != row.release:
        told = f"{body.release} is not under way: that of {application} is {row.release}"
        return Refusal(OperationRefusal.OTHER_RELEASE, told)
    if scene is None:
        told = (
            "the release failed or was ended, and the coordinator says what follows: lockgate status shows it, and "
            f"lockgate abort {application} --why … takes back what is held"
        )
        return Refusal(OperationRefusal.BEING_TAKEN_BACK, told)
    if body.stage is not None and body.stage != scene.stage.name:
        told = f"the release is in the stage {scene.stage.name}, and not in {body.stage}"
        return Refusal(OperationRefusal.NOT_WAITING, told)
    return scene


def _outcome(scene: Scene, body: OfStage) -> Outcome:
    match body:
        case Approve():
            return _approved(scene, body)
        case Reject():
            return _rejected(scene, body)
        case Promote():
            return _promoted(scene, body)
        case Retry():
            return _retried(scene)
        case Skip():
            return failed_regions.skipped(scene)
        case _:
            raise TypeError(f"{body.type} is decided by another service")


def _retried(scene: Scene) -> Outcome:
    if (terms := _held(scene)) is not None:
        return _measured_anew(scene, terms)
    if checking.is_held(scene):
        return Done(checking.anew(scene), f"the check of the stage {scene.stage.name} is asked anew")
    return failed_regions.tried_again(scene) if waves.failed(scene) else failed_regions.nothing_failed(scene)


def _held(scene: Scene) -> Terms | None:
    """What is measured, where it holds the release: not while the release waits for its flags, and not before it is begun."""
    terms = scene.terms
    measured = terms is not None and scene.release.phase is terms.phase
    return terms if measured and scene.release.held else None


# --- approval ---------------------------------------------------------------------------------------------------


def _unasked(scene: Scene) -> Refusal | None:
    """Why there is nothing to approve."""
    if _held(scene) is not None or checking.is_held(scene):
        return None
    if scene.release.phase is Phase.BEFORE and scene.stage.before.approval and not scene.release.approved:
        return None
    told = f"the stage {scene.stage.name} waits for no approval: {doing(scene)}"
    return Refusal(OperationRefusal.NOT_WAITING, told)


def _approved(scene: Scene, body: OfStage) -> Outcome:
    if refusal := _unasked(scene):
        return refusal
    if (terms := _held(scene)) is not None:
        return _let_through(scene, terms, body)
    if checking.is_held(scene):
        told = (
            f"{body.who} approved the stage {scene.stage.name}, though its check was not answered: {body.why}"
        )
        return Done(checking.through(scene, told), f"the stage {scene.stage.name} is approved")
    after = stages.let_go_on(scene.then(approved=True))
    still = after.release.phase is Phase.BEFORE
    return Done(after, f"the stage {scene.stage.name} is approved{'' if not still else ', and waits on'}")


def _let_through(scene: Scene, terms: Terms, body: OfStage) -> Done:
    """What is held passes by an operator's word, in each region that holds it; a wave, with all of its regions."""
    found = scene.rows.many(VerificationRow, terms.regions)
    if terms.control:
        told = f"{body.who} approved the wave {terms.stage}, though nothing was proven: {body.why}"
        left = {name: row for name, row in found.items() if row.held or not row.over}
        return Done(concluding.all_through(scene, terms, left, told), f"the wave {terms.stage} is approved")
    regions = {name: row for name, row in found.items() if row.held}
    for name, row in regions.items():
        told = f"{body.who} approved the {terms.subject} in {name}, though nothing was proven: {body.why}"
        scene = concluding.through(scene, terms, name, row, told)
    return Done(scene, f"the {terms.subject} is approved in {', '.join(regions)}")


def _measured_anew(scene: Scene, terms: Terms) -> Done:
    """A verification of its own, in every region of the stage: nothing that was compared before counts. Of steps, where
    one is held.
    """
    if terms.steps:
        found = scene.rows.many(VerificationRow, terms.regions)
        held = {name: row for name, row in found.items() if row.held}
        after = waves.measured_anew(scene, terms, held)
        return Done(after, f"the step is compared anew in {', '.join(held)}")
    after = stages.again(scene.then(scene.unmeasured))
    return Done(after, f"the {terms.subject} of the stage {scene.stage.name} is compared anew")


def _rejected(scene: Scene, body: OfStage) -> Outcome:
    failed = waves.failed(scene)
    if not failed and (refusal := _unasked(scene)):
        return refusal
    name = scene.stage.name
    after = scene.failed(f"{body.who} rejected the stage {name}: {body.why}", guilty=tuple(failed))
    told = f"the stage {name} is rejected: the release fails, and once it is taken back its version is marked bad"
    return Done(after, told)


# --- promotion --------------------------------------------------------------------------------------------------


def _promoted(scene: Scene, body: OfStage) -> Outcome:
    """The time that it waits for is over. Evidence, answers and an operator's approval are no matter of time."""
    match (scene.release.phase, scene.stage):
        case (Phase.BAKE, WaveStage() as stage):
            quiet = scene.then(Step(timers=(CancelTimer("bake"),)))
            return Done(waves.baked(quiet, stage), f"the bake time of the stage {stage.name} is over")
        case (Phase.WATCH, WatchStage()):
            return _watch_promoted(scene, body)
        case (Phase.REGIONS, WaveStage() as stage):
            return _steps_promoted(scene, stage)
        case (Phase.BEFORE, stage) if (gate := gates.unmet(scene)) and gate.waiting_for is WaitingFor.WINDOW:
            after = stages.let_go_on(scene.then(Step(timers=(CancelTimer("before"),)), promoted=True))
            return Done(after, f"the stage {stage.name} begins outside of its window")
        case (Phase.EVIDENCE | Phase.CHECK, _):
            told = f"{_weighed(scene)}, and nobody's word replaces evidence; abort it instead"
            return Refusal(OperationRefusal.NEEDS_EVIDENCE, told)
        case _:
            told = f"the release waits for no time to pass: {doing(scene)}"
            return Refusal(OperationRefusal.NOT_WAITING, told)


def _weighed(scene: Scene) -> str:
    """What is being found out."""
    if scene.release.phase is Phase.CHECK:
        return f"the check of the stage {scene.stage.name} is being asked"
    if isinstance(scene.stage, WaveStage):
        return "the wave is being compared with regions without the release"
    return "the pilot is being compared with production"


def _watch_promoted(scene: Scene, body: OfStage) -> Outcome:
    if _held(scene) is not None:
        told = (
            f"the watch {scene.stage.name} is held, and no time ends that: approve it, which says that nothing was proven, "
            "or reject it, or retry it"
        )
        return Refusal(OperationRefusal.NEEDS_EVIDENCE, told)
    after = watch.ended(scene, f"{body.who} ended the watch before its time: {body.why}")
    left = ", and its check is waited for" if after.release.phase is Phase.CHECK else ""
    return Done(after, f"the watch is over{left}")


def _steps_promoted(scene: Scene, stage: WaveStage) -> Outcome:
    """The next step of every region that is left alone between two."""
    rows = scene.regions(tuple(stage.regions[: scene.release.cursor]))
    resting = {name: row for name, row in rows.items() if row.state is RegionState.PAUSED}
    if not resting and any(row.state is RegionState.MEASURED for row in rows.values()):
        told = (
            "a step is being compared with production, and nobody's word replaces evidence; abort it instead"
        )
        return Refusal(OperationRefusal.NEEDS_EVIDENCE, told)
    if not resting:
        told = f"no region is left alone between two steps: {doing(scene)}"
        return Refusal(OperationRefusal.NOT_WAITING, told)
    for name, row in resting.items():
        scene = waves.rested(scene.then(Step(timers=(CancelTimer(f"step {name}"),))), name, row.grant)
    return Done(scene, f"the next step begins in {', '.join(list(resting)[:8])}")


def _answered(given: Message[OfStage], code: OperationRefusal | None, reason: str) -> Step:
    return emit(StageOperationAnswered.to(given.body, given.id, code, sentence(reason)))


# --- pauses -----------------------------------------------------------------------------------------------------


def paused(_rows: Rows, given: Message[ApplicationPaused] | Message[AllPaused], _now: datetime) -> Step:
    body = given.body
    return put(PauseRow(who=body.who, why=body.reason, until=body.until))


def all_resumed(_rows: Rows, _given: Message[AllResumed], _now: datetime) -> Step:
    return remove(PauseRow)


def resumed(rows: Rows, _given: Message[ApplicationResumed], now: datetime) -> Step:
    """What the pause of the application held looks at once whether it may go on: that of all may hold it still."""
    gone = remove(PauseRow)
    row = rows.get(ReleaseRow)
    scene = None if row is None else Scene.of(rows, row.release, now)
    return gone if scene is None else gone + gates.look(scene, now)


def _of(*kinds: Any) -> Callable[[Any], Any]:
    return lambda _given: tuple((kind, "") for kind in kinds)


ROUTED = On(routed)
DECIDED = On(decided, _of(ReleaseRow, PauseRow))
PAUSED = On(paused)
RESUMED = On(resumed, _of(ReleaseRow, PauseRow))
ALL_RESUMED = On(all_resumed)
