"""The ladder out of trouble, as a table: at which rung a failure begins, and where each answer leads from there.

Flags off, and the release is judged anew; it is taken back; what cannot be taken back is owed, and told to people. The
rungs themselves are in `flags` and `halting`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from lockgate.messages.decision import NOTHING, Rows, Step, TimerDue
from lockgate.messages.deployments import FlagsFailed, FlagsSwitched, OrderRefused
from lockgate.messages.message import Message
from lockgate.messages.plan import Plan
from lockgate.messages.verdicts import FailCause, Outcome, VerdictReached
from lockgate.rollback.core import answers, flags, recovering
from lockgate.rollback.core.halting import halted, is_blamed, ordered_back, taken_back
from lockgate.rollback.core.holding import held, holds
from lockgate.rollback.core.rows import Phase, Release, Way
from lockgate.rollback.core.sentences import shortened


class Rung(StrEnum):
    FLAGS = "flags"
    ROLLBACK = "rollback"
    HOLD = "hold"


BEGINS: Final[dict[FailCause | None, Rung]] = {
    FailCause.MEASURED: Rung.FLAGS,
    FailCause.INCIDENT: Rung.FLAGS,
    FailCause.CHECK: Rung.FLAGS,
    FailCause.UNDECIDED: Rung.ROLLBACK,  # whether the flags help could not be decided either
    FailCause.REQUESTS: Rung.ROLLBACK,  # nobody has been served by it yet
    FailCause.DEPLOYMENT: Rung.ROLLBACK,  # pods that do not get ready ask for no flag
    None: Rung.ROLLBACK,  # an older verifier does not say
}
"""What a verdict of fail was made from -> the rung at which its remediation begins."""


def verdict_reached(rows: Rows, given: Message[VerdictReached], now: datetime) -> Step:
    """A fail of the newest release, which is under way, takes it to its next rung; and one of what was completed has it taken
    back. Everything else changes nothing.
    """
    release, body = rows.get(Release), given.body
    if body.outcome is not Outcome.FAIL or release is None:
        return NOTHING
    way = rows.get(Way, body.release)
    if way is None or (release.release, release.phase) != (body.release, Phase.RUNNING):
        return recovering.blamed(rows, body)
    why = f"The stage {body.stage} failed: {body.reason}"
    match rung(release, way.plan, body.cause):
        case Rung.FLAGS:
            stopped, step = halted(release, way.plan, why)
            return step + flags.ordered(rows, stopped, way, now)
        case Rung.ROLLBACK:
            # A version of which pre-production proved nothing is not blamed.
            proven = body.cause is not FailCause.UNDECIDED or release.entered is not None
            blamed = proven and is_blamed(rows, release, way.plan)
            return taken_back(rows, release, way, why, now, blamed=blamed)
        case Rung.HOLD:
            stopped, step = halted(release, way.plan, why)
            return step + held(stopped, way.plan.application)
        case other:
            assert_never(other)


def rung(release: Release, plan: Plan, cause: FailCause | None) -> Rung:
    """Flags come once, and for production only: nobody is served in pre-production. Then it goes back, unless it must not."""
    may = not release.switched and release.entered is not None and bool(plan.remediation.flags)
    if may and BEGINS[cause] is Rung.FLAGS:
        return Rung.FLAGS
    return Rung.HOLD if holds(release, plan) else Rung.ROLLBACK


def flags_switched(rows: Rows, given: Message[FlagsSwitched], now: datetime) -> Step:
    """The last region's answer lets the release go on; unless every flag was off already, so that nothing is better now."""
    release = flags.awaited(rows, given.body)
    if release is None:
        return NOTHING
    after = flags.answered(release, given.body)
    if after.waiting or after.changed:
        return flags.switched(rows, after, given.body.region)
    return _given_up(rows, release, "Its flags were off already in every region.", now)


def flags_failed(rows: Rows, given: Message[FlagsFailed], now: datetime) -> Step:
    """One region in which a flag may still be on is enough: the release is taken back everywhere."""
    release = flags.awaited(rows, given.body)
    if release is None:
        return NOTHING
    return _given_up(
        rows, release, f"In {given.body.region} the flags were not switched off: {given.body.reason}", now
    )


def refused(rows: Rows, given: Message[OrderRefused], now: datetime) -> Step:
    """Of an order to switch flags, or to go back."""
    release = flags.awaited(rows, given.body)
    if release is None:
        return answers.refused(rows, given, now)
    return _given_up(
        rows, release, f"{given.body.region} refused to switch the flags: {given.body.reason}", now
    )


def flags_overdue(rows: Rows, given: TimerDue, now: datetime) -> Step:
    """A region did not answer: its flags may still be on."""
    release = rows.get(Release)
    expected = (given.body["release"], given.body["turn"], Phase.FLAGS)
    if release is None or (release.release, release.turn, release.phase) != expected:
        return NOTHING
    count = release.waiting
    silent = f"{count} region{'' if count == 1 else 's'} gave no answer to the order to switch the flags off."
    return _given_up(rows, release, silent, now)


def _given_up(rows: Rows, release: Release, why: str, now: datetime) -> Step:
    """The next rung. It is halted already."""
    way = rows.get(Way, release.release)
    if way is None:
        return NOTHING
    failed = release.model_copy(update={"reason": shortened(f"{why} {release.reason}")})
    if holds(failed, way.plan):
        return flags.forgotten(rows, way) + held(failed, way.plan.application)
    return ordered_back(rows, failed, way, now, blamed=is_blamed(rows, failed, way.plan))
