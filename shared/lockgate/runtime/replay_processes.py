"""A replay on several processors: a process forked for each share. Talks to its own processes only.

Only where nothing was changed or lost: what differs is told by one process that goes through everything, because
what contradicts itself may lie in several shares.
"""

import multiprocessing
import os
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from lockgate.runtime.garbage import collect_seldom
from lockgate.runtime.replay import Progress, Share, replay, replay_share
from lockgate.runtime.replay_deciding import Replayable
from lockgate.runtime.replay_findings import Severity
from lockgate.runtime.replay_records import Records
from lockgate.runtime.replay_report import Report
from lockgate.runtime.replay_shares import joined, shares


class PartEnded(Exception):  # noqa: N818  # it says what happened
    """The process that replayed a part ended by itself, for want of memory for example."""


def processors() -> int:
    """How many this process may use; 1 where a process cannot be forked."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def replay_side_by_side(
    records: Records,
    services: Sequence[Replayable],
    *,
    processes: int,
    applications: Collection[str] | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """As `replay`, with as many processes. To be called where no other thread runs, since it forks. PartEnded."""
    parts = shares(records, services, processes) if applications is None and processes > 1 else []
    if len(parts) > 1:
        report = joined(_replayed(records, services, parts, progress))
        if not report.findings.number(Severity.DIFFERS):
            return report
    return replay(records, services, applications=applications, progress=progress)


@dataclass(slots=True)
class _Part:
    """A process, what it is heard by, and how far it has got."""

    process: BaseProcess
    connection: Connection
    done: int = 0
    total: int = 0
    report: Report | None = None


def _replayed(
    records: Records, services: Sequence[Replayable], parts: Sequence[Share], progress: Progress
) -> list[Report]:
    running = [_begun(records, services, part) for part in parts]
    try:
        while waiting := {part.connection: part for part in running if part.report is None}:
            for connection in wait(list(waiting)):
                _heard(waiting[connection])  # type: ignore[index]  # `wait` gives back what it was given
            progress(sum(part.done for part in running), sum(part.total for part in running))
        return [part.report for part in running if part.report is not None]
    finally:
        for part in running:
            part.process.kill()
            part.process.join()
            part.connection.close()


def _begun(records: Records, services: Sequence[Replayable], share: Share) -> _Part:
    forking = multiprocessing.get_context("fork")
    ours, theirs = forking.Pipe(duplex=False)
    process = forking.Process(target=_run, args=(records, services, share, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Part(process, ours)


def _run(records: Records, services: Sequence[Replayable], share: Share, connection: Connection) -> None:
    """In the forked process: tells how far it is, then its report."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that began it ends it
    collect_seldom()
    told = replay_share(records, services, share, progress=lambda done, total: connection.send((done, total)))
    connection.send(told)


def _heard(part: _Part) -> None:
    try:
        told = part.connection.recv()
    except EOFError as error:
        part.process.join()
        code = part.process.exitcode
        detail = f"the process that replayed a part of the keys ended with {code}, before it was done"
        raise PartEnded(f"{detail}: replay with --processes 1") from error
    if isinstance(told, Report):
        part.report = told
    else:
        part.done, part.total = told
