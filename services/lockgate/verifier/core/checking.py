"""The check of a stage beside its metrics: asked once every region of the stage runs the release, and again after a halt.

A fail is of the whole release, at once. A pass lets the stage pass as soon as all else of it does; what else is through
first waits for it, in the phase `CHECK`. Where there is no answer nothing is shown, and the release is held once only that
is left. What is asked and answered is in `checks`; `stages` calls `asked` when all of a decision is known.
"""

from typing import Final, assert_never

from lockgate.messages.decision import CancelTimer, SetTimer, StartWork, Step, WorkReported
from lockgate.messages.plan_check import Check
from lockgate.messages.verdicts import FailCause, Outcome, WaitingFor
from lockgate.verifier.core.checks import (
    Answered,
    Answers,
    Ask,
    Report,
    Silent,
    evidence_of,
    judged,
    reason_of,
)
from lockgate.verifier.core.holding import told
from lockgate.verifier.core.measure import LOST
from lockgate.verifier.core.rows import CheckRow, CheckState, Phase
from lockgate.verifier.core.scene import CHECK, Scene, after, seconds, work_of_check

_BESIDE: Final = (Phase.EVIDENCE, Phase.BAKE, Phase.WATCH, Phase.CHECK)
"""The phases in which every region of the stage runs the release."""


def asked(scene: Scene) -> Scene:
    """The check is asked if its time has come, and what is waited for is said where all else is through."""
    check, phase = scene.stage.check, scene.release.phase
    if check is None or phase not in _BESIDE:
        return scene
    if scene.release.check is None:
        scene = _begun(scene, check)
    return _waits(scene, check) if phase is Phase.CHECK else scene


def _begun(scene: Scene, check: Check) -> Scene:
    order = Ask(
        release=scene.release.release,
        application=scene.rows.key,
        stage=scene.stage.name,
        digest=scene.plan.artifact.digest,
        check=check,
    )
    work = StartWork(work_of_check(scene.stage), "ask", order.model_dump(mode="json"))
    return scene.then(Step(work=(work,)), _looked_after(scene, check), check=CheckRow())


def _looked_after(scene: Scene, check: Check) -> Step:
    """By then it is decided, or it has told something: else there may be no work any more that asks."""
    longest = check.times * (check.interval + check.within) + check.outage + LOST
    body = {"release": scene.release.release, "stage": scene.stage.name}
    return Step(timers=(SetTimer(CHECK, after(scene.now, longest), body),))


def _waits(scene: Scene, check: Check) -> Scene:
    row = scene.release.check
    if row is not None and row.state is CheckState.SILENT:
        text = f"The release is held, as it is, by its check. {row.reason}"
        return scene.waits(WaitingFor.HELD, text, subject=CHECK)
    name, stage = check.http, scene.stage.name
    text = f"All else that the stage {stage} asks for is through; the check {name} is being asked."
    return scene.waits(WaitingFor.EVIDENCE, text, subject=CHECK)


def reported(scene: Scene, work: WorkReported) -> Scene:
    """What the work says. What was decided already, or is of another stage, is not asked any more."""
    order, check = Ask.model_validate(work.body), scene.stage.check
    if check is None or order.stage != scene.stage.name or not is_open(scene):
        return scene
    match Report.model_validate({"said": work.report}).said:
        case Answered(answers=answers):
            return _answered(scene, check, answers)
        case Silent() as said:
            return _silent(scene, check, said)
        case other:
            assert_never(other)


def is_open(scene: Scene) -> bool:
    """Whether it is asked, or would be if it could."""
    row = scene.release.check
    return row is not None and row.state is not CheckState.PASSED


def _answered(scene: Scene, check: Check, answers: Answers) -> Scene:
    outcome = judged(check, answers)
    if outcome is None:  # it is there again
        return scene.then(_looked_after(scene, check), check=CheckRow())
    reason, evidence = reason_of(check, answers, outcome), evidence_of(check, answers)
    if outcome is Outcome.FAIL:
        return scene.failed(reason, cause=FailCause.CHECK, evidence=evidence)
    return through(told(scene, (outcome, reason, evidence)), reason)


def through(scene: Scene, reason: str) -> Scene:
    """The check holds the release back no more."""
    scene = scene.then(scene.unasked, check=CheckRow(state=CheckState.PASSED))
    return scene.passed(reason) if scene.release.phase is Phase.CHECK else scene


def _silent(scene: Scene, check: Check, said: Silent) -> Scene:
    if said.for_good:
        text = (
            f"The check {check.http} cannot be asked: {said.reason}. An operator says what follows: lockgate approve, "
            "retry once that is mended, or reject."
        )
    else:
        text = (
            f"The check {check.http} has given no answer for longer than {seconds(check.outage)}: {said.reason}. It goes on by "
            "itself when there are answers again."
        )
    later = Step(timers=(CancelTimer(CHECK),)) if said.for_good else _looked_after(scene, check)
    return _held(scene.then(later), check, said.answers, text)


def _held(scene: Scene, check: Check, answers: Answers, text: str) -> Scene:
    """Never a pass and never a fail. Said once."""
    row = scene.release.check
    if row is None or row.state is not CheckState.SILENT:
        scene = told(scene, (Outcome.UNMEASURABLE, text, evidence_of(check, answers)))
    return scene.then(check=CheckRow(state=CheckState.SILENT, reason=text))


def lost(scene: Scene) -> Scene:
    """Nothing is decided in the longest time that it can take, and nothing was told lately: it is asked anew."""
    check, row = scene.stage.check, scene.release.check
    if check is None or row is None or row.state is CheckState.PASSED:
        return scene
    text = row.reason or f"The check {check.http} is asked anew: what asks it tells nothing of itself."
    return _held(_begun(scene, check).then(check=row), check, Answers(), text)


# --- by an operator's word --------------------------------------------------------------------------------------


def is_held(scene: Scene) -> bool:
    """Whether nothing but a check that gives no answer holds the release."""
    row = scene.release.check
    return scene.release.phase is Phase.CHECK and row is not None and row.state is CheckState.SILENT


def anew(scene: Scene) -> Scene:
    """Nothing that it answered before counts."""
    return scene.then(check=None)
