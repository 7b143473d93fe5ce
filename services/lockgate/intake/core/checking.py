"""Artifacts of a plan that demands provenance: each waits outside the queue while its bundles are checked, for a while at most.

The work `check` knows keys, certificates and logs; here only what follows is decided. One of an application is checked after
the other, so that they reach the queue as they were announced. What was true when an artifact was announced may be so no more
when the check is done, so all of it is asked again then; of a plan that demands something else by now, the check too.
"""

import json
from datetime import datetime
from typing import Any, assert_never

from lockgate.intake.checks import MOST_BUNDLE, MOST_BUNDLES, Check, Unproven, Verified, checked
from lockgate.intake.core.admission import Said, admitted, not_admitted, plan_for
from lockgate.intake.core.unchecked import CHECK, WITHIN, ask, begin, over, release_of_check, waiting
from lockgate.intake.rows import BeingChecked, Lane, NewestPlan, Unchecked
from lockgate.intake.words import clip
from lockgate.messages.decision import (
    NOTHING,
    CancelWork,
    On,
    Rows,
    Step,
    TimerDue,
    WorkReported,
    emit,
    put,
)
from lockgate.messages.plan_provenance import Provenance
from lockgate.messages.releases import MOST_SHOWN, ArtifactRefusal, ArtifactVerified

MOST_AT_ONCE = 20
"""Artifacts of one application that wait for their checks at the same time."""


def begun(
    rows: Rows, said: Said, demands: Provenance | None, bundles: tuple[Any, ...], now: datetime
) -> Step:
    """It is checked, at once or after those that were announced before it, unless it is clear already that it cannot succeed.
    Without demands it waits for these alone.
    """
    before = waiting(rows)
    why = None if demands is None else _hopeless(said, bundles)
    if (why := why or _too_many(said, len(before))) is not None:
        return not_admitted(rows, said, *why)
    row = Unchecked(artifact=said.artifact, event=said.event, source=said.source)
    joined = put(BeingChecked(ids=(*before, said.release)))
    if before:
        return joined + put(row.model_copy(update={"bundles": bundles}), said.release)
    check = Check(digest=said.artifact.digest, demands=demands, bundles=bundles)
    return joined + put(row, said.release) + begin(check, said.release, now)


def _hopeless(said: Said, bundles: tuple[Any, ...]) -> tuple[ArtifactRefusal, str] | None:
    label = said.artifact.label
    if not bundles:
        told = (
            f"{label} was announced without a bundle, and the plan demands provenance: send its sigstore bundles along, in "
            "`customData.lockgate.bundles`"
        )
        return ArtifactRefusal.UNSIGNED, told
    if len(bundles) > MOST_BUNDLES:
        told = f"{label} was announced with {len(bundles)} bundles, and {MOST_BUNDLES} are the most"
        return ArtifactRefusal.BAD_BUNDLE, told
    for number, bundle in enumerate(bundles, 1):
        if (size := len(json.dumps(bundle))) > MOST_BUNDLE:
            told = f"bundle {number} of {label} has {size} characters, and {MOST_BUNDLE} are the most"
            return ArtifactRefusal.BAD_BUNDLE, told
    return None


def _too_many(said: Said, before: int) -> tuple[ArtifactRefusal, str] | None:
    if before < MOST_AT_ONCE:
        return None
    told = f"{before} artifacts are being checked already: announce {said.artifact.label} again in a minute"
    return ArtifactRefusal.NOT_CHECKED, told


def reported(rows: Rows, given: WorkReported, now: datetime) -> Step:
    """The answer of a check: it is admitted, or refused."""
    release = release_of_check(given.name)
    row = rows.get(Unchecked, release)
    if row is None:
        return NOTHING  # it took too long, and was refused for that
    said = Said(row.artifact, row.event, row.source, release)
    newest = plan_for(rows, said)
    if isinstance(newest, Step):
        return over(rows, release, now) + newest
    check, demands = Check.model_validate(given.body), newest.plan.provenance
    if demands is not None and demands != check.demands:
        return ask(check.model_copy(update={"demands": demands}), release)
    if demands is None:
        return over(rows, release, now) + admitted(rows, newest, said, now)
    match checked(given.report):
        case Verified() as found:
            verified = _verified(rows, newest, said, found)
            return over(rows, release, now) + verified + admitted(rows, newest, said, now)
        case Unproven(code=code, reason=reason):
            told = f"{said.artifact.label} of {rows.key} is not admitted: {reason}"
            return over(rows, release, now) + not_admitted(rows, said, code, told)
        case other:
            assert_never(other)


def _verified(rows: Rows, newest: NewestPlan, said: Said, found: Verified) -> Step:
    """What was shown, cut where an event ends: a star in the plan may stand for as much as somebody likes."""
    return emit(
        ArtifactVerified(
            application=rows.key,
            artifact=said.artifact,
            event=said.event,
            plan_version=newest.version,
            signer=clip(found.signer, MOST_SHOWN),
            issuer=found.issuer,
            builder=found.builder and clip(found.builder, MOST_SHOWN),
            source=found.source and clip(found.source, MOST_SHOWN),
        )
    )


def overdue(rows: Rows, due: TimerDue, now: datetime) -> Step:
    """No answer came in time."""
    release = release_of_check(due.name)
    row = rows.get(Unchecked, release)
    if row is None:
        return NOTHING
    said = Said(row.artifact, row.event, row.source, release)
    told = (
        f"the provenance of {said.artifact.label} of {rows.key} was not checked within {WITHIN.seconds // 60} minutes: look at "
        "intake's log, and announce it again"
    )
    refused = not_admitted(rows, said, ArtifactRefusal.NOT_CHECKED, told)
    return over(rows, release, now) + refused + Step(work=(CancelWork(due.name),))


def _touched(
    given: WorkReported | TimerDue,
) -> tuple[tuple[type[Unchecked | BeingChecked | NewestPlan | Lane], str], ...]:
    return ((Unchecked, release_of_check(given.name)), (BeingChecked, ""), (NewestPlan, ""), (Lane, ""))


REPORTED = On(reported, _touched)
OVERDUE = On(overdue, _touched)

__all__ = ["CHECK", "MOST_AT_ONCE", "OVERDUE", "REPORTED", "begun"]
