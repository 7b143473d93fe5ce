"""What a stage waits for while its pilots are measured: evidence, the metrics, or that somebody ends a hold.

A region is *dark* while nothing can be compared in it. If that lasts for longer than the plan allows, or its verdict is
one that the plan does not go on by, the release is *held*: its pilot keeps its share, and nothing is granted. Where only
the metrics are missing it is measured all the same, and goes on with the first scrape that says something.
"""

from typing import Any

from lockgate.messages.decision import SetTimer, Step, emit, put
from lockgate.messages.plan import PilotStage
from lockgate.messages.verdicts import Outcome, VerdictReached, WaitingFor
from lockgate.verifier.core.measure import Schedule
from lockgate.verifier.core.rows import VerificationRow
from lockgate.verifier.core.scene import Scene, after, seconds, sentence

Verdict = tuple[Outcome, str, dict[str, Any]]
"""With its reason and its evidence."""


def schedule_of(scene: Scene, stage: PilotStage) -> Schedule:
    return Schedule.of(stage, scene.plan.plan.metrics.interval)


def told(scene: Scene, verdict: Verdict) -> Scene:
    outcome, reason, evidence = verdict
    said = VerdictReached(**scene.about, outcome=outcome, reason=sentence(reason), evidence=evidence)
    return scene.then(emit(said))


def waits_for_evidence(scene: Scene, stage: PilotStage) -> Scene:
    """Unless a region waits for something else."""
    if scene.release.held or scene.release.dark:
        return scene
    schedule, extended = schedule_of(scene, stage), scene.release.extended
    more = ", extended because the evidence decided neither way" if extended else ""
    duration = schedule.step * (schedule.scrapes if extended else schedule.planned)
    return scene.waits(
        WaitingFor.EVIDENCE,
        f"The pilot is compared with production for {seconds(duration)}{more}.",
        until=after(scene.release.since, duration + scene.release.delay),
    )


def dark(scene: Scene, region: str, row: VerificationRow, reason: str) -> Scene:
    """Nothing can be compared in the region just now; that is never a pass and never a fail."""
    if row.held:
        return scene
    if not row.dark:
        row = row.model_copy(update={"dark": True})
        scene = scene.then(put(row, region), dark=scene.release.dark + 1)
    return scene if scene.release.held else scene.waits(WaitingFor.METRICS, reason)


def blind(scene: Scene, region: str, row: VerificationRow, reason: str) -> Scene:
    """Nothing could be compared for longer than the plan allows."""
    if row.held:
        return scene
    scene = told(scene, (Outcome.UNMEASURABLE, f"In {region}: {reason}", {}))
    return held(scene, region, row, f"{reason} It goes on by itself when the metrics of {region} are back.")


def held(scene: Scene, region: str, row: VerificationRow, reason: str) -> Scene:
    """Only a verdict or an operator ends that."""
    scene, row = lit(scene, region, row)
    scene = scene.then(put(row.model_copy(update={"held": True}), region), held=scene.release.held + 1)
    text = f"The release is held, with its pilot as it is. {reason}"
    return scene.waits(WaitingFor.HELD, text, subject=region)


def seen_again(scene: Scene, stage: PilotStage, region: str, row: VerificationRow) -> Scene:
    """Something was compared. The time in which nothing was comes on top of what the plan gives."""
    if not (row.dark or row.held):
        return scene
    missed = (scene.now - scene.release.since).total_seconds() - row.end * schedule_of(scene, stage).step
    scene, _ = lit(scene.then(delay=max(scene.release.delay, missed)), region, row)
    return scene


def lit(scene: Scene, region: str, row: VerificationRow) -> tuple[Scene, VerificationRow]:
    """Neither dark nor held."""
    now, release = row.model_copy(update={"dark": False, "held": False}), scene.release
    return scene.then(put(now, region), dark=release.dark - row.dark, held=release.held - row.held), now


def asked_after(scene: Scene, stage: PilotStage, length: float, *, progress: int) -> Step:
    """After so many seconds the core asks itself what became of the measuring, which has got so far."""
    body = {"release": scene.release.release, "stage": stage.name, "progress": progress}
    return Step(timers=(SetTimer("verify", after(scene.now, length), body),))
