"""A small service for the tests of the runtime, on topics and with payloads of the real ones.

Its events are scripts: the reason of a StageWaiting says what is to be decided (`note`, `boom`, `timer NAME
SECONDS [GRACE]`, `cancel NAME`, `work NAME ARGUMENT`, `unwork NAME`). Everything that it handles it counts in
a row and answers with a VersionMarked on `rollbacks`. `python -m tests.support.toy` runs it as a process.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.decision import (
    CancelTimer,
    CancelWork,
    On,
    Row,
    Rows,
    ServiceStarted,
    SetTimer,
    StartWork,
    Step,
    Table,
    TimerDue,
    WorkReported,
    emit,
    put,
)
from lockgate.messages.message import Message
from lockgate.messages.releases import RegionAccepted, ReleaseCompleted
from lockgate.messages.rollbacks import Grade, VersionMarked
from lockgate.messages.topics import ANOMALIES, RELEASES, VERDICTS
from lockgate.messages.values import EVERY
from lockgate.messages.verdicts import StageWaiting
from lockgate.runtime.gathering import Gathering
from lockgate.runtime.producer import Producer
from lockgate.runtime.reading import Item
from lockgate.runtime.running import run
from lockgate.runtime.service import OpenWork, Service, no_work
from lockgate.runtime.settings import RuntimeSettings
from lockgate.runtime.workers import Report, WorkFunction

DIGEST = "sha256:" + "0" * 64


class Tally(Row):
    """What was handled of one application, in order."""

    kind = "tally"
    handled: tuple[str, ...] = ()


@dataclass
class Fault:
    """What is wrong with a core, until it is mended without a restart."""

    there: bool = True

    def __bool__(self) -> bool:
        return self.there


class BrokenCoreError(Exception):
    """The script says `boom`, and this core is one that does."""


def _note(rows: Rows, what: str) -> Step:
    handled = (*(rows.get(Tally) or Tally()).handled, what)
    answer = VersionMarked(application="every", digest=DIGEST, grade=Grade.GOOD, reason=what)
    if rows.key != EVERY:
        answer = answer.model_copy(update={"application": rows.key})
    return put(Tally(handled=handled)) + emit(answer)


def _tally(_given: Any) -> tuple[tuple[type[Row], str], ...]:
    return ((Tally, ""),)


def _scripted(script: str, now: datetime) -> Step:
    match script.split():
        case ["timer", name, seconds, *grace]:
            due = now + timedelta(seconds=float(seconds))
            allowance = timedelta(seconds=float(grace[0]) if grace else 0)
            return Step(timers=(SetTimer(name, due, {"of": script}, allowance),))
        case ["cancel", name]:
            return Step(timers=(CancelTimer(name),))
        case ["work", name, argument]:
            return Step(work=(StartWork(name, "toy", {"argument": argument}),))
        case ["unwork", name]:
            return Step(work=(CancelWork(name),))
        case _:
            return Step()


def core(*, broken: bool | Fault = False) -> Table:
    """The toy's core. A broken one raises where the script says `boom`."""

    def waiting(rows: Rows, given: Message[StageWaiting], now: datetime) -> Step:
        if broken and given.body.reason.startswith("boom"):
            raise BrokenCoreError(given.body.reason)
        return _scripted(given.body.reason, now) + _note(rows, f"verifier {given.number}")

    def completed(rows: Rows, given: Message[ReleaseCompleted], _now: datetime) -> Step:
        return _note(rows, f"intake {given.number}")

    def incident(rows: Rows, given: Message[IncidentDetected], _now: datetime) -> Step:
        step = _note(rows, f"incident {given.body.incident}")
        return step + Step(forward=(given.body.service,)) if rows.key == EVERY else step

    def accepted(rows: Rows, given: Message[RegionAccepted], _now: datetime) -> Step:
        step = _note(rows, f"region {given.number}")
        return step + Step(forward=(given.body.place.namespace,)) if rows.key == EVERY else step

    def due(rows: Rows, given: TimerDue, _now: datetime) -> Step:
        if broken and given.name.startswith("boom"):
            raise BrokenCoreError(given.name)
        return _note(rows, f"timer {given.name}")

    def reported(rows: Rows, given: WorkReported, _now: datetime) -> Step:
        return _note(rows, f"{'result' if given.final else 'report'} {given.name} {given.report['said']}")

    def started(rows: Rows, given: ServiceStarted, _now: datetime) -> Step:
        return _note(rows, f"started {given.settings['as']}")

    return Table(
        kinds=(Tally,),
        events={
            StageWaiting: On(waiting, _tally),
            ReleaseCompleted: On(completed, _tally),
            IncidentDetected: On(incident),
            RegionAccepted: On(accepted),
        },
        shared={IncidentDetected: On(incident), RegionAccepted: On(accepted)},
        timers=dict.fromkeys(("a", "b", "boom", "deadline"), On(due)),
        work={"toy": On(reported)},
        started=On(started),
    )


def toy(
    *, broken: bool | Fault = False, open_work: OpenWork = no_work, at_start: Mapping[str, Any] | None = None
) -> Service:
    return Service(
        name="rollback",
        reads=(RELEASES, VERDICTS, ANOMALIES),
        core=core(broken=broken),
        modules=("tests.support.toy",),
        open_work=open_work,
        at_start=at_start,
    )


def _waiting_for_ever(marks: Path) -> Callable[[Gathering, Sequence[Item], float], list[Item]]:
    """What cannot be read waits as it does, but for no other time than the first; and says so."""
    due = Gathering.due

    def waiting(gathering: Gathering, items: Sequence[Item], _now: float) -> list[Item]:
        found = due(gathering, items, 0.0)
        if gathering:
            (marks / "waiting").touch()
        return found

    return waiting


def main() -> int:
    """Settings as those of a service, and TOY_MARKS: a folder where it leaves a file for what it has come to."""
    marks = Path(os.environ["TOY_MARKS"])
    fault = os.environ.get("TOY_FAULT", "")

    async def never(*_: Any) -> None:
        (marks / "publishing").touch()
        await asyncio.Event().wait()

    async def work(body: dict[str, Any], report: Report) -> dict[str, Any]:
        with (marks / "runs").open("a") as runs:
            runs.write(f"{os.getpid()}\n")
        await report({"said": "begun"})
        if fault == "work":
            await asyncio.Event().wait()
        return {"said": body["argument"]}

    @asynccontextmanager
    async def open_work() -> AsyncIterator[Mapping[str, WorkFunction]]:
        yield {"toy": work}

    if fault == "wait":
        Gathering.due = _waiting_for_ever(marks)  # type: ignore[assignment,method-assign]  # so that it can be killed meanwhile
    if fault == "publish":
        Producer.send = never  # type: ignore[assignment,method-assign]  # the fault: what is committed is not published
    return run(toy(open_work=open_work), RuntimeSettings())


if __name__ == "__main__":
    sys.exit(main())
