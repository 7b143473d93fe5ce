"""Named points of the mechanism where a process can be made to die or to hang, to prove that nothing is lost there.

Off unless the environment arms one (LOCKGATE_FAULT); then a point costs one comparison. It is for tests and
rehearsals: nothing but the environment of the process can arm it, and an armed process says so in its log.
Before it acts it writes down where it was, so that a run can prove that the fault really happened there.
"""

import json
import os
import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

log = structlog.get_logger()


class Point(StrEnum):
    """Where a process can be stopped, in the order in which one event meets them."""

    ASSIGNED = "assigned"  # the group gave partitions; nothing is taken over yet
    RESTORED = "restored"  # the offsets are loaded and sought; nothing is read yet
    START_TOLD = "start-told"  # the core was told of the start, and its answer is committed
    LANE_TAKEN = "lane-taken"  # the right to publish a partition is held; nothing was sent by it yet
    FETCHED = "fetched"  # records came; nothing was decided
    DECIDED = "decided"  # one event of a batch is decided; nothing is written
    BEFORE_COMMIT = "before-commit"  # a batch with decisions is complete; nothing is written
    AFTER_COMMIT = "after-commit"  # committed; nothing is handed to the relay, the timers, the workers
    JOURNAL_SENT = "journal-sent"  # the broker has the journal's records, and not the events that follow
    SENT = "sent"  # the broker has everything; it is not marked as sent
    MARKED = "marked"  # marked as sent; it still lies in the outbox
    OFFSETS_HINTED = "offsets-hinted"  # Kafka was told the offsets that the database has
    WORK_CLAIMED = "work-claimed"  # a piece of work is taken; nothing is done to the world
    WORK_DONE = "work-done"  # the world is changed; nobody was told
    REPORTED = "reported"  # what work reports is decided and committed; the work goes on, or ends
    TIMER_DUE = "timer-due"  # a timer was seen due; it has not fired
    TIMER_FIRED = "timer-fired"  # what a timer leads to is decided; nothing is written


class Action(StrEnum):
    KILL = "kill"  # SIGKILL to itself
    STOP = "stop"  # SIGSTOP to itself: it hangs until somebody sends SIGCONT


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens when a point is reached for the nth time since the start; of commits, with the nth decision."""

    point: Point
    action: Action
    nth: int = 1


class _Armed:
    """The one fault of this process. `point` is None while there is none."""

    point: Point | None = None
    fault: Fault
    log: Path
    left: int


def parse(text: str) -> Fault | None:
    """The fault that `POINT:ACTION` or `POINT:ACTION:NTH` means, None for nothing. ValueError for anything else."""
    match text.split(":"):
        case [""]:
            return None
        case [point, action] if point in set(Point) and action in set(Action):
            return Fault(Point(point), Action(action))
        case [point, action, nth] if point in set(Point) and action in set(Action) and _is_count(nth):
            return Fault(Point(point), Action(action), int(nth))
        case _:
            raise ValueError(
                "a fault is POINT:ACTION or POINT:ACTION:NTH, where ACTION is one of"
                f" {', '.join(Action)} and POINT one of {', '.join(Point)}"
            )


def arm(fault: Fault | None, written_to: Path | None) -> None:
    """Arms this process. `written_to` gets one line of JSON (point, action, pid, time) before the fault acts."""
    if fault is None:
        return
    if written_to is None:
        raise ValueError("LOCKGATE_FAULT needs LOCKGATE_FAULT_LOG: a fault that nobody can prove is none")
    _Armed.fault, _Armed.log, _Armed.left = fault, written_to, fault.nth
    _Armed.point = fault.point
    log.warning("a fault is armed: this process will end or hang", point=fault.point, action=fault.action)


def reach(point: Point, times: int = 1) -> None:
    """The mechanism has come to this point. `times`: so many come to it together, as what shares a transaction does."""
    if point is _Armed.point:
        _come(times)


def _come(times: int) -> None:
    _Armed.left -= times
    if _Armed.left > 0:
        return
    _Armed.point = None  # once: what was stopped goes on without a fault
    _write(_Armed.fault)
    os.kill(os.getpid(), signal.SIGKILL if _Armed.fault.action is Action.KILL else signal.SIGSTOP)


def _write(fault: Fault) -> None:
    """Appends a line, and returns when it is on the disk."""
    line = {"point": fault.point, "action": fault.action, "pid": os.getpid(), "time": time.time()}
    file = os.open(_Armed.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= len(text) <= 9 and int(text) >= 1
