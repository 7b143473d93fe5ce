"""How each comparison of a plan would end: for a good release, for bad ones, and what would let more good ones pass. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log, prod, sqrt
from typing import Final

from lockgate.cli.power.comparisons import Comparison
from lockgate.cli.power.traffic import NONE, Change, Traffic
from lockgate.cli.power.trials import Chance, Ended, tried
from lockgate.messages.undecided import Margins
from lockgate.messages.values import write_duration

GOOD_RUNS, BAD_RUNS, TRIED_RUNS = 200, 60, 32
_IN_ALL: Final = 200
"""Good releases that are simulated at most, where much is compared; then each comparison has as many fewer."""
_LEAST: Final = 32
_KINDS: Final = 5
"""Of bad releases."""
ENOUGH: Final = 0.8
"""Where fewer good releases pass, something is proposed."""


@dataclass(frozen=True, slots=True)
class Runs:
    """How many releases of each kind are simulated for one comparison."""

    good: int
    bad: int
    tried: int

    @classmethod
    def of(cls, comparisons: int) -> "Runs":
        good = min(GOOD_RUNS, max(_LEAST, _IN_ALL // max(1, comparisons)))
        return cls(good, *(max(_LEAST // 2, most * good // GOOD_RUNS) for most in (BAD_RUNS, TRIED_RUNS)))

    @property
    def expected(self) -> int:
        """For one comparison, where nothing has to be proposed."""
        return self.good + _KINDS * self.bad


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a plan could say instead, and how good releases would end then."""

    words: str
    good: Ended


@dataclass(frozen=True, slots=True)
class Foretold:
    """One comparison."""

    comparison: Comparison
    region: str | None
    """Whose traffic it is; None: of any."""
    traffic: Traffic
    good: Ended
    bad: tuple[Ended, ...]
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """How many good releases get through all comparisons, in each of their regions, by themselves."""

    share: float
    interval: tuple[float, float]
    comparisons: int


def whole(found: Sequence[Foretold]) -> Whole:
    """Chance is taken to be another one in each comparison and region. The interval is that of a product of shares, by how far
    each logarithm may be off (MOVER).
    """
    each = [(_through(one), len(one.comparison.terms.regions)) for one in found]
    share = prod(chance.share**regions for chance, regions in each)
    comparisons = sum(regions for _, regions in each)
    if not share:
        return Whole(0.0, (0.0, min(chance.interval[1] ** regions for chance, regions in each)), comparisons)
    off = [
        sqrt(sum((regions * log(chance.share / chance.interval[end])) ** 2 for chance, regions in each))
        for end in (0, 1)
    ]
    return Whole(share, (share * exp(-off[0]), min(1.0, share * exp(off[1]))), comparisons)


def _through(one: Foretold) -> Chance:
    """That the release goes on after it."""
    passing = ("pass", "inconclusive") if one.comparison.terms.then == "pass" else ("pass",)
    return one.good.chance(*passing)


def foretell(
    comparison: Comparison, region: str | None, traffic: Traffic, runs: Runs, tick: Callable[[], None]
) -> Foretold:
    shape = comparison.of(traffic)
    good = tried(traffic, NONE, shape, runs.good, tick)
    bad = tuple(tried(traffic, change, shape, runs.bad, tick) for change in regressions(comparison, traffic))
    found: tuple[Proposal, ...] = ()
    if good.chance("pass").share < ENOUGH:
        others = alternatives(comparison, good.hindered)
        found = tuple(
            Proposal(words, tried(traffic, NONE, other.of(traffic), runs.tried, tick))
            for words, other in others
        )
    return Foretold(comparison, region, traffic, good, bad, found)


def regressions(comparison: Comparison, traffic: Traffic) -> Iterator[Change]:
    """As bad as the plan's margins, twice as bad, and one that everybody would notice. Where nothing fails no odds can grow: then as
    bad as is let pass, and three times as bad.
    """
    margins = comparison.terms.margins
    if traffic.errors > 0:
        for times in (margins.errors, 2 * margins.errors):
            yield Change(f"errors ×{times:g}", odds=times)
    else:
        limit = comparison.of(traffic).policy.err_none
        for rate in (limit, 3 * limit):
            yield Change(f"{100 * rate:g}% fail", failing=rate)
    yield Change("10% more fail", failing=0.1)
    if traffic.bounds:
        for more in (margins.latency, 2 * margins.latency):
            yield Change(f"{100 * more:g}% slower", slower=1 + more)


def alternatives(
    comparison: Comparison, hindered: tuple[str, int] | None
) -> Iterator[tuple[str, Comparison]]:
    """One thing each: more time, more traffic, or less to be shown of what is lacking; and then all of it."""
    lacking = "" if hindered is None else hindered[0]
    longer = [comparison.lasting(times) for times in (2, 4)]
    larger = [each for times in (2, 4) if (each := comparison.sharing(times)) is not None]
    wider = comparison.allowing(_wider(comparison.terms.margins, lacking))
    for each in longer:
        yield f"verify: {write_duration(each.terms.length)}", each
    for each in larger:
        yield f"a share of {100 * each.share:g}%", each
    if wider != comparison:
        yield f"margins: {{{_written(wider.terms.margins, comparison.terms.margins)}}}", wider
    together = replace(longer[-1], share=max((each.share for each in larger), default=comparison.share))
    yield "the most of each", together.allowing(wider.terms.margins)


def _wider(margins: Margins, lacking: str) -> Margins:
    match lacking:
        case "errors":
            return margins.model_copy(update={"errors": 2 * margins.errors - 1})
        case "latency":
            return margins.model_copy(update={"latency": min(1.0, 2 * margins.latency)})
        case _:
            return margins


def _written(wider: Margins, margins: Margins) -> str:
    if wider.errors != margins.errors:
        return f"errors: {wider.errors:g}"
    return f"latency: {100 * wider.latency:g}%"


def least(comparison: Comparison, traffic: Mapping[str, Traffic]) -> tuple[str, Traffic]:
    """Of the regions of a stage, that with the fewest requests: there it takes longest."""
    region = min(comparison.terms.regions, key=lambda name: (traffic[name].requests, name))
    return region, traffic[region]
