"""The verification of a stage's regions, scrape by scrape: of a pilot or a canary's step beside production, of a wave beside the
regions after it, of a watch after the release.

One a region, or one of a wave's regions together; what follows a verdict is in `concluding`, and what holds it up meanwhile in
`holding`. What was measured is kept in rows that are never changed, one a report, and `judging` judges all of it anew
with each; so a verdict follows from what its event carries, and from nothing else.
"""

from typing import assert_never

from lockgate.messages.decision import put, remove
from lockgate.verifier.core import orders
from lockgate.verifier.core.concluding import Regions, concluded, unmeasurable
from lockgate.verifier.core.holding import (
    asked_after,
    blind,
    dark,
    heard,
    idle,
    schedule_of,
    seen_again,
    waits_for_evidence,
)
from lockgate.verifier.core.judging import Judged, judged, judged_together
from lockgate.verifier.core.measure import LOST, Counted, Measure, Unavailable
from lockgate.verifier.core.rows import PartRow, VerificationRow
from lockgate.verifier.core.scene import Scene
from lockgate.verifier.core.terms import Terms


def reported(
    scene: Scene, terms: Terms, order: Measure, said: Counted | Unavailable, *, final: bool
) -> Scene:
    """What a report of the measuring leads to. A report of an order that is not the newest changes nothing."""
    row = scene.rows.get(VerificationRow, order.region)
    if row is None or row.over or not _is_newest(scene, terms, order, row):
        return scene
    match said:
        case Counted():
            return _counted(scene, terms, order.region, row, said)
        case Unavailable():
            return _unavailable(scene, terms, order.region, row, said, final=final)
        case _:
            assert_never(said)


def _unavailable(
    scene: Scene, terms: Terms, region: str, row: VerificationRow, said: Unavailable, *, final: bool
) -> Scene:
    text = f"There was nothing to measure: {said.reason}."
    if said.reading:
        return heard(scene, region, row)
    if said.for_good:
        every = _with_the_others(scene, terms, region, row)
        left = {name: one for name, one in every.items() if not one.over}
        return unmeasurable(scene, terms, left, region, said.reason)
    if final:  # of a version that gave up after an outage
        return _measured_again(scene, terms, {region: row}, text)
    if said.too_long:
        return blind(scene, terms, region, row, text)
    return dark(scene, region, row, f"The metrics cannot be read: {said.reason}")


def _is_newest(scene: Scene, terms: Terms, order: Measure, row: VerificationRow) -> bool:
    expected = (terms.phase, terms.stage, order.since)
    return (scene.release.phase, order.stage, row.began or scene.release.since) == expected


def _counted(scene: Scene, terms: Terms, region: str, row: VerificationRow, said: Counted) -> Scene:
    kept, before = _kept(scene, region, row, said), row.end
    if kept is None:
        return scene
    scene, row, parts = kept
    rows: Regions = {region: row}
    if terms.control:
        rows = _with_the_others(scene, terms, region, row.model_copy(update={"digest": said.digest or ""}))
        scene = scene.then(put(rows[region], region))
        found = _together(scene, terms, region, rows, parts)
    else:
        found = judged(terms, parts, said.digest or "")
    if found.result is not None:
        return concluded(scene, terms, rows, found.result, found.through)
    row = rows[region]
    if found.idle:
        if said.end > before:
            row = idle(scene, row)
            scene = scene.then(put(row, region))
        both = (
            " both there and, as much as usual, in each region without the release" if terms.control else ""
        )
        both = f" of both the {terms.subject} and production" if terms.beside else both
        return dark(scene, region, row, f"No requests{both} were seen in {region} lately.")
    return _goes_on(scene, terms, region, row, before) if said.end > before else scene


def _kept(
    scene: Scene, region: str, row: VerificationRow, said: Counted
) -> tuple[Scene, VerificationRow, list[PartRow]] | None:
    """With the report's part kept: the row, and all parts in order. None if the report does not follow them."""
    new = PartRow(first=said.first, settled=said.settled, told=said.told)
    if said.first == 0 and said.settled is not None:
        before, left = [], [remove(PartRow, PartRow.named(region, number)) for number in range(1, row.parts)]
        scene = scene.then(*left)
    elif (said.run, said.first) == (row.run, row.end):
        before = _parts(scene, region, row)
    else:
        return None
    since = row.since if row.dark or row.held else None
    told = {"run": said.run, "parts": len(before) + 1, "end": said.end, "since": since}
    row = row.model_copy(update=told)
    scene = scene.then(put(row, region), put(new, PartRow.named(region, len(before))))
    return scene, row, [*before, new]


def _parts(scene: Scene, region: str, row: VerificationRow) -> list[PartRow]:
    names = tuple(PartRow.named(region, number) for number in range(row.parts))
    found = scene.rows.many(PartRow, names)
    return [found[name] for name in names]


def _with_the_others(scene: Scene, terms: Terms, region: str, row: VerificationRow) -> Regions:
    """All regions of the wave, this one as it is now."""
    stored = scene.rows.many(VerificationRow, terms.regions)
    return {name: row if name == region else one for name, one in stored.items()}


def _together(scene: Scene, terms: Terms, region: str, rows: Regions, parts: list[PartRow]) -> Judged:
    """The verdict on all of them. `parts`: of the region."""
    others = {name: _parts(scene, name, row) for name, row in rows.items() if name != region and row.parts}
    digests = {name: row.digest for name, row in rows.items() if row.parts}
    return judged_together(terms, region, {**others, region: parts}, digests, orders.alpha_of(scene))


def _goes_on(scene: Scene, terms: Terms, region: str, row: VerificationRow, before: int) -> Scene:
    """Nothing is proven yet. Says if the time is extended; of a step only what is new, since others may be compared beside it."""
    silent, planned = row.dark or row.held, schedule_of(scene, terms).planned
    scene, row = seen_again(scene, terms, region, row)
    extended = row.end >= planned and terms.extend > 0
    if extended:
        scene = scene.then(extended=True)
    if terms.steps and not silent and not (extended and before < planned):
        return scene
    return waits_for_evidence(scene, terms, region, row)


def lost(scene: Scene, terms: Terms, *, progress: int, region: str | None = None) -> Scene:
    """The time of the measuring is over, and no verdict is reached in some regions.

    It may be on its way: where the metrics were away it takes longer, and a verifier that was down has to catch up.
    What tells nothing of itself any more is held, and measured anew.
    """
    rows = scene.rows.many(VerificationRow, (region,) if region else terms.regions)
    every = {name: row for name, row in rows.items() if not row.over}
    left = {name: row for name, row in every.items() if not row.digest} or every
    if scene.release.phase is not terms.phase or not left:
        return scene
    so_far = sum(row.end for row in rows.values())
    silent = {name: row for name, row in left.items() if _is_silent(scene, row, moved=so_far > progress)}
    scene = _measured_again(
        scene, terms, silent, "There was nothing to measure: the measuring tells nothing of itself."
    )
    later = LOST + schedule_of(scene, terms).step
    return scene.then(asked_after(scene, terms, later, progress=so_far, region=region))


def _is_silent(scene: Scene, row: VerificationRow, *, moved: bool) -> bool:
    """Whether there may be no measuring any more: one that has nothing to measure says so again and again."""
    if row.since is None:  # also of rows from before this was kept
        return not moved
    return (scene.now - row.since).total_seconds() > scene.plan.plan.metrics.outage + LOST


def _measured_again(scene: Scene, terms: Terms, found: dict[str, VerificationRow], reason: str) -> Scene:
    """Held until there is something, and measured by another run."""
    regions = scene.regions(tuple(found))
    for name, row in found.items():
        scene = blind(scene, terms, name, row, reason)
        scene = scene.then(orders.measured(scene, terms, name, regions[name], row.began))
    return scene
