"""The comparison of a pilot with the production beside it: whether it fails more often, or is shown not to.

Honest about peeking: the evidence is looked at `looks` times, a number that is fixed before the first look, and each
look tests at `alpha / looks`. So the chance that a release that fails no more often than production is ever failed is
at most `alpha`, however the looks depend on each other (Bonferroni). With R regions each look tests R times at
`alpha / (looks * R)`: one for each region, which names the guilty one as well. The gates (an excess must be large
enough to matter) can only lower the chance of a false alarm.

A pass is given at the end of the time only. It needs enough pilot requests in every region, evidence that reaches to
the end, and an observed excess within the margin: at most `PASS_RATIO` times production's errors plus `PASS_EXCESS` of
the requests. What is neither is inconclusive.

Not covered: errors that come in bursts. Errors of one interval are treated as independent given its totals, so a
service whose errors cluster by pod has more false alarms than alpha says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.verifier.statistics.arithmetic import decimal, odds, rounded
from lockgate.verifier.statistics.tail import Stratum, upper_tail

METHOD = "stratified-fisher/1"

FAIL_RATIO, FAIL_EXCESS = 1.25, 0.001
"""Gates: no fail unless the pilot has so many times production's errors, and so many more per request."""
PASS_RATIO, PASS_EXCESS = 1.5, 0.01
MOST_SILENT = 0.25
"""A pass needs evidence from the last quarter of the time as well."""
ENOUGH = 100
"""Requests that the pilot must have served in a region."""

Timed = tuple[float, int, int, int, int]
"""The end of the stratum in seconds since the start; requests and errors of the pilot, then of the baseline."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a look sees: everything counted so far, by region, and which look of how many it is."""

    strata: Mapping[str, tuple[Timed, ...]]
    until: float
    look: int
    looks: int
    alpha: float
    closing: bool
    """Whether the time is over, so that it must be decided."""

    def dump(self) -> dict[str, Any]:
        """As a verdict carries it. `load` is the inverse."""
        return {
            "method": METHOD,
            "strata": {name: [list(row) for row in self.strata[name]] for name in sorted(self.strata)},
            "until": self.until,
            "look": self.look,
            "looks": self.looks,
            "alpha": self.alpha,
            "closing": self.closing,
        }

    @classmethod
    def load(cls, evidence: Mapping[str, Any]) -> "Evidence":
        """The evidence in a verdict, to judge it again."""
        strata = {
            name: tuple((float(end), int(n), int(x), int(m), int(y)) for end, n, x, m, y in rows)
            for name, rows in evidence["strata"].items()
        }
        look, looks = int(evidence["look"]), int(evidence["looks"])
        until, alpha = float(evidence["until"]), float(evidence["alpha"])
        return cls(strata, until, look, looks, alpha, bool(evidence["closing"]))


@dataclass(frozen=True, slots=True)
class Running:
    reason: str
    numbers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pass:
    reason: str
    numbers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fail:
    reason: str
    numbers: dict[str, Any]
    guilty: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inconclusive:
    reason: str
    numbers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unmeasurable:
    reason: str
    numbers: dict[str, Any]


Judgement = Running | Pass | Fail | Inconclusive | Unmeasurable


@dataclass(frozen=True, slots=True)
class _Region:
    """What one region's strata come to. Excesses are Mantel-Haenszel sums: each stratum weighs by its own size."""

    name: str
    pilot: int
    pilot_errors: int
    baseline: int
    baseline_errors: int
    seen: float
    worse: float
    usual: float
    size: float
    tail: float

    @property
    def gated(self) -> bool:
        return (
            self.worse >= FAIL_RATIO * (self.usual + 0.05)
            and self.worse - self.usual >= FAIL_EXCESS * self.size
        )

    @property
    def within(self) -> bool:
        return self.worse <= PASS_RATIO * self.usual + PASS_EXCESS * self.size

    @property
    def text(self) -> str:
        return (
            f"in {self.name} {self.pilot_errors} of {self.pilot} pilot requests failed, "
            f"beside {self.baseline_errors} of {self.baseline} in production"
        )


def judge(evidence: Evidence) -> Judgement:
    """The judgement of one look. The same evidence gives the same bytes."""
    regions = [_region(name, evidence.strata[name]) for name in sorted(evidence.strata)]
    level = rounded(evidence.alpha / (evidence.looks * max(len(regions), 1)))
    numbers = {**evidence.dump(), "level": decimal(level), "regions": {r.name: _numbers(r) for r in regions}}
    if guilty := [region for region in regions if region.tail <= level and region.gated]:
        worst = min(guilty, key=lambda region: region.tail)
        reason = (
            f"The pilot fails more often than production: {worst.text}. If both were equally good, "
            f"the chance of so many failures would be {odds(worst.tail)}; the limit is {odds(level)}."
        )
        return Fail(reason, numbers, tuple(region.name for region in guilty))
    if not evidence.closing:
        return Running(f"{_all(regions)}: no proof of harm so far.", numbers)
    return _close(regions, evidence.until, numbers)


def _close(regions: list[_Region], until: float, numbers: dict[str, Any]) -> Judgement:
    """The time is over and nothing failed."""
    if not regions:
        return Unmeasurable("There was nothing to measure: no region reported.", numbers)
    if dark := [region for region in regions if not region.pilot or not region.baseline]:
        return Unmeasurable(f"There was nothing to measure: {dark[0].text}.", numbers)
    if stale := [region for region in regions if region.seen < until * (1 - MOST_SILENT)]:
        return Unmeasurable(
            f"The last comparison in {stale[0].name} is of second {stale[0].seen:g} of {until:g}: after it there was "
            "nothing to measure.",
            numbers,
        )
    if short := [region for region in regions if region.pilot < ENOUGH]:
        return Inconclusive(
            f"The pilot served too little: {short[0].text}; a pass needs {ENOUGH} pilot requests.", numbers
        )
    if over := [region for region in regions if not region.within]:
        return Inconclusive(
            f"The pilot may fail more often than production: {over[0].text}. A pass allows {PASS_RATIO:g} times "
            f"production's errors and {PASS_EXCESS:.1%} of the requests more.",
            numbers,
        )
    return Pass(
        f"The pilot fails no more often than production, within the margin: {_all(regions)}.", numbers
    )


def _region(name: str, timed: tuple[Timed, ...]) -> _Region:
    strata = [Stratum(*row[1:]) for row in timed]
    worse = usual = size = 0.0
    for s in strata:
        if s.pilot and s.baseline:
            worse += s.pilot_errors * s.baseline / s.requests
            usual += s.baseline_errors * s.pilot / s.requests
            size += s.pilot * s.baseline / s.requests
    return _Region(
        name,
        sum(s.pilot for s in strata),
        sum(s.pilot_errors for s in strata),
        sum(s.baseline for s in strata),
        sum(s.baseline_errors for s in strata),
        max((row[0] for row in timed if row[1] and row[3]), default=0.0),
        rounded(worse),
        rounded(usual),
        rounded(size),
        rounded(upper_tail(strata)),
    )


def _numbers(region: _Region) -> dict[str, Any]:
    return {
        "pilot": [region.pilot, region.pilot_errors],
        "baseline": [region.baseline, region.baseline_errors],
        "tail": decimal(region.tail),
        "excess": [decimal(region.worse), decimal(region.usual), decimal(region.size)],
    }


def _all(regions: list[_Region]) -> str:
    return "; ".join(region.text for region in regions) or "nothing was counted yet"
