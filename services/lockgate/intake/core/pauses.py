"""Pause and resume, of one application or under `*` of all; and the end of a pause by itself."""

from datetime import UTC, datetime, timedelta
from typing import Final

from lockgate.intake.core.answering import done, refused, routed
from lockgate.intake.core.lane import enter, start_next
from lockgate.intake.core.pausing import UNPAUSE, holding, look_again
from lockgate.intake.rows import Claimed, Lane, Pause, Release
from lockgate.messages.decision import (
    NOTHING,
    CancelTimer,
    On,
    Rows,
    SetTimer,
    Step,
    TimerDue,
    emit,
    put,
    remove,
)
from lockgate.messages.message import Message
from lockgate.messages.operations import OperationRefusal, Resume
from lockgate.messages.operations import Pause as PauseAsked
from lockgate.messages.releases import AllPaused, AllResumed, ApplicationPaused, ApplicationResumed
from lockgate.messages.values import EVERY

LONGEST: Final = timedelta(days=366)


def all_paused(rows: Rows, given: Message[PauseAsked], now: datetime) -> Step:
    """Under `*`: what names no application is about all, and is decided here."""
    return paused(rows, given, now) if given.body.application is None else routed(rows, given, now)


def all_resumed(rows: Rows, given: Message[Resume], now: datetime) -> Step:
    return resumed(rows, given, now) if given.body.application is None else routed(rows, given, now)


def paused(rows: Rows, given: Message[PauseAsked], now: datetime) -> Step:
    """A second pause takes the place of the first: another end, another reason."""
    body = given.body
    if body.until is not None and not now < body.until <= now + LONGEST:
        told = (
            f"{body.until.isoformat()} is not between now and a year from now: write when the pause is to end"
        )
        return refused(given, OperationRefusal.UNTIL, told)
    until = body.until and body.until.astimezone(UTC)
    ends = SetTimer(UNPAUSE, until) if until else CancelTimer(UNPAUSE)
    written = until.isoformat(timespec="seconds") if until else None
    return (
        put(Pause(who=body.who, why=body.why, until=until))
        + Step(timers=(ends,))
        + _told_paused(rows.key, body, written)
        + done(given, f"{_whose(rows.key)} paused {f'until {written}' if written else 'until resumed'}")
    )


def _told_paused(key: str, body: PauseAsked, until: str | None) -> Step:
    if key == EVERY:
        return emit(AllPaused(who=body.who, reason=body.why, until=until))
    return emit(ApplicationPaused(application=key, who=body.who, reason=body.why, until=until))


def resumed(rows: Rows, given: Message[Resume], now: datetime) -> Step:
    if rows.get(Pause) is None:
        return refused(given, OperationRefusal.NOT_PAUSED, _not_paused(rows))
    reason = f"{given.body.who}: {given.body.why}"
    return _ended(rows, reason, now) + done(given, f"{_whose(rows.key)} resumed")


def _not_paused(rows: Rows) -> str:
    if rows.key == EVERY:
        return "there is no pause of all applications; one of a single application is ended by its name"
    all_ = rows.shared(Pause)
    if all_ is None:
        return f"{rows.key} is not paused"
    return f"{rows.key} is held by a pause of all, by {all_.who}: {all_.why}; resume all to end it"


def over(rows: Rows, _due: TimerDue, now: datetime) -> Step:
    """The time of a pause is over."""
    return NOTHING if rows.get(Pause) is None else _ended(rows, "the time of the pause is over", now)


def _ended(rows: Rows, reason: str, now: datetime) -> Step:
    ended = remove(Pause) + Step(timers=(CancelTimer(UNPAUSE),))
    if rows.key == EVERY:
        return ended + emit(AllResumed(reason=reason))
    return (
        ended
        + emit(ApplicationResumed(application=rows.key, reason=reason))
        + _go_on(rows, rows.shared(Pause), now)
    )


def look(rows: Rows, _due: TimerDue, now: datetime) -> Step:
    """Whether the pause of all has ended. A pause of the application itself lets go on what waits when it ends."""
    return NOTHING if rows.get(Pause) is not None else _go_on(rows, holding(rows), now)


def _go_on(rows: Rows, pause: Pause | None, now: datetime) -> Step:
    """What was kept back goes on: a release enters production, or the next one starts."""
    lane = rows.get(Lane)
    if lane is None:
        return NOTHING
    ready = {id_: row for id_, row in rows.many(Release, lane.under_way).items() if row.ready}
    starts = bool(lane.waiting) and not lane.under_way
    if not ready and not starts:
        return NOTHING
    if pause is not None:
        return look_again(now)
    step = NOTHING
    for id_, release in ready.items():
        lane, entered = enter(rows, lane, id_, release)
        step += entered
    lane, started = start_next(rows, lane)
    return step + started + put(lane)


def _whose(key: str) -> str:
    return "all applications are" if key == EVERY else f"{key} is"


def _claimed(given: Message[PauseAsked] | Message[Resume]) -> tuple[tuple[type[Claimed | Pause], str], ...]:
    name = given.body.application
    return ((Pause, ""),) if name is None else ((Claimed, name),)


ALL_PAUSED = On(all_paused, _claimed)
ALL_RESUMED = On(all_resumed, _claimed)
PAUSED = On(paused, lambda _given: ((Pause, ""),))
RESUMED = On(resumed, lambda _given: ((Pause, ""), (Lane, "")))
OVER = On(over, lambda _given: ((Pause, ""),))
LOOKED = On(look, lambda _given: ((Pause, ""), (Lane, "")))
