"""What must hold before a stage begins, or one more region of a wave: no pause, and what the plan asks for.

A pause of one application is told under its key, and its end lets the release go on. That of all is told under `*`, where
nothing of an application is changed: so a release that it holds looks again, a while later.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lockgate.messages.decision import SetTimer, Step
from lockgate.messages.verdicts import WaitingFor
from lockgate.messages.windows import AHEAD, opening
from lockgate.verifier.core.rows import PauseRow, Phase
from lockgate.verifier.core.scene import Scene

LOOK: Final = timedelta(seconds=30)


class Unmet(NamedTuple):
    """What is waited for, and the sentence that says so."""

    waiting_for: WaitingFor
    reason: str
    look: datetime | None = None
    """When it is asked again, where nobody tells that it is over."""
    until: datetime | None = None
    """The end, where it is known."""


def unmet(scene: Scene) -> Unmet | None:
    """The first of the conditions that does not hold."""
    return paused(scene) or _unapproved(scene) or _outside(scene)


def paused(scene: Scene) -> Unmet | None:
    own = scene.rows.get(PauseRow)
    pause = own or scene.rows.shared(PauseRow)
    if pause is None:
        return None
    whose = scene.rows.key if own else "all applications"
    until = f" until {pause.until}" if pause.until else ""
    reason = f"{pause.who} paused {whose}{until}, so nothing more is begun: {pause.why}"
    return Unmet(WaitingFor.PAUSE, reason, look=None if own else scene.now + LOOK)


def _unapproved(scene: Scene) -> Unmet | None:
    if scene.stage.before.approval is None or scene.release.approved:
        return None
    told = (
        f"The plan asks for an operator's approval before the stage {scene.stage.name}: "
        f"lockgate approve {scene.rows.key} --why …, or lockgate reject."
    )
    return Unmet(WaitingFor.APPROVAL, told)


def _outside(scene: Scene) -> Unmet | None:
    before = scene.stage.before
    if not before.window or scene.release.promoted:
        return None
    at = opening(before.windows, before.closed, scene.now)
    if at == scene.now:
        return None
    told = f"The stage {scene.stage.name} begins in a window only: {'; '.join(before.window)}"
    if at is None:
        told += f". None opens in {AHEAD} days: lockgate promote {scene.rows.key} --why …, or abort"
    return Unmet(WaitingFor.WINDOW, f"{told}.", look=at or scene.now + timedelta(days=1), until=at)


def closed(scene: Scene, gate: Unmet) -> Scene:
    """The stage does not begin yet."""
    return waits(scene.then(phase=Phase.BEFORE), gate)


def waits(scene: Scene, gate: Unmet) -> Scene:
    scene = scene.waits(gate.waiting_for, gate.reason, until=gate.until)
    return scene.then(look(scene, gate.look)) if gate.look else scene


def look(scene: Scene, at: datetime) -> Step:
    """Then it is asked again whether all holds."""
    body = {"release": scene.release.release, "stage": scene.stage.name}
    return Step(timers=(SetTimer("before", at, body),))
