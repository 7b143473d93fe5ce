"""`lockgate verify`: verdicts on evidence in a file, by the method that the verifier judges pilots with. No server."""

import os
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from lockgate.cli.chart import explained, svg
from lockgate.cli.evidence import lines
from lockgate.cli.view.plain import plain

EXIT_MALFORMED = 2

EvidenceOption = Annotated[
    Path,
    typer.Option(
        "--evidence",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        readable=True,
        help="Evidence (lockgate.evidence/1), one JSON object a line.",
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


def verify(evidence: EvidenceOption, explain: ExplainOption = False, plot: PlotOption = None) -> None:
    """Judges evidence: one verdict a line, as JSON that carries what it was made from.

    With malformed evidence in any line nothing is judged: each is named with its field, and the exit code is 2. So it is
    if the picture cannot be written, and then no verdict is either.
    """
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
    """The verdicts and the problems, by lines."""
    from lockgate.verifier.statistics.verification import (  # noqa: PLC0415  # it loads numpy, which no other command needs
        verify as judge,
    )

    verdicts, problems = [], []
    for number, said in lines(data):
        try:
            if isinstance(said, ValueError):
                raise said
            verdicts.append((number, judge(said)))
        except ValueError as error:
            problems.append((number, error))
    if not verdicts and not problems:
        problems.append((1, ValueError("the line: expected one JSON object, got an empty file")))
    return verdicts, problems


def _encoded(verdict: dict[str, Any]) -> bytes:
    from lockgate.verifier.statistics.verification import encode  # noqa: PLC0415  # as above

    return encode(verdict)
