"""A rollback after which what it was for did not end: nothing more is begun for the application until an operator has looked.

Whatever the next version is, it would be judged amid somebody else's trouble, and be taken back for it. A fix is let go on: it may
be what ends that trouble. One that comes first makes no pause, and one that an operator sends later ends it.
"""

from datetime import datetime
from typing import Final

from lockgate.intake.core.pausing import UNPAUSE
from lockgate.intake.rows import Lane, Pause, Release
from lockgate.intake.words import sentence
from lockgate.messages.decision import NOTHING, CancelTimer, On, Rows, Step, emit, put, remove
from lockgate.messages.message import Message
from lockgate.messages.releases import ApplicationPaused, ApplicationResumed
from lockgate.messages.verdicts import RollbackVerified

WHO: Final = "lockgate"
"""What people read. An operator may be called so as well: which pause is Lockgate's own is said in its row."""


def verified(rows: Rows, given: Message[RollbackVerified], _now: datetime) -> Step:
    """A pause that lasts until somebody resumes stays as it is. One with an end would let the next version go amid the trouble."""
    body, pause = given.body, rows.get(Pause)
    if body.recovered or _fix_comes(rows) or (pause is not None and pause.until is None):
        return NOTHING
    why = sentence(f"{body.reason}{_instead(pause)}")
    paused = ApplicationPaused(application=rows.key, who=WHO, reason=why)
    step = put(Pause(who=WHO, why=why, unrecovered=True)) + emit(paused)
    return step + Step(timers=(CancelTimer(UNPAUSE),))


def _instead(pause: Pause | None) -> str:
    if pause is None or pause.until is None:
        return ""
    until = pause.until.isoformat(timespec="seconds")
    return f" The pause that {pause.who} had set until {until} has no end now; it was for: {pause.why}"


def _fix_comes(rows: Rows) -> bool:
    """One that is on its way out, or may be, mends nothing."""
    lane = rows.get(Lane) or Lane()
    releases = rows.many(Release, (*lane.under_way, *lane.waiting)).values()
    return any(release.fix and release.ending is None for release in releases)


def against(rows: Rows) -> Pause | None:
    """The pause for which a fix of an operator is refused. Lockgate's own is ended by it: somebody has looked."""
    own = rows.get(Pause)
    return own if own is not None and not own.unrecovered else rows.shared(Pause)


def ended(rows: Rows, reason: str) -> Step:
    """Lockgate's own pause, if there is one, ends with the fix that goes before all that it keeps back."""
    own = rows.get(Pause)
    if own is None or not own.unrecovered:
        return NOTHING
    return remove(Pause) + emit(ApplicationResumed(application=rows.key, reason=sentence(reason)))


VERIFIED = On(verified, lambda _given: ((Pause, ""), (Lane, "")))
