"""Artifacts of a plan that demands provenance: each waits outside the queue while its bundles are checked, for a while at most.

The work `check` knows keys, certificates and logs; here only what follows is decided. What was true when it was announced
may be so no more when the check is done, so all of it is asked again then; of a plan that demands something else by now,
the check too.
"""

import json
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from lockgate.intake.checks import MOST_BUNDLE, MOST_BUNDLES, Check, Unproven, Verified, checked
from lockgate.intake.core.admission import Said, admitted, not_admitted, plan_for
from lockgate.intake.rows import BeingChecked, Lane, NewestPlan, Unchecked
from lockgate.intake.words import clip
from lockgate.messages.decision import (
    NOTHING,
    CancelTimer,
    CancelWork,
    On,
    Rows,
    SetTimer,
    StartWork,
    Step,
    TimerDue,
    WorkReported,
    emit,
    put,
    remove,
)
from lockgate.messages.plan_provenance import Provenance
from lockgate.messages.releases import MOST_SHOWN, ArtifactRefusal, ArtifactVerified

CHECK: Final = "check"
WITHIN: Final = timedelta(minutes=10)
MOST_AT_ONCE: Final = 20
"""Artifacts of one application that are checked at the same time."""


def begun(rows: Rows, said: Said, demands: Provenance, bundles: tuple[Any, ...], now: datetime) -> Step:
    """The check begins, unless it is clear already that it cannot succeed."""
    waiting = (rows.get(BeingChecked) or BeingChecked()).ids
    if (why := _hopeless(said, bundles, len(waiting))) is not None:
        return not_admitted(rows, said, *why)
    return (
        put(Unchecked(artifact=said.artifact, event=said.event, source=said.source), said.release)
        + put(BeingChecked(ids=(*waiting, said.release)))
        + _ask(Check(digest=said.artifact.digest, demands=demands, bundles=bundles), said.release)
        + Step(timers=(SetTimer(_name(said.release), now + WITHIN),))
    )


def _hopeless(said: Said, bundles: tuple[Any, ...], waiting: int) -> tuple[ArtifactRefusal, str] | None:
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
    if waiting >= MOST_AT_ONCE:
        told = f"{waiting} artifacts are being checked already: announce {label} again in a minute"
        return ArtifactRefusal.NOT_CHECKED, told
    return None


def _ask(check: Check, release: str) -> Step:
    return Step(work=(StartWork(_name(release), CHECK, check.model_dump(mode="json")),))


def reported(rows: Rows, given: WorkReported, now: datetime) -> Step:
    """The answer of a check: it is admitted, or refused."""
    release = _release(given.name)
    waiting = rows.get(Unchecked, release)
    if waiting is None:
        return NOTHING  # it took too long, and was refused for that
    said = Said(waiting.artifact, waiting.event, waiting.source, release)
    newest = plan_for(rows, said)
    if isinstance(newest, Step):
        return _over(rows, release) + newest
    check, demands = Check.model_validate(given.body), newest.plan.provenance
    if demands is not None and demands != check.demands:
        return _ask(check.model_copy(update={"demands": demands}), release)
    if demands is None:
        return _over(rows, release) + admitted(rows, newest, said, now)
    match checked(given.report):
        case Verified() as found:
            verified = _verified(rows, newest, said, found)
            return _over(rows, release) + verified + admitted(rows, newest, said, now)
        case Unproven(code=code, reason=reason):
            told = f"{said.artifact.label} of {rows.key} is not admitted: {reason}"
            return _over(rows, release) + not_admitted(rows, said, code, told)
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


def overdue(rows: Rows, due: TimerDue, _now: datetime) -> Step:
    """No answer came in time."""
    release = _release(due.name)
    waiting = rows.get(Unchecked, release)
    if waiting is None:
        return NOTHING
    said = Said(waiting.artifact, waiting.event, waiting.source, release)
    told = (
        f"the provenance of {said.artifact.label} of {rows.key} was not checked within {WITHIN.seconds // 60} minutes: look at "
        "intake's log, and announce it again"
    )
    refused = not_admitted(rows, said, ArtifactRefusal.NOT_CHECKED, told)
    return _over(rows, release) + refused + Step(work=(CancelWork(due.name),))


def _over(rows: Rows, release: str) -> Step:
    """It waits no more, whatever became of it."""
    left = tuple(id_ for id_ in (rows.get(BeingChecked) or BeingChecked()).ids if id_ != release)
    ids = put(BeingChecked(ids=left)) if left else remove(BeingChecked)
    return remove(Unchecked, release) + ids + Step(timers=(CancelTimer(_name(release)),))


def _name(release: str) -> str:
    """Of the timer and of the work."""
    return f"{CHECK} {release}"


def _release(name: str) -> str:
    return name.removeprefix(f"{CHECK} ")


def _touched(
    given: WorkReported | TimerDue,
) -> tuple[tuple[type[Unchecked | BeingChecked | NewestPlan | Lane], str], ...]:
    return ((Unchecked, _release(given.name)), (BeingChecked, ""), (NewestPlan, ""), (Lane, ""))


REPORTED = On(reported, _touched)
OVERDUE = On(overdue, _touched)
