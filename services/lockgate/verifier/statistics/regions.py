"""One verdict on several regions, which names the guilty ones: each is compared for itself, and the evidence is averaged.

Used for a wave, whose regions are compared with those that are not deployed yet. A mean of e-processes is one, whatever they
have to do with each other, so the false-alarm rate is that of one verification; a region alone fails when it has as many times
the evidence as there are regions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lockgate.verifier.statistics.control import Control
from lockgate.verifier.statistics.deciding import Verdict
from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.measured import Block
from lockgate.verifier.statistics.numerics import exp_of, ln, rounded
from lockgate.verifier.statistics.record import between
from lockgate.verifier.statistics.record import load as load_record
from lockgate.verifier.statistics.refusal import EvidenceError
from lockgate.verifier.statistics.verification import Verification

METHOD = "regions/1"
STEADY = Control((), {})
"""Regions of which nothing is known are taken for steady."""
_LEAST_ALPHA = 1e-6
_E_BH = 0.05
_NONE = -1e9


@dataclass(frozen=True, slots=True)
class Together:
    """The verdict on all regions."""

    verdict: Verdict
    at: int
    """Scrapes since the start, the first is 1."""
    guilty: tuple[str, ...] = ()
    """Of a fail, the surest region first."""
    why: str = "time"
    """The metric or rule that decided in the first of them; `control` where that was the regions without the release."""


class Regions:
    """Verifications of regions, scrape by scrape. Once it has reached a verdict it stays at it."""

    def __init__(
        self, alpha: float, runs: Mapping[str, Verification], control: Control = STEADY, count: int = 0
    ) -> None:
        """`alpha`: of all together. Each of `runs` has its part of it. `count`: of the regions, where nothing was told of some yet:
        those have no evidence.
        """
        self.alpha, self.runs, self.control = alpha, dict(sorted(runs.items())), control
        self.count = count or len(runs)
        self.at = 0
        self.outcome = Together("running", 0)

    @classmethod
    def of(cls, evidence: Mapping[str, Evidence], began: Mapping[str, int] | None = None) -> "Regions":
        """Takes the scrapes before the start. `began`: see `Verification.of`. `alpha` is that of the first by name.

        EvidenceError if `alpha` cannot be divided into so many.
        """
        alpha = evidence[min(evidence)].policy.alpha
        part = alpha / len(evidence)
        if part < _LEAST_ALPHA:
            least = f"at least {_LEAST_ALPHA:g} for each of {len(evidence)} regions"
            raise EvidenceError("policy.alpha", least, alpha)
        runs = {
            name: Verification.of(
                replace(one, policy=replace(one.policy, alpha=part)), None if began is None else began[name]
            )
            for name, one in evidence.items()
        }
        return cls(alpha, runs)

    def fold(self, evidence: Mapping[str, Evidence]) -> Together:
        """Takes the scrapes that all regions that are undecided have and that are new."""
        ends = [evidence[name].scrapes - evidence[name].start for name in self._undecided()]
        return self._until(
            min(ends, default=self.at),
            lambda name, end: self.runs[name].fold(evidence[name], evidence[name].start + end),
        )

    def judge(self, blocks: Mapping[str, Block]) -> Together:
        """The same with what was measured from the start, of each region as far as it was told: a region that is worse does not
        have to wait for another one whose metrics are away.
        """
        return self._until(
            max(block.end for block in blocks.values()),
            lambda name, end: self._judge(name, end, blocks[name]),
        )

    def _judge(self, name: str, end: int, block: Block) -> None:
        if end <= block.end:
            self.runs[name].judge(between(block, end - 1, end))

    def _until(self, end: int, step: Callable[[str, int], object]) -> Together:
        while self.at < end and self.outcome.verdict == "running":
            self.at += 1
            for name in self._undecided():
                step(name, self.at)
            self.outcome = self._decided()
        return self.outcome

    def _undecided(self) -> list[str]:
        return [name for name, run in self.runs.items() if run.outcome.verdict == "running"]

    def _decided(self) -> Together:
        if self.control.unstable(self.at):
            return Together("unmeasurable", self.at, (), "control")
        outcomes = {name: run.outcome for name, run in self.runs.items()}
        found = {outcome.verdict for outcome in outcomes.values()}
        if "fail" in found or self.ln_mean() >= float(rounded(np.array(-ln(self.alpha)))):
            guilty = self._guilty()
            return Together("fail", self.at, guilty, self._why(guilty[0]))
        if "running" in found or len(self.runs) < self.count:
            return Together("running", self.at)
        worst = next(one for one in ("unmeasurable", "inconclusive", "pass") if one in found)
        if worst == "pass" and self.control.gone(self.at):
            return Together("inconclusive", self.at, (), "control")
        first = next(outcome for outcome in outcomes.values() if outcome.verdict == worst)
        return Together(first.verdict, self.at, (), first.why)

    def ln_mean(self) -> float:
        """The logarithm of the mean evidence, rounded."""
        mean = 0.0
        for run in self.runs.values():
            mean += exp_of(run.ln_total) / self.count
        return float(rounded(np.array(ln(mean)))) if mean > 0 else _NONE

    def _guilty(self) -> tuple[str, ...]:
        """Those that failed by themselves; then, by e-BH at 5 %, those with so much evidence; at least the surest."""
        ordered = sorted(self.runs, key=lambda name: (-self._certain(name), -self.runs[name].ln_total, name))
        count, sure = self.count, 1
        for place, name in enumerate(ordered, start=1):
            enough = self.runs[name].ln_total >= ln(count / (_E_BH * place))
            sure = place if enough or self._certain(name) else sure
        return tuple(ordered[:sure])

    @property
    def through(self) -> tuple[str, ...]:
        """Those that are shown to be within the margins."""
        return tuple(name for name, run in self.runs.items() if run.outcome.verdict == "pass")

    def _certain(self, name: str) -> bool:
        return self.runs[name].outcome.verdict == "fail"

    def _why(self, name: str) -> str:
        run = self.runs[name]
        return run.outcome.why if self._certain(name) else run.surest

    def result(self, digests: Mapping[str, str]) -> dict[str, Any]:
        """The verdict with the records of all regions. `digests`: of the evidence of each up to it."""
        found = self.outcome
        return {
            "verdict": found.verdict,
            "at": found.at,
            "why": found.why,
            "guilty": list(found.guilty),
            "reason": self._reason(),
            "evidence": {
                "method": METHOD,
                "alpha": repr(self.alpha),
                "count": self.count,
                "control": {"regions": list(self.control.regions), "astray": dict(self.control.astray)},
                "regions": {name: _record(run, digests[name]) for name, run in self.runs.items()},
            },
        }

    def _reason(self) -> str:
        found, count = self.outcome, self.count
        every = f"all {count} regions are" if count > 1 else f"{min(self.runs)} is"
        match found.verdict:
            case "fail":
                among = f"Of {count} regions " if count > 1 else ""
                head = f"{among}{', '.join(found.guilty)} {'is' if len(found.guilty) == 1 else 'are'} worse."
                said = self._said(found.guilty[0])
                return f"{head} {said if self._certain(found.guilty[0]) else f'First of all by {found.why}.'}"
            case "pass":
                return f"After {self._scrapes()} {every} shown to be within the margins."
            case "running":
                return f"Nothing is proven after {found.at} scrapes in {count} region{'s' * (count > 1)}."
            case "inconclusive" if found.why == "control":
                astray = self.control.gone(found.at)
                themselves = "itself" if len(astray) == 1 else "themselves"
                return (
                    f"Of {len(self.control.regions)} regions without the release {', '.join(astray)} went astray by {themselves}: to be no "
                    "worse than what they are a part of shows nothing."
                )
            case "unmeasurable" if found.why == "control":
                gone = ", ".join(self.control.gone(found.at))
                return (
                    f"Of {len(self.control.regions)} regions without the release {gone} went astray by themselves, so nothing can "
                    "be compared with them."
                )
            case _:
                name = next(one for one, run in self.runs.items() if run.outcome.verdict == found.verdict)
                return f"{name}: {self._said(name)}"

    def _scrapes(self) -> str:
        """How many each region had: one that is shown to be good is not looked at any more."""
        ends = {name: run.outcome.at for name, run in self.runs.items()}
        if len({*ends.values()}) == 1:
            return f"{self.outcome.at} scrapes"
        first, *others = ends.items()
        return f"{first[1]} scrapes in {first[0]}, " + ", ".join(f"{at} in {name}" for name, at in others)

    def _said(self, name: str) -> str:
        run = self.runs[name]
        reason: str = run.result(run.outcome, "")["reason"]
        return reason


def _record(run: Verification, digest: str) -> dict[str, Any]:
    """What it is judged again from, and how its evidence grew. What else follows from that is left out, so that the record of
    many regions fits into one event.
    """
    whole = run.result(run.outcome, digest)["evidence"]
    return {name: whole[name] for name in ("sha256", "policy", "setup", "measured", "ln_total")}


def recompute(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The same verdict as that whose `evidence` it is."""
    read = {name: load_record(record) for name, record in evidence["regions"].items()}
    control = Control(tuple(evidence["control"]["regions"]), evidence["control"]["astray"])
    runs = {name: Verification(setup) for name, (setup, _) in read.items()}
    together = Regions(float(evidence["alpha"]), runs, control, evidence["count"])
    together.judge({name: block for name, (_, block) in read.items()})
    return together.result({name: record["sha256"] for name, record in evidence["regions"].items()})
