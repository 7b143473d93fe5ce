"""After a rollback: whether what the release was blamed for is over.

The incidents that were blamed on a release have the time that the plan gives, counted from `settled`, to be reported as resolved.
Only when that time is over it is said how it ended, once: an incident may end and come again, and people are asked for what lasts.
A release that is taken back meanwhile is waited for with the one before, and prolongs nothing: else, where each next one fails
for the same trouble, it would never be said.
"""

from datetime import datetime, timedelta

from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.decision import NOTHING, Rows, SetTimer, Step, TimerDue, emit, put, remove
from lockgate.messages.message import derived_id
from lockgate.messages.rollbacks import ReleaseSettled
from lockgate.messages.verdicts import RollbackVerified
from lockgate.verifier.core.anomalies import newest, without
from lockgate.verifier.core.rows import IncidentsRow, PlanRow, RecoveryRow
from lockgate.verifier.core.scene import seconds

TIMER = "recovery"

LONGEST_GRACE = 300.0
"""Seconds after a gap in reading, in which monitoring sends again what it could not send."""

MOST_NAMED = 8
"""Of the regions that are owed."""


def begin(rows: Rows, settled: ReleaseSettled, plan: PlanRow, now: datetime) -> Step:
    """Of a release that is settled just now. One that was left where it runs was not taken back, and there is nothing to tell."""
    within, known = plan.plan.remediation.recovers_within, rows.get(IncidentsRow)
    if within is None or settled.stays or known is None or known.release != settled.release:
        return NOTHING
    if not known.blamed and not known.over:
        return NOTHING
    own = RecoveryRow(
        release=settled.release,
        label=plan.artifact.label,
        due=now + timedelta(seconds=within),
        within=within,
        ongoing=known.blamed,
        over=known.over,
        debts=settled.debts[:MOST_NAMED],
    )
    before = rows.get(RecoveryRow)
    row = own if before is None else _with(own, before)
    grace = timedelta(seconds=min(row.within, LONGEST_GRACE))
    return put(row) + Step(timers=(SetTimer(TIMER, row.due, grace=grace),))


def _with(own: RecoveryRow, before: RecoveryRow) -> RecoveryRow:
    """Together with what is waited for already, by the earlier time of the two."""
    first = min(before, own, key=lambda row: row.due)
    ongoing = newest(tuple(dict.fromkeys((*before.ongoing, *own.ongoing))))
    over = tuple(name for name in dict.fromkeys((*before.over, *own.over)) if name not in ongoing)
    return own.model_copy(
        update={
            "others": True,
            "due": first.due,
            "within": first.within,
            "ongoing": ongoing,
            "over": newest(over),
            "debts": tuple(dict.fromkeys((*before.debts, *own.debts)))[:MOST_NAMED],
        }
    )


def detected(rows: Rows, incident: IncidentDetected) -> Step:
    """One that was over goes on."""
    row, name = rows.get(RecoveryRow), derived_id("incident", incident.incident)
    if row is None or name not in row.over:
        return NOTHING
    again = {"ongoing": newest((*row.ongoing, name)), "over": without(row.over, name)}
    return put(row.model_copy(update=again))


def resolved(rows: Rows, incident: IncidentResolved) -> Step:
    row, name = rows.get(RecoveryRow), derived_id("incident", incident.incident)
    if row is None or name not in row.ongoing:
        return NOTHING
    ended = {"ongoing": without(row.ongoing, name), "over": newest((*row.over, name))}
    return put(row.model_copy(update=ended))


def overdue(rows: Rows, _due: TimerDue, _now: datetime) -> Step:
    row = rows.get(RecoveryRow)
    if row is None:
        raise LookupError(f"the time of a rollback of {rows.key} is over, but what is waited for has no row")
    verified = RollbackVerified(
        application=rows.key, release=row.release, recovered=not row.ongoing, reason=_sentence(row)
    )
    return remove(RecoveryRow) + emit(verified)


def _sentence(row: RecoveryRow) -> str:
    which = f"{row.label}, or one that was taken back before it," if row.others else row.label
    if not row.ongoing:
        return f"Monitoring reported that what {which} was taken back for is over."
    count = len(row.ongoing)
    text = (
        f"{which} was taken back {seconds(row.within)} ago, and {count} incident{'' if count == 1 else 's'} that it was "
        "blamed for did not end: "
    )
    if row.debts:
        return f"{text}when it was settled it might still run in {', '.join(row.debts)}, so look there first."
    return f"{text}it was not to blame, or not alone."
