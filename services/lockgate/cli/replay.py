"""`lockgate replay`: recomputes every decision from the topics alone, and says whether all of it is as it was written.

Reads Kafka only; no database and no running service is needed. The cores are those that are installed here.
"""

import asyncio
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

import orjson
import typer
import uvloop
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table as Columns

from lockgate.cli.kafka import KAFKA_ERRORS, unanswered
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, KafkaOption, PrefixOption
from lockgate.messages.decision import Core
from lockgate.messages.topics import DECIDING_SERVICES
from lockgate.runtime.garbage import collect_seldom
from lockgate.runtime.replay import replay as recompute
from lockgate.runtime.replay_deciding import Replayable
from lockgate.runtime.replay_findings import Severity
from lockgate.runtime.replay_processes import PartEnded, processors, replay_side_by_side
from lockgate.runtime.replay_records import Spool
from lockgate.runtime.replay_report import EXIT_DIFFERS, EXIT_OTHERWISE, Report, WriterReport
from lockgate.runtime.replay_topics import read_topics
from lockgate.runtime.service import Service
from lockgate.runtime.topic_scan import ReadError

EXIT_UNREADABLE = 2
SHOWN = 5

Say = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""


def replayables(services: Collection[str] = DECIDING_SERVICES) -> list[Replayable]:
    """These services as `recompute` wants them. KeyError for a service that decides nothing."""
    return [_REPLAYABLE[name]() for name in services]


async def replay_all(
    kafka: str,
    prefix: str,
    *,
    services: Collection[str] = DECIDING_SERVICES,
    applications: Collection[str] | None = None,
    say: Say = lambda _what, _done, _all: None,
) -> Report:
    """Reads the topics to their ends and recomputes every decision. ReadError if they cannot be read."""
    with Spool() as spool:
        await _read(kafka, prefix, spool, services, say)
        return await asyncio.to_thread(
            recompute,
            spool,
            replayables(services),
            applications=applications,
            progress=lambda done, total: say("recomputed", done, total),
        )


async def _read(kafka: str, prefix: str, spool: Spool, services: Collection[str], say: Say) -> None:
    await read_topics(
        kafka, prefix, spool, journals=services, progress=lambda done, total: say("read", done, total)
    )


def replay(
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
    service: Annotated[
        str | None, typer.Option(help=f"Only this one: {', '.join(DECIDING_SERVICES)}.")
    ] = None,
    application: Annotated[
        str | None, typer.Option(help="Only the decisions for this application (and those for all).")
    ] = None,
    *,
    processes: Annotated[
        int, typer.Option(min=1, help="How many go through the keys side by side.")
    ] = processors(),
    json: Annotated[bool, typer.Option("--json", help="Write the whole report as JSON.")] = False,
) -> None:
    """Recomputes every decision from the topics alone, byte for byte.

    Exit codes: 0 all equal, 1 something differs or is damaged, 2 the topics cannot be read, 3 today's cores would
    decide otherwise.
    """
    collect_seldom()
    raise typer.Exit(replay_command(kafka, prefix, service, application, processes=processes, as_json=json))


def replay_command(
    kafka: str,
    prefix: str,
    service: str | None = None,
    application: str | None = None,
    *,
    processes: int = 1,
    as_json: bool = False,
) -> int:
    """Replays and shows the report on stdout, progress and problems on stderr. Returns the exit code."""
    if service is not None and service not in DECIDING_SERVICES:
        known = ", ".join(DECIDING_SERVICES)
        sys.stderr.write(f"{service!r} is no service that decides: name one of {known}\n")
        return EXIT_UNREADABLE
    services = DECIDING_SERVICES if service is None else (service,)
    applications = None if application is None else (application,)
    try:
        with _Shown() as shown, Spool() as spool:
            uvloop.run(_read(kafka, prefix, spool, services, shown))
            report = replay_side_by_side(
                spool,
                replayables(services),
                processes=processes,
                applications=applications,
                progress=lambda done, total: shown("recomputed", done, total),
            )
    except PartEnded as error:
        sys.stderr.write(f"the replay did not end: {error}\n")
        return EXIT_UNREADABLE
    except ReadError as error:
        cause = error.__cause__
        why = unanswered(kafka, cause) if isinstance(cause, KAFKA_ERRORS) else str(error)
        sys.stderr.write(f"nothing was replayed: {why}\n")
        return EXIT_UNREADABLE
    if application is not None and not any(application in writer.states for writer in report.writers):
        sys.stderr.write(
            f"no service has decided anything for the application {application!r}: check its name\n"
        )
        return EXIT_UNREADABLE
    if as_json:
        sys.stdout.write(orjson.dumps(as_data(report), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        show(report, Console())
    return report.exit_code


# --- which cores there are --------------------------------------------------------------------------------


def _fixed(service: Service) -> Replayable:
    """A service whose core does not depend on its settings."""
    return Replayable(service.name, service.identity.version, lambda _settings: service.core)


def _intake() -> Replayable:
    from lockgate.intake.service import service  # noqa: PLC0415  # only what is replayed is loaded
    from lockgate.intake.settings import Settings  # noqa: PLC0415  # as above

    return _fixed(service(Settings.model_construct()))


def _verifier() -> Replayable:
    from lockgate.verifier.service import service  # noqa: PLC0415  # as above
    from lockgate.verifier.settings import Settings  # noqa: PLC0415  # as above

    return _fixed(service(Settings.model_construct()))


def _rollback() -> Replayable:
    from lockgate.rollback.service import service  # noqa: PLC0415  # as above
    from lockgate.rollback.settings import Settings  # noqa: PLC0415  # as above

    return _fixed(service(Settings.model_construct()))


def _deployer() -> Replayable:
    """Each deployer's core is made for its name and regions, which its journal tells at each start."""
    from lockgate.deployer.core import table  # noqa: PLC0415  # as above
    from lockgate.deployer.service import service  # noqa: PLC0415  # as above
    from lockgate.deployer.settings import DeployerSettings  # noqa: PLC0415  # as above

    def core(settings: Mapping[str, Any] | None) -> Core | None:
        return table(settings["deployer"], settings["regions"]) if settings else None

    declared = service(DeployerSettings.model_construct(name="any", regions=()))
    return Replayable(declared.name, declared.identity.version, core)


_REPLAYABLE: Mapping[str, Callable[[], Replayable]] = {
    "intake": _intake,
    "verifier": _verifier,
    "deployer": _deployer,
    "rollback": _rollback,
}


# --- how it is shown --------------------------------------------------------------------------------------


class _Shown:
    """Progress on a terminal's stderr; silent elsewhere. With no thread of its own, because a replay forks."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            console=console, transient=True, auto_refresh=False, disable=not console.is_terminal
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Say:
        self._progress.start()
        return self._say

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _say(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total, refresh=True)


def show(report: Report, console: Console) -> None:
    table = Columns("writer", "decisions", "recomputed", "events", "state", "verdict", box=None)
    for writer in report.writers:
        verdict = _verdict(report, writer)
        counts = (f"{writer.decisions:,}", f"{writer.equal:,}", f"{writer.events:,}")
        table.add_row(writer.writer, *counts, writer.state[:16], verdict)
    console.print(table)
    serious = sorted(report.findings.kept, key=lambda found: list(Severity).index(found.severity))
    for found in serious[:SHOWN]:
        console.print(f"- {found.sentence}", markup=False, highlight=False)
    if (more := sum(report.findings.counts.values()) - min(SHOWN, len(serious))) > 0:
        console.print(f"- and {more:,} more (--json lists them)")
    console.print(_sentence(report), markup=False, highlight=False)


def _verdict(report: Report, writer: WriterReport) -> str:
    if count := report.findings.number(Severity.DIFFERS, writer.writer):
        return f"[red]{count:,} differ[/red]"
    if count := report.findings.number(Severity.OTHERWISE, writer.writer):
        return f"[yellow]{count:,} would be decided otherwise[/yellow]"
    out = writer.decisions - writer.equal
    return f"equal, as far as the topics reach ({out:,} not)" if out else "[green]equal[/green]"


def _sentence(report: Report) -> str:
    """The outcome in one sentence, and what is left to say."""
    count = f"{report.equal:,} of {report.decisions:,} decisions"
    match report.exit_code:
        case code if code == EXIT_DIFFERS:
            said = f"NOT EQUAL: {count} came out the same; the rest was changed, is missing, or is a defect."
        case code if code == EXIT_OTHERWISE:
            said = f"{count} came out the same; today's cores would decide the rest otherwise. Nothing is damaged."
        case _:
            said = f"{count} and their {report.events:,} events came out the same, to the byte."
    if report.pending:
        said += f" {report.pending:,} decisions whose events are not published yet."
    return f"{said}\nstate {report.state}"


def as_data(report: Report) -> dict[str, Any]:
    """The report as JSON data: counts, hashes, and the findings that were kept."""
    return {
        "exit": report.exit_code,
        "decisions": report.decisions,
        "equal": report.equal,
        "events": report.events,
        "pending": report.pending,
        "repeats": report.repeats,
        "state": report.state,
        "writers": [
            {
                "service": writer.service,
                "writer": writer.writer,
                "decisions": writer.decisions,
                "equal": writer.equal,
                "unreachable": writer.unreachable,
                "events": writer.events,
                "pending": writer.pending,
                "cores": dict(writer.cores),
                "state": writer.state,
                "states": writer.states,
            }
            for writer in report.writers
        ],
        "counts": {
            f"{writer} {kind.__name__}": count for (writer, kind), count in report.findings.counts.items()
        },
        "findings": [
            {
                "kind": type(found).__name__,
                "severity": found.severity.value,
                "writer": found.where.writer,
                "key": found.where.key,
                "number": found.where.number,
                "place": found.where.place,
                "sentence": found.sentence,
            }
            for found in report.findings.kept
        ],
    }
