"""The public benchmark of verdicts: how often a good pilot fails, how soon a bad one does, and how long a verdict takes.

`python -m tests.bench verdicts` is a smoke run, `python -m tests.bench.verdicts --quiet R --bad R --seed S` any other;
with fresh seeds and many repetitions it is the qualification. The table goes to build/bench/verdicts.json as well.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from math import exp, lgamma, log
from typing import Any

from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.verification import Verification
from tests.bench.figures import FOLDER, Figure
from tests.bench.scenarios import (
    FALSE_PASSES,
    MEAN_FAILS,
    MEAN_FAILS_AT_5,
    MEAN_POWER,
    MOST_FAILS_AT_5,
    QUIET,
    REGRESSIONS,
    FalsePass,
    Quiet,
    Regression,
)
from tests.bench.traffic import World, evidence
from tests.bench.verdicts_speed import times

SMOKE, SEED = 6, 1
NO_PASS = {"soak": 60}
"""A pass could come at the deadline only, after the question whether it fails: so nothing ends a run before."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: what was measured in per cent, with its 95 % interval, and what it is held to."""

    name: str
    runs: int
    percent: float
    low: float
    high: float
    bar: str
    met: bool
    minutes: float | None = None


ROWS: tuple[Quiet | Regression | FalsePass, ...] = (*QUIET, *REGRESSIONS, *FALSE_PASSES)
PIECE = 25
"""Runs that are simulated at a time, so that all processes are done at about the same time."""

Found = list[list[tuple[str, int]]]
"""For each policy the verdict and when it was reached, of each run."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Some runs of a row, by its place in `ROWS`: its world has functions, which do not travel between processes."""

    row: int
    seeds: tuple[tuple[int, ...], ...]


def judged(runs: Runs) -> Found:
    """Each policy of the row judges the same evidence."""
    row = ROWS[runs.row]
    policies = _policies(row)
    found: Found = [[] for _ in policies]
    for seed in runs.seeds:
        given = evidence(row.world, seed, {})
        for outcomes, policy in zip(found, policies, strict=True):
            parsed = parse(given | {"policy": policy})
            outcome = Verification.of(parsed).fold(parsed)
            outcomes.append((outcome.verdict, outcome.at))
    return found


def _policies(row: Quiet | Regression | FalsePass) -> tuple[dict[str, Any], ...]:
    match row:
        case Quiet():
            return NO_PASS, {}, NO_PASS | {"alpha": 0.05}
        case Regression():
            return (NO_PASS,)
        case FalsePass():
            return ({},)


def run(quiet: int, bad: int, seed: int, jobs: int = 1) -> list[Line]:
    """The whole table: `quiet` runs of each A/A row, `bad` of each regression. Says how far it is on standard error."""
    found: list[Found] = [[[] for _ in _policies(row)] for row in ROWS]
    work = list(_pieces(quiet, bad, seed))
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            _gather(found, work, pool.map(judged, work))
    else:
        _gather(found, work, map(judged, work))
    return [*_quiet(found), *_bad(found[len(QUIET) :])]


def _gather(found: list[Found], work: list[Runs], outcomes: Iterable[Found]) -> None:
    for number, (runs, piece) in enumerate(zip(work, outcomes, strict=True), 1):
        for policy, some in enumerate(piece):
            found[runs.row][policy] += some
        if number == len(work) or work[number].row != runs.row:
            sys.stderr.write(f"{ROWS[runs.row].name}: {len(found[runs.row][0])} runs\n")


def _pieces(quiet: int, bad: int, seed: int) -> Iterator[Runs]:
    for number, row in enumerate(ROWS):
        seeds = [(seed, number, one) for one in range(quiet if isinstance(row, Quiet) else bad)]
        for at in range(0, len(seeds), PIECE):
            yield Runs(number, tuple(seeds[at : at + PIECE]))


def _quiet(found: list[Found]) -> Iterator[Line]:
    fails, loose = [], []
    for row, (strict, default, five) in zip(QUIET, found, strict=False):
        line = _line(
            row.name, _count(strict, "fail"), len(strict), f"<= {row.most_fails:g}", most=row.most_fails
        )
        fails.append(line.percent)
        yield line
        if row.least_passes is not None:
            bar = f">= {row.least_passes:g}" if row.most_passes else "0"
            count = _count(default, "pass")
            yield _line(f"{row.name}, PASS", count, len(default), bar, row.least_passes, row.most_passes)
        loose.append(100 * _count(five, "fail") / len(five))
    runs = sum(len(one[0]) for one in found[: len(QUIET)])
    yield _mean(
        "mean FAIL of 11 A/A", fails, runs, f"<= {MEAN_FAILS:g}", statistics.mean(fails) <= MEAN_FAILS
    )
    mean, largest = statistics.mean(loose), max(loose)
    met = mean <= MEAN_FAILS_AT_5 and largest <= MOST_FAILS_AT_5
    yield _mean(f"mean at alpha .05 (largest {largest:.1f})", loose, runs, "<= 2 (each <= 5)", met)


def _bad(found: list[Found]) -> Iterator[Line]:
    powers = []
    for row, (outcomes,) in zip(REGRESSIONS, found, strict=False):
        times = [at - row.begins for verdict, at in outcomes if verdict == "fail" and at > row.begins]
        minutes = statistics.median(times) if times else None
        bar = f">= {row.least:g} in <= {row.within:g}"
        line = _line(row.name, len(times), len(outcomes), bar, least=row.least, minutes=minutes)
        powers.append(line.percent)
        yield line if minutes is not None and minutes <= row.within else _missed(line)
    runs = sum(len(one[0]) for one in found[: len(REGRESSIONS)])
    met = statistics.mean(powers) >= MEAN_POWER
    yield _mean("mean power of 21", powers, runs, f">= {MEAN_POWER:g}", met)
    for false, (outcomes,) in zip(FALSE_PASSES, found[len(REGRESSIONS) :], strict=True):
        count = _count(outcomes, "pass")
        yield _line(false.name, count, len(outcomes), f"<= {false.most:g}", most=false.most)


def _count(outcomes: list[tuple[str, int]], verdict: str) -> int:
    return sum(found == verdict for found, _ in outcomes)


def _line(  # noqa: PLR0917  # a row of a table is flat
    name: str,
    count: int,
    runs: int,
    bar: str,
    least: float = 0.0,
    most: float = 100.0,
    minutes: float | None = None,
) -> Line:
    percent = 100 * count / runs
    low, high = interval(count, runs)
    return Line(name, runs, percent, 100 * low, 100 * high, bar, least <= percent <= most, minutes)


def _missed(line: Line) -> Line:
    return Line(**asdict(line) | {"met": False})


def _mean(name: str, values: list[float], runs: int, bar: str, met: bool) -> Line:
    """Of rows; its interval is that of as many runs of one chance."""
    low, high = interval(round(statistics.mean(values) / 100 * runs), runs)
    return Line(name, runs, statistics.mean(values), 100 * low, 100 * high, bar, met)


def interval(count: int, runs: int) -> tuple[float, float]:
    """Clopper and Pearson's exact 95 % interval of a chance."""
    low = 0.0 if count == 0 else _root(lambda p: 1 - _at_most(count - 1, runs, p) < 0.025)
    high = 1.0 if count == runs else _root(lambda p: _at_most(count, runs, p) > 0.025)
    return low, high


def _root(below: Any) -> float:
    """Where a condition that holds for small chances ends to hold."""
    left, right = 0.0, 1.0
    for _ in range(40):
        middle = (left + right) / 2
        left, right = (middle, right) if below(middle) else (left, middle)
    return (left + right) / 2


def _at_most(count: int, runs: int, p: float) -> float:
    logs = (
        lgamma(runs + 1) - lgamma(k + 1) - lgamma(runs - k + 1) + k * log(p) + (runs - k) * log(1 - p)
        for k in range(count + 1)
    )
    return min(sum(exp(one) for one in logs), 1.0)


def table(lines: list[Line]) -> str:
    """For people."""
    rows = [f"{'row':<32}{'runs':>6}  {'measured':>8}  {'95 % interval':<14}{'median':>7}  {'bar':<18}"]
    for line in lines:
        minutes = "" if line.minutes is None else f"{line.minutes:g} min"
        span = f"{line.low:.1f} - {line.high:.1f}"
        rows.append(
            f"{line.name:<32}{line.runs:>6}  {line.percent:>6.1f} %  {span:<14}{minutes:>7}  {line.bar:<18}"
            f"{'met' if line.met else 'MISSED'}"
        )
    return "\n".join(rows) + "\n"


def show(lines: list[Line], seed: int) -> None:
    """Writes the table to standard output and as one JSON beside the figures."""
    sys.stdout.write(table(lines))
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = {"seed": seed, "rows": [asdict(line) for line in lines]}
    (FOLDER / "verdicts.json").write_text(json.dumps(rows) + "\n")


def main() -> int:
    """1 if a row is below its bar."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.verdicts", description=__doc__)
    for name, default in (("quiet", SMOKE), ("bad", SMOKE), ("seed", SEED), ("jobs", 1)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{default} if not given")
    given = parser.parse_args()
    lines = run(given.quiet, given.bad, given.seed, given.jobs)
    show(lines, given.seed)
    return 0 if all(line.met for line in lines) else 1


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields how long verdicts take, and how many rows of a small table are met, which it prints."""
    del profile
    yield from times(evidence(World(real=False), (1, 0, 0), NO_PASS))
    lines = run(SMOKE, SMOKE, SEED)
    show(lines, SEED)
    yield Figure("verdicts-rows-met", sum(line.met for line in lines), f"of {len(lines)} rows")


if __name__ == "__main__":
    sys.exit(main())
