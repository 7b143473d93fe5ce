"""`lockgate verify`: verdicts on evidence in a file, by the methods that the verifier judges by, and verdicts made again.

No server.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from lockgate.cli.chart import explained, svg
from lockgate.cli.evidence import lines
from lockgate.cli.view.plain import plain

Made = TypeVar("Made")

EXIT_DIFFERS, EXIT_MALFORMED = 1, 2

EvidenceOption = Annotated[
    Path | None,
    typer.Option(
        "--evidence",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        readable=True,
        help="Evidence (lockgate.evidence/1), one JSON object a line.",
    ),
]
AgainOption = Annotated[
    Path | None,
    typer.Option(
        "--again",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        readable=True,
        help="Verdicts, one JSON object a line, as in the content of their events: each is made again from its `evidence`.",
    ),
]
ExplainOption = Annotated[
    bool,
    typer.Option("--explain", help="For people instead of programs: reasons, and the evidence as it grew."),
]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE.svg", dir_okay=False, help="Write a picture of the evidence."),
]


def verify(
    evidence: EvidenceOption = None,
    again: AgainOption = None,
    explain: ExplainOption = False,
    plot: PlotOption = None,
) -> None:
    """Judges evidence: one verdict a line, as JSON that carries what it was made from.

    With malformed evidence in any line nothing is judged: each is named with its field, and the exit code is 2. So it is
    if the picture cannot be written, and then no verdict is either.

    Verdicts that are made again are written likewise; the exit code is 1 if one is another than was said.
    """
    if again is not None and (evidence is not None or explain or plot is not None):
        _refuse(["--again writes verdicts alone: leave out --evidence, --explain and --plot"])
    if again is not None:
        _made_again(again)
    elif evidence is not None:
        _judge(evidence, plot, explain=explain)
    else:
        _refuse(["name what is to be judged: --evidence FILE, or --again FILE"])


def _judge(evidence: Path, plot: Path | None, *, explain: bool) -> None:
    if plot is not None and (wrong := _unwritable(plot, evidence)):
        _refuse([f"{plot}: {wrong}"])
    verdicts, problems = _judged(evidence.read_bytes())
    if problems:
        _refuse([f"{evidence}, line {number}: {problem}" for number, problem in problems])
    said = [f"line {n}: {explained(verdict)}" if explain else _encoded(verdict) for n, verdict in verdicts]
    if plot is not None:
        try:
            plot.write_text(svg(verdicts), encoding="utf-8")
        except OSError as error:
            _refuse([f"{plot}: the picture cannot be written: {error.strerror}"])
    for one in said:
        typer.echo(one)


def _made_again(file: Path) -> None:
    verdicts, problems = _each(file.read_bytes(), _once_more)
    if problems:
        _refuse([f"{file}, line {number}: {problem}" for number, problem in problems])
    for _, (_, verdict) in verdicts:
        typer.echo(_encoded(verdict))
    if others := [(n, said, made) for n, (said, made) in verdicts if said not in {None, made["verdict"]}]:
        for n, said, made in others:
            typer.echo(f"{file}, line {n}: said was {plain(str(said))}, it is {made['verdict']}", err=True)
        raise typer.Exit(EXIT_DIFFERS)


def _once_more(said: Any) -> tuple[Any, dict[str, Any]]:
    """What was said, and what it is."""
    from lockgate.verifier.statistics.again import again  # noqa: PLC0415  # it loads numpy, as below

    if not isinstance(said, dict) or "evidence" not in said:
        raise ValueError("evidence: expected what a verdict was made from, got none")
    outcome = said.get("outcome", said.get("verdict"))
    return outcome if isinstance(outcome, str | None) else str(outcome), again(said["evidence"])


def _refuse(lines: list[str]) -> NoReturn:
    for line in lines:
        typer.echo(plain(line), err=True)
    raise typer.Exit(EXIT_MALFORMED)


def _unwritable(plot: Path, evidence: Path) -> str | None:
    """Why no picture can be written there, as far as it can be known before."""
    if plot.exists():
        if plot.samefile(evidence):
            return "this is the evidence, which a picture would overwrite: name another file"
        return None if os.access(plot, os.W_OK) else "the picture cannot be written: no permission"
    if not plot.parent.is_dir():
        return "the picture cannot be written: there is no such folder"
    return None if os.access(plot.parent, os.W_OK) else "the picture cannot be written: no permission"


def _judged(data: bytes) -> tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, ValueError]]]:
    from lockgate.verifier.statistics.verification import (  # noqa: PLC0415  # it loads numpy, which no other command needs
        verify as judge,
    )

    return _each(data, judge)


def _each(
    data: bytes, make: Callable[[Any], Made]
) -> tuple[list[tuple[int, Made]], list[tuple[int, ValueError]]]:
    """What is made of each line, and the problems, by lines."""
    found, problems = [], []
    for number, said in lines(data):
        try:
            if isinstance(said, ValueError):
                raise said
            found.append((number, make(said)))
        except ValueError as error:
            problems.append((number, error))
    if not found and not problems:
        problems.append((1, ValueError("the line: expected one JSON object, got an empty file")))
    return found, problems


def _encoded(verdict: dict[str, Any]) -> bytes:
    from lockgate.verifier.statistics.verification import encode  # noqa: PLC0415  # as above

    return encode(verdict)
