"""What was foretold of a plan's comparisons, as lines for people and as JSON for programs. Pure."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, Final

from lockgate.cli.power.comparisons import Comparison
from lockgate.cli.power.outlook import ENOUGH, Foretold, whole
from lockgate.cli.power.traffic import Traffic
from lockgate.cli.power.trials import Chance, Ended
from lockgate.cli.preview.gates import follows
from lockgate.cli.preview.telling import lasting
from lockgate.cli.view.content import columns
from lockgate.cli.view.plain import plain
from lockgate.intake.words import listed
from lockgate.messages.values import write_duration

_ENDS: Final = (("passes", ("pass",)), ("undecided", ("inconclusive", "unmeasurable")), ("fails", ("fail",)))
_MEDIAN, _LATE = 0.5, 0.9
_WIDTH: Final = 80
_ASSUMED: Final = (
    "In brackets: 95% of chance. Taken for granted: load that follows the day by 30%, errors that go up and down by 30%, pods"
    " that differ a little, and no incident. docs/verification.md says what that is worth."
)


def lines(head: str, found: Sequence[Foretold], others: Sequence[str]) -> list[str]:
    """Nothing of it reaches a terminal as a control character."""
    return [part for line in _lines(head, found, others) for part in _folded(plain(line))]


def _folded(line: str) -> list[str]:
    """As lines that a terminal has room for, which begin where it does."""
    indent = " " * (len(line) - len(line.lstrip()))
    return wrap(line, _WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _lines(head: str, found: Sequence[Foretold], others: Sequence[str]) -> Iterator[str]:
    yield from ("", head)
    for each in found:
        yield ""
        yield from _comparison(each)
    if found:
        yield from ("", *_whole(found), _ASSUMED)
    if others:
        yield f"Not foretold: {listed(others)}. How regions and hours differ by themselves decides there."


def _whole(found: Sequence[Foretold]) -> Iterator[str]:
    """Of a plan that compares more than once: each time has to go well."""
    every = whole(found)
    if every.comparisons > 1:
        low, high = every.interval
        yield (
            f"{100 * every.share:.0f}% ({100 * low:.0f}-{100 * high:.0f}) of good releases get through all {every.comparisons} of these"
            " comparisons by themselves, each region counted."
        )


def _comparison(each: Foretold) -> Iterator[str]:
    comparison, traffic = each.comparison, each.traffic
    yield _head(comparison, each.region)
    yield f"  {_said(traffic)}"
    yield f"  {_measured(comparison, traffic)}"
    yield from (f"  {line}" for line in columns(list(_rows(each))))
    yield from _hindered(each)
    yield from _proposed(each)


def _head(comparison: Comparison, region: str | None) -> str:
    return f"{comparison.stage.name}: a {comparison.terms.subject} of {100 * comparison.share:g}% {_where(comparison, region)}"


def _where(comparison: Comparison, region: str | None) -> str:
    regions = comparison.terms.regions
    if len(regions) == 1:
        return f"in {regions[0]}"
    if region is None:
        return f"in each of {len(regions)} regions"
    return f"in {region}, which has the least traffic of its {len(regions)} regions"


def _said(traffic: Traffic) -> str:
    pods = "1 pod" if traffic.pods == 1 else f"{traffic.pods} pods"
    said = f"{_number(traffic.requests)} requests/s to {pods}, {_percent(traffic.errors)} fail"
    if not traffic.bounds:
        return said
    return f"{said}, half within {_seconds(traffic.latency.at(0.5))}, 99% within {_seconds(traffic.latency.at(0.99))}"


def _measured(comparison: Comparison, traffic: Traffic) -> str:
    shape, schedule = comparison.of(traffic), comparison.schedule
    to_pilot = traffic.requests * shape.share * schedule.step
    passes, over = (lasting(scrapes * schedule.step) for scrapes in (schedule.soak, schedule.scrapes))
    return f"a scrape each {write_duration(schedule.step)} with {_number(to_pilot)} requests of the release; no pass before {passes}, over after {over}"


def _rows(each: Foretold) -> Iterator[tuple[str, ...]]:
    yield ("", *(name for name, _ in _ENDS), "half, 90% in")
    yield (each.good.change.words, *_chances(each.good), _after(each, each.good, "pass"))
    for bad in each.bad:
        yield (bad.change.words, *_chances(bad), _after(each, bad, "fail"))


def _chances(ended: Ended) -> Iterator[str]:
    return (_chance(ended.chance(*verdicts)) for _, verdicts in _ENDS)


def _chance(chance: Chance) -> str:
    low, high = chance.interval
    return f"{100 * chance.share:.0f}% ({100 * low:.0f}-{100 * high:.0f})"


def _after(each: Foretold, ended: Ended, verdict: str) -> str:
    """How long the verdict takes."""
    step = each.comparison.schedule.step
    at = [ended.after(verdict, part) for part in (_MEDIAN, _LATE)]
    return ", ".join(lasting(scrapes * step) for scrapes in at if scrapes is not None)


def _hindered(each: Foretold) -> Iterator[str]:
    if each.good.hindered is None:
        return
    lacking, count = each.good.hindered
    left = each.good.chance("inconclusive", "unmeasurable").count
    extended = each.comparison.terms.extend
    over = f" (its {write_duration(extended)} more included)" if extended else ""
    yield (
        f"  Of {left} good ones that are undecided at the end{over}, {count} lack evidence of {_LACKING.get(lacking, lacking)}. What"
        f" the plan says of that: {follows(each.comparison.terms.then)}."
    )


_LACKING: Final = {
    "strata": "anything: too few requests",
    "stale": "anything of late",
    "time": "all at once in time",
}


def _proposed(each: Foretold) -> Iterator[str]:
    if not each.proposals:
        return
    rows = [
        (f"  {one.words}", f"{_chance(one.good.chance('pass'))} pass", _after(each, one.good, "pass"))
        for one in each.proposals
    ]
    yield "  Few good ones pass. What would change that:"
    yield from (f"  {line}" for line in columns(rows))
    if all(one.good.chance("pass").share < ENOUGH for one in each.proposals):
        yield (
            "  That is too little traffic to prove a release good. Let an operator decide (on-inconclusive: {then: hold}), or let what is"
            " undecided pass (then: pass): what is grossly worse fails all the same."
        )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def as_json(found: Sequence[Foretold], others: Sequence[str]) -> dict[str, Any]:
    """Times in seconds, chances as shares."""
    every = whole(found)
    return {
        "comparisons": [_comparison_as_json(each) for each in found],
        "good_through_all": {"share": every.share, "interval": list(every.interval)} if found else None,
        "not_foretold": list(others),
    }


def _comparison_as_json(each: Foretold) -> dict[str, Any]:
    comparison, schedule = each.comparison, each.comparison.schedule
    return {
        "stage": comparison.stage.name,
        "kind": comparison.terms.subject,
        "share": comparison.share,
        "regions": list(comparison.terms.regions),
        "region": each.region,
        "traffic": _traffic_as_json(each.traffic),
        "scrape_seconds": schedule.step,
        "soak_scrapes": schedule.soak,
        "scrapes": schedule.scrapes,
        "good": _ended_as_json(each.good),
        "regressions": [_ended_as_json(bad) for bad in each.bad],
        "proposals": [{"instead": one.words, "good": _ended_as_json(one.good)} for one in each.proposals],
    }


def _traffic_as_json(traffic: Traffic) -> dict[str, Any]:
    latency = {"median": traffic.latency.at(0.5), "p99": traffic.latency.at(0.99)}
    return {
        "requests_per_second": traffic.requests,
        "error_rate": traffic.errors,
        "latency": latency if traffic.bounds else None,
        "pods": traffic.pods,
        "bursts": traffic.bursts,
    }


def _ended_as_json(ended: Ended) -> dict[str, Any]:
    return {
        "release": ended.change.words,
        "runs": len(ended.outcomes),
        **{
            verdict: {"share": chance.share, "interval": list(chance.interval)}
            for verdict in ("pass", "inconclusive", "unmeasurable", "fail")
            for chance in (ended.chance(verdict),)
        },
        "scrapes": {
            verdict: {"median": ended.after(verdict, _MEDIAN), "p90": ended.after(verdict, _LATE)}
            for verdict in ("pass", "fail")
        },
    }
