"""The verdict, asked for after each scrape in the same order: is it proven bad, proven good, or is the time over?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from lockgate.verifier.statistics.alternatives import Metric
from lockgate.verifier.statistics.judging import Judged
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, every, ln, rounded
from lockgate.verifier.statistics.series import Flags

Verdict = Literal["fail", "pass", "inconclusive", "unmeasurable", "running"]
Hindrance = Literal["unproven", "suspicious", "late"]
"""Of an inconclusive one: it is not shown to be within its margin; it is, but looks worse than a pass allows; or all
is, but nothing was compared since it had soaked.
"""
_E_BH = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    at: int
    """Scrapes since the start, the first is 1."""
    why: str
    """The metric or the rule that decided."""
    guilty: tuple[str, ...] = ()
    """Of a fail: metrics, the surest first; latency with its bound."""
    hindrance: Hindrance = "unproven"


@dataclass(frozen=True, slots=True)
class Thresholds:
    fail: float
    passes: float
    calm: float

    @classmethod
    def of(cls, setup: Setup) -> "Thresholds":
        policy = setup.policy
        values = rounded(np.array([-ln(policy.alpha), -ln(policy.beta), ln(policy.calm)]))
        return cls(*values.tolist())


@dataclass(slots=True)
class Deciding:
    """State of one verification between its strata."""

    setup: Setup
    metrics: tuple[Metric, ...]
    told: Flags
    """[J + G]: whether anything was told so far of errors, each bound, each gauge."""
    limits: Thresholds = field(init=False)
    strata: int = 0
    last: int = -1
    routed: bool = False
    ln_e: Array = field(init=False)
    ln_pass: Array = field(init=False)
    """Of the last stratum; there is one before anything is concluded from it."""

    def __post_init__(self) -> None:
        self.limits = Thresholds.of(self.setup)

    def fold(self, block: Block, judged: Judged) -> Outcome | None:
        """The first verdict within the block, if there is one."""
        closing = {int(t): s for s, t in enumerate(block.t.tolist())}
        failing, proven = dict(block.failing), (judged.ln_total >= self.limits.fail).tolist()
        for t in range(block.first, block.end):
            self.routed = self.routed or block.routed[t - block.first]
            if t in failing:
                return Outcome("fail", t + 1, failing[t])
            if t in closing and (outcome := self._at(closing[t], t, judged, proven=proven[closing[t]])):
                return outcome
            if t + 1 == self.setup.policy.deadline:
                return self._at_deadline(t)
        return None

    def _at(self, s: int, t: int, judged: Judged, *, proven: bool) -> Outcome | None:
        self.strata, self.last, self.told = self.strata + 1, t, self.told | judged.told[s]
        self.ln_e, self.ln_pass = judged.ln_e[s], judged.ln_pass[s]
        if proven:
            guilty = self._guilty(judged, s)
            return Outcome("fail", t + 1, self.plain(guilty[0]), guilty)
        return Outcome("pass", t + 1, "margins") if self._passes(s, t, judged) else None

    def _guilty(self, judged: Judged, s: int) -> tuple[str, ...]:
        """By e-BH at 5 %, at least the surest, of those whose gate is open."""
        open_ = [j for j in range(len(self.metrics)) if judged.opened[s, j]]
        ordered = sorted(open_, key=lambda j: -float(judged.ln_e[s, j]))
        needed = [ln(len(self.metrics) / (_E_BH * (place + 1))) for place in range(len(ordered))]
        sure = [place + 1 for place, j in enumerate(ordered) if judged.ln_e[s, j] >= needed[place]]
        return tuple(self.metrics[j].name for j in ordered[: max(sure, default=1)])

    def _passes(self, s: int, t: int, judged: Judged) -> bool:
        policy = self.setup.policy
        if t + 1 < policy.soak or self.strata < policy.min_strata or not self.routed:
            return False
        if not every(judged.ln_e[s] <= self.limits.calm):
            return False
        asked = list(self.asked())
        return None not in asked and all(judged.ln_pass[s, i] >= self.limits.passes for i in asked)

    def asked(self) -> Iterator[int | None]:
        """Columns of `ln_pass` that a pass needs; None for one that is required and cannot be had."""
        bounds = len(self.setup.bounds)
        yield 0
        yield from range(1, bounds + 1)
        for name in self.setup.policy.required:
            missing = name == "latency" and not bounds
            if missing or (name in self.setup.gauges and self._model(name) is None):
                yield None
        for g, model in enumerate(self.setup.models):
            if model is not None:
                yield 1 + bounds + g

    def _model(self, gauge: str) -> object | None:
        return self.setup.models[self.setup.gauges.index(gauge)]

    def _at_deadline(self, t: int) -> Outcome:
        for rule, broken in self._unmeasurable(t):
            if broken:
                return Outcome("unmeasurable", t + 1, rule)
        wild = [j for j in range(len(self.metrics)) if self.ln_e[j] > self.limits.calm]
        short = [i for i in self.asked() if i is not None and self.ln_pass[i] < self.limits.passes]
        if short:
            slowest = min(short, key=lambda i: float(self.ln_pass[i]))
            return Outcome("inconclusive", t + 1, self.plain(self.mirrored_name(slowest)))
        if wild:
            why = max(wild, key=lambda j: float(self.ln_e[j]))
            return Outcome("inconclusive", t + 1, self.plain(self.metrics[why].name), hindrance="suspicious")
        return Outcome("inconclusive", t + 1, "time", hindrance="late")

    def _unmeasurable(self, t: int) -> Iterator[tuple[str, bool]]:
        policy, bounds = self.setup.policy, len(self.setup.bounds)
        yield "baseline", not self.setup.controlled
        yield "weight", not self.routed
        yield "strata", self.strata < policy.min_strata
        yield "stale", self.last <= t - policy.stale
        for name in policy.required:
            match name:
                case "errors":
                    yield name, not self.told[0]
                case "latency":
                    yield name, not self.told[1 : 1 + bounds].any()
                case _:
                    gauge = self.setup.gauges.index(name)
                    yield name, self._model(name) is None or not self.told[1 + bounds + gauge]

    def mirrored_name(self, column: int) -> str:
        """Of a column of `ln_pass`."""
        bounds = len(self.setup.bounds)
        if column <= bounds:
            return self.metrics[column].name
        return self.setup.gauges[column - bounds - 1]

    @staticmethod
    def plain(name: str) -> str:
        """Without the bound."""
        return name.partition(">")[0]
