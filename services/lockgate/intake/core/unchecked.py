"""The artifacts of an application that wait for their check, in the order in which they were announced. The first is checked.

Pure building blocks for `checking`, and for `fixes`, which sends them away.
"""

from datetime import datetime, timedelta
from typing import Final

from lockgate.intake.checks import Check
from lockgate.intake.rows import BeingChecked, NewestPlan, Unchecked
from lockgate.intake.words import sentence
from lockgate.messages.decision import (
    NOTHING,
    CancelTimer,
    CancelWork,
    Rows,
    SetTimer,
    StartWork,
    Step,
    emit,
    put,
    remove,
)
from lockgate.messages.releases import ArtifactRefusal, ArtifactRefused

CHECK: Final = "check"
WITHIN: Final = timedelta(minutes=10)


def waiting(rows: Rows) -> tuple[str, ...]:
    return (rows.get(BeingChecked) or BeingChecked()).ids


def begin(check: Check, release: str, now: datetime) -> Step:
    return ask(check, release) + Step(timers=(SetTimer(name_of(release), now + WITHIN),))


def ask(check: Check, release: str) -> Step:
    return Step(work=(StartWork(name_of(release), CHECK, check.model_dump(mode="json")),))


def over(rows: Rows, release: str, now: datetime) -> Step:
    """It waits no more, whatever became of it, and the next one is checked."""
    left = tuple(id_ for id_ in waiting(rows) if id_ != release)
    ended = remove(Unchecked, release) + Step(timers=(CancelTimer(name_of(release)),))
    if not left:
        return ended + remove(BeingChecked)
    return ended + put(BeingChecked(ids=left)) + _next(rows, left[0], now)


def _next(rows: Rows, release: str, now: datetime) -> Step:
    """By what the plan demands by now; if that is nothing, its turn alone was waited for, and any answer will do."""
    row, plan = rows.get(Unchecked, release), rows.get(NewestPlan)
    if row is None or plan is None:
        raise LookupError(
            f"the artifact {release} of {rows.key} waits for its check, but it or its plan has no row"
        )
    check = Check(digest=row.artifact.digest, demands=plan.plan.provenance, bundles=row.bundles)
    return put(row.model_copy(update={"bundles": ()}), release) + begin(check, release, now)


def superseded(rows: Rows, by: str) -> Step:
    """All of them make way for a fix, which is called `by`."""
    ids = waiting(rows)
    step = remove(BeingChecked) if ids else NOTHING
    for id_, row in rows.many(Unchecked, ids).items():
        told = ArtifactRefused(
            application=rows.key,
            purl=row.artifact.purl,
            event=row.event,
            code=ArtifactRefusal.SUPERSEDED,
            reason=sentence(
                f"{row.artifact.label} of {rows.key} was being checked when {by} went first: announce it again"
            ),
        )
        step += remove(Unchecked, id_) + emit(told)
    of_the_first = (
        Step(timers=(CancelTimer(name_of(ids[0])),), work=(CancelWork(name_of(ids[0])),)) if ids else NOTHING
    )
    return step + of_the_first


def name_of(release: str) -> str:
    """Of the timer and of the work."""
    return f"{CHECK} {release}"


def release_of_check(name: str) -> str:
    return name.removeprefix(f"{CHECK} ")
