"""`lockgate plan check` with traffic: given or measured, releases simulated with a sign of progress, and what comes of it."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer

from lockgate.cli.power import telling
from lockgate.cli.power.comparisons import Comparison, comparisons, elsewhere
from lockgate.cli.power.measured import UnmeasuredError, measured
from lockgate.cli.power.options import Given, ToMeasure
from lockgate.cli.power.outlook import Foretold, Runs, foretell, least
from lockgate.cli.power.traffic import BOUNDS, Latency, Traffic
from lockgate.cli.preview.telling import lasting
from lockgate.cli.problems import EXIT_UNREACHABLE
from lockgate.cli.view.plain import plain
from lockgate.messages.plan import Plan


@dataclass(frozen=True, slots=True)
class Told:
    """What was foretold of a plan."""

    lines: list[str]
    json: dict[str, Any]


def foretold(plan: Plan, asked: Given | ToMeasure) -> Told:
    """Exit code 2 if the traffic was to be measured, and cannot be."""
    compared, others = comparisons(plan), elsewhere(plan)
    runs = Runs.of(len(compared))
    match asked:
        case Given():
            intro = "With this traffic in each region"
            traffic = _given(plan, asked)
            where: list[tuple[str | None, Traffic]] = [(None, traffic) for _ in compared]
        case ToMeasure(since=since):
            intro = f"With the traffic of the last {lasting(since)}"
            by_region = _measured(plan, compared, asked)
            where = [*(least(each, by_region) for each in compared)]
    found = _simulated(list(zip(compared, where, strict=True)), runs)
    head = f"{intro}, by {runs.good} simulated good releases and {runs.bad} of each bad kind:"
    if not found:
        head = "None of its stages is compared with the production beside it."
    return Told(telling.lines(head, found, others), telling.as_json(found, others))


def _given(plan: Plan, asked: Given) -> Traffic:
    metrics = plan.metrics
    judged = metrics.custom is None or metrics.custom.latency is not None
    return Traffic(
        requests=asked.requests,
        errors=asked.errors,
        latency=Latency((asked.latency.half, asked.latency.late), (0.5, 0.99)),
        bounds=BOUNDS[metrics.preset] if judged else (),
        pods=asked.pods,
    )


def _measured(plan: Plan, compared: Sequence[Comparison], asked: ToMeasure) -> dict[str, Traffic]:
    regions = tuple(dict.fromkeys(region for each in compared for region in each.terms.regions))
    try:
        return asyncio.run(measured(plan, regions, asked))
    except UnmeasuredError as error:
        typer.echo(f"The traffic cannot be measured. {plain(str(error))}.", err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from None


def _simulated(work: Sequence[tuple[Comparison, tuple[str | None, Traffic]]], runs: Runs) -> list[Foretold]:
    with typer.progressbar(
        length=len(work) * runs.expected,
        label="simulating releases",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        update_min_steps=5,
    ) as bar:
        return [
            foretell(each, region, traffic, runs, lambda: bar.update(1)) for each, (region, traffic) in work
        ]
