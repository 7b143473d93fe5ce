"""What a stage waits for while its regions are measured: evidence, the metrics, or that somebody ends a hold.

A region is *dark* while nothing can be compared in it. If that lasts for longer than the plan allows, or its verdict is
one that the plan does not go on by, the release is *held*: its pilot keeps its share, its watch goes on, and nothing is granted. Where only
the metrics are missing it is measured all the same, and goes on with the first scrape that says something.
"""

from typing import Any

from lockgate.messages.decision import Row, SetTimer, Step, emit, put
from lockgate.messages.verdicts import Outcome, VerdictReached, WaitingFor
from lockgate.verifier.core.measure import Schedule
from lockgate.verifier.core.rows import VerificationRow
from lockgate.verifier.core.scene import Scene, after, seconds, sentence
from lockgate.verifier.core.terms import Terms

Verdict = tuple[Outcome, str, dict[str, Any]]
"""With its reason and its evidence."""


def schedule_of(scene: Scene, terms: Terms) -> Schedule:
    return Schedule.of(terms, scene.plan.plan.metrics.interval)


def told(scene: Scene, verdict: Verdict) -> Scene:
    outcome, reason, evidence = verdict
    said = VerdictReached(**scene.about, outcome=outcome, reason=sentence(reason), evidence=evidence)
    return scene.then(emit(said))


def waits_for_evidence(scene: Scene, terms: Terms, region: str, row: VerificationRow) -> Scene:
    """Unless a region waits for something else. Of a step, what is waited for is of its region."""
    if row.began is None or scene.release.held or scene.release.dark:
        return stage_waits(scene, terms)
    schedule = schedule_of(scene, terms)
    extended = row.end >= schedule.planned and terms.extend > 0
    duration = schedule.step * (schedule.scrapes if extended else schedule.planned)
    more = ", extended because the evidence decided neither way" if extended else ""
    return scene.waits(
        WaitingFor.EVIDENCE,
        f"The canary in {region} is compared with the production beside it for {seconds(duration)}{more}; then comes its "
        "next step.",
        until=after(row.began, duration + row.delay),
        subject=region,
    )


def stage_waits(scene: Scene, terms: Terms) -> Scene:
    """Unless a region waits for something else."""
    if scene.release.held:
        return _still_held(scene, terms)
    if scene.release.dark:
        return scene
    schedule, extended = schedule_of(scene, terms), scene.release.extended
    duration = schedule.step * (schedule.scrapes if extended else schedule.planned)
    until = after(scene.release.since, duration + scene.release.delay)
    if not terms.beside and not terms.control:
        return scene.waits(
            WaitingFor.WATCH,
            f"Every region runs the release, and is compared with its own time before for {seconds(duration)}; one that is "
            "worse, or an incident, takes the release back.",
            until=until,
        )
    more = ", extended because the evidence decided neither way" if extended else ""
    beside = (
        f"wave is compared with {', '.join(terms.control)}, without the release," if terms.control else ""
    )
    reason = f"The {beside or 'pilot is compared with production'} for {seconds(duration)}{more}."
    return scene.waits(WaitingFor.EVIDENCE, reason, until=until)


def _still_held(scene: Scene, terms: Terms) -> Scene:
    """What was said last may be of a region that is held no more: then of one that is."""
    rows: dict[str, Row | None] = dict(scene.rows.many(VerificationRow, terms.regions))
    rows.update({each.id: each.row for each in scene.done.rows if each.kind == VerificationRow.kind})
    left = [name for name in terms.regions if isinstance(row := rows.get(name), VerificationRow) and row.held]
    said = scene.release.waiting
    if said is not None and said.waiting_for is WaitingFor.HELD and said.subject in left:
        return scene
    text = f"The release is held, {terms.kept}, by {', '.join(left)}: the newest verdict there says why."
    return scene.waits(WaitingFor.HELD, text, subject=left[0])


def dark(scene: Scene, region: str, row: VerificationRow, reason: str) -> Scene:
    """Nothing can be compared in the region just now; that is never a pass and never a fail."""
    if row.held:
        return heard(scene, region, row)
    if not row.dark:
        row = row.model_copy(update={"dark": True, "since": scene.now})
        scene = scene.then(put(row, region), dark=scene.release.dark + 1)
    return scene if scene.release.held else scene.waits(WaitingFor.METRICS, reason)


def heard(scene: Scene, region: str, row: VerificationRow) -> Scene:
    """Its measuring is there, and has nothing to tell yet."""
    return scene.then(put(_heard(scene, row), region))


def idle(scene: Scene, row: VerificationRow) -> VerificationRow:
    """The row where scrapes come in of which nothing can be compared: its measuring goes on."""
    return _heard(scene, row) if row.dark or row.held else row.model_copy(update={"since": None})


def _heard(scene: Scene, row: VerificationRow) -> VerificationRow:
    """Its measuring is there: it told something."""
    return row.model_copy(update={"since": scene.now})


def blind(scene: Scene, terms: Terms, region: str, row: VerificationRow, reason: str) -> Scene:
    """Nothing could be compared for longer than the plan allows."""
    row = _heard(scene, row)
    if row.held:
        return scene.then(put(row, region))
    scene = told(scene, (Outcome.UNMEASURABLE, f"In {region}: {reason}", {}))
    return held(
        scene, terms, region, row, f"{reason} It goes on by itself when the metrics of {region} are back."
    )


def held(scene: Scene, terms: Terms, region: str, row: VerificationRow, reason: str) -> Scene:
    """Only a verdict or an operator ends that."""
    scene, now = lit(scene, region, row)
    kept = {"held": True, "since": row.since}
    scene = scene.then(put(now.model_copy(update=kept), region), held=scene.release.held + 1)
    text = f"The release is held, {terms.kept}. {reason}"
    return scene.waits(WaitingFor.HELD, text, subject=region)


def seen_again(
    scene: Scene, terms: Terms, region: str, row: VerificationRow
) -> tuple[Scene, VerificationRow]:
    """Something was compared. The time in which nothing was comes on top of what the plan gives."""
    if not (row.dark or row.held):
        return scene, row
    missed = (scene.now - (row.began or scene.release.since)).total_seconds()
    missed -= row.end * schedule_of(scene, terms).step
    if row.began is None:
        scene = scene.then(delay=max(scene.release.delay, missed))
    return lit(scene, region, row.model_copy(update={"delay": max(row.delay, missed)}))


def lit(scene: Scene, region: str, row: VerificationRow) -> tuple[Scene, VerificationRow]:
    """Neither dark nor held."""
    gone = {"dark": False, "held": False, "since": None}
    now, release = row.model_copy(update=gone), scene.release
    return scene.then(put(now, region), dark=release.dark - row.dark, held=release.held - row.held), now


def asked_after(
    scene: Scene, terms: Terms, length: float, *, progress: int, region: str | None = None
) -> Step:
    """After so many seconds the core asks itself what became of the measuring, which has got so far: of a step in a region,
    or of the stage.
    """
    body = {"release": scene.release.release, "stage": terms.stage, "progress": progress}
    name, about = (f"verify {region}", {"region": region}) if region else ("verify", {})
    return Step(timers=(SetTimer(name, after(scene.now, length), body | about),))
