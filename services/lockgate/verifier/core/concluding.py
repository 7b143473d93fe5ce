"""What follows a verdict: the release fails, goes on, or is held until somebody says what follows.

A verdict is of one region, and the stage passes when all are through, or the region's next step is granted; or it is of all
regions of a wave, and then all of them are through with it. Talks to `waves`, whose steps go on.
"""

from collections.abc import Mapping
from typing import Any, assert_never

from lockgate.messages.decision import CancelTimer, Step, put, remove
from lockgate.messages.plan import WaveStage
from lockgate.messages.verdicts import FailCause, Outcome
from lockgate.verifier.core import orders, waves
from lockgate.verifier.core.holding import Verdict, held, lit, stage_waits, told
from lockgate.verifier.core.rows import PartRow, VerificationRow
from lockgate.verifier.core.scene import Scene
from lockgate.verifier.core.terms import Terms

Regions = Mapping[str, VerificationRow]
"""Those that a verdict is of."""

_ASKS = "An operator says what follows: lockgate approve, or reject."


def concluded(
    scene: Scene, terms: Terms, rows: Regions, result: Mapping[str, Any], shown: tuple[str, ...]
) -> Scene:
    """`shown`: the regions of a wave that are within the margins, whatever became of the others."""
    outcome, evidence = Outcome(result["verdict"]), result["evidence"]
    where = f"Compared with {', '.join(terms.control)}" if terms.control else f"In {min(rows)}"
    verdict = (outcome, f"{where}: {result['reason']}", evidence)
    match outcome:
        case Outcome.FAIL:
            guilty = tuple(result["guilty"]) if terms.control else tuple(rows)
            scene = _all_over(scene, rows)
            return scene.failed(verdict[1], cause=FailCause.MEASURED, guilty=guilty, evidence=evidence)
        case Outcome.PASS:
            return all_through(told(scene, verdict), terms, rows, verdict[1])
        case Outcome.UNMEASURABLE:
            return _held(told(scene, verdict), terms, rows, verdict[1], shown)
        case Outcome.INCONCLUSIVE:
            return _undecided(told(scene, verdict), terms, rows, verdict, shown)
        case _:
            assert_never(outcome)


def unmeasurable(scene: Scene, terms: Terms, rows: Regions, region: str, reason: str) -> Scene:
    """One of these can never be measured, and so all of them are held."""
    text = f"In {region} nothing can be compared: {reason}."
    scene = told(scene, (Outcome.UNMEASURABLE, text, {}))
    return _held(scene, terms, rows, text, tuple(name for name in rows if name != region))


def _undecided(scene: Scene, terms: Terms, rows: Regions, verdict: Verdict, shown: tuple[str, ...]) -> Scene:
    """The plan says what follows."""
    outcome, reason, _ = verdict
    match then := terms.then:
        case "pass":
            text = f"The verdict is {outcome}, and the plan says to go on then. {reason}"
            return all_through(scene, terms, rows, text)
        case "hold":
            return _held(scene, terms, rows, reason, shown)
        case "rollback":
            text = f"The verdict is {outcome}, and the plan asks for a rollback then. {reason}"
            return _all_over(scene, rows).failed(text, cause=FailCause.UNDECIDED)
        case _:
            assert_never(then)


def _held(scene: Scene, terms: Terms, rows: Regions, reason: str, shown: tuple[str, ...]) -> Scene:
    """By one region: of a wave the first that was not shown to be good stands for the others, and nothing is measured any more."""
    name = next((name for name in rows if name not in shown), min(rows))
    for other in rows:
        if other != name:
            scene = _counted(scene, terms, other, rows[other])
    scene, row = _over(scene, name, rows[name])
    scene = scene.then(orders.no_more(terms, name)) if terms.control else scene
    return held(scene, terms, name, row, f"{reason} {_ASKS}")


def all_through(scene: Scene, terms: Terms, rows: Regions, reason: str) -> Scene:
    """None of these holds the release back any more."""
    *others, last = rows
    for name in others:
        scene = _counted(scene, terms, name, rows[name])
    return through(scene, terms, last, rows[last], reason)


def through(scene: Scene, terms: Terms, region: str, row: VerificationRow, reason: str) -> Scene:
    """This region holds the release back no more; the last one ends the stage, and a step is followed by the next one."""
    if terms.steps:
        return _step_through(scene, terms, region, row)
    scene = _counted(scene, terms, region, row)
    if scene.release.proven < len(terms.regions):
        return stage_waits(scene, terms)
    done = scene.then(Step(timers=(CancelTimer("verify"),)), scene.unmeasured)
    if isinstance(stage := done.stage, WaveStage):
        return waves.shown(done, stage, reason)
    return done.passed(
        reason if terms.beside else f"No incident was blamed on the release in its watch. {reason}"
    )


def _step_through(scene: Scene, terms: Terms, region: str, row: VerificationRow) -> Scene:
    scene = _settled(scene, terms, region, row)
    gone = Step(timers=(CancelTimer(f"verify {region}"),))
    scene = waves.proven(scene.then(gone, remove(VerificationRow, region)), region)
    return stage_waits(scene, terms) if scene.release.held else scene


def _counted(scene: Scene, terms: Terms, region: str, row: VerificationRow) -> Scene:
    scene = _settled(scene, terms, region, row)
    return scene.then(proven=scene.release.proven + 1)


def _settled(scene: Scene, terms: Terms, region: str, row: VerificationRow) -> Scene:
    """Nothing is measured in the region any more, and nothing holds it."""
    scene, row = _over(scene, region, row)
    scene, _ = lit(scene, region, row)
    return scene.then(orders.no_more(terms, region))


def _all_over(scene: Scene, rows: Regions) -> Scene:
    for name, row in rows.items():
        scene, _ = _over(scene, name, row)
    return scene


def _over(scene: Scene, region: str, row: VerificationRow) -> tuple[Scene, VerificationRow]:
    """Its parts go: the verdict's event has what they say."""
    gone = [remove(PartRow, PartRow.named(region, number)) for number in range(row.parts)]
    row = row.model_copy(update={"over": True, "parts": 0})
    return scene.then(*gone, put(row, region)), row
