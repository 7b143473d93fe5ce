"""`verify`: evidence and policy in, a verdict out. Pure; the same evidence gives the same bytes on every machine.

`Verification` is the same scrape by scrape; `recompute` makes a verdict again from its record alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from lockgate.verifier.statistics.deciding import Deciding, Outcome
from lockgate.verifier.statistics.evidence import Evidence, canonical, parse
from lockgate.verifier.statistics.judging import Judged, Judging
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.measuring import Measuring
from lockgate.verifier.statistics.record import cut, cut_judged, dump, load
from lockgate.verifier.statistics.sentences import sentence


def verify(evidence: Any) -> dict[str, Any]:
    """The verdict on evidence so far, with at least `verdict`, `at`, `why`, `reason` and `evidence`, its record.

    EvidenceError names the field of malformed evidence.
    """
    parsed = parse(evidence)
    run = Verification.of(parsed)
    outcome = run.fold(parsed)
    scrapes = parsed.start + outcome.at
    return run.result(outcome, hashlib.sha256(canonical(evidence, scrapes)).hexdigest())


def recompute(record: Mapping[str, Any]) -> dict[str, Any]:
    """The same verdict as that whose `evidence` the record is, from what it says was measured."""
    setup, block = load(record)
    run = Verification(setup)
    return run.result(run.judge(block), record["sha256"])


def encode(verdict: Mapping[str, Any]) -> bytes:
    """The one way in which a verdict is written: UTF-8, keys sorted, no spaces."""
    return json.dumps(verdict, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Verification:
    """One verification, scrape by scrape. Once it has reached a verdict it stays at it."""

    def __init__(self, setup: Setup, measuring: Measuring | None = None) -> None:
        """Without `measuring` it is told what was measured, instead of samples."""
        self.setup, self.measuring, self.judging = setup, measuring, Judging(setup)
        told = np.zeros(1 + len(setup.bounds) + len(setup.gauges), bool)
        self.deciding = Deciding(setup, self.judging.alternatives.metrics, told)
        self.blocks: list[Block] = []
        self.judged: list[Judged] = []
        self.outcome = Outcome("running", 0, "time")

    @classmethod
    def of(
        cls, evidence: Evidence, began: int | None = None, regions: Mapping[str, str] | None = None
    ) -> "Verification":
        """One that has taken the scrapes before the start. `began`: of a region that is compared with others instead of
        a pilot, the scrape in which its rollout did; `regions`: of each pod of those others by name.
        """
        measuring = Measuring.of(evidence, began, regions)
        return cls(measuring.setup, measuring)

    def fold(self, evidence: Evidence, before: int | None = None) -> Outcome:
        """Takes the scrapes that are new, `before` an index if it is given. After the deadline, or a verdict, nothing is new."""
        if self.measuring is None:
            raise ValueError("a verdict that is made again has no samples: use `judge`")
        end = min(evidence.scrapes, evidence.start + self.setup.policy.deadline)
        end = end if before is None else min(end, before)
        if self.outcome.verdict == "running" and end > self.measuring.at:
            return self.judge(self.measuring.fold(evidence, end))
        return self.outcome

    def judge(self, block: Block) -> Outcome:
        judged = self.judging.fold(block)
        found = self.deciding.fold(block, judged)
        self.blocks.append(block)
        self.judged.append(judged)
        self.outcome = found or Outcome("running", block.end, "time")
        return self.outcome

    @property
    def ln_total(self) -> float:
        """The logarithm of the evidence of a fail after the last stratum; -1e9 while there is none that matters."""
        last = next((float(one.ln_total[-1]) for one in reversed(self.judged) if len(one.ln_total)), np.nan)
        return -1e9 if np.isnan(last) else last

    @property
    def surest(self) -> str:
        """The metric with the most evidence after the last stratum, of those by as much as matters if there are any."""
        last = next((one for one in reversed(self.judged) if len(one.ln_total)), None)
        if last is None:
            return self.outcome.why
        opened = last.opened[-1] if last.opened[-1].any() else np.ones(last.opened.shape[1], bool)
        at = int(np.argmax(np.where(opened, last.ln_e[-1], -np.inf)))
        return Deciding.plain(self.judging.alternatives.metrics[at].name)

    def measured(self) -> Block:
        """All that was measured so far."""
        return joined(self.blocks) if self.blocks else _empty(self.setup)

    def result(self, outcome: Outcome, digest: str) -> dict[str, Any]:
        """The verdict with its record."""
        names = tuple(metric.name for metric in self.judging.alternatives.metrics)
        block = self.measured()
        judged = _joined_judged(self.judged) if self.judged else self.judging.fold(block)
        block = cut(block, outcome.at)
        judged = cut_judged(judged, len(block.t))
        return {
            "verdict": outcome.verdict,
            "at": outcome.at,
            "why": outcome.why,
            "guilty": list(outcome.guilty),
            "reason": sentence(outcome, self.setup, block, judged, self.judging.alternatives),
            "evidence": dump(self.setup, block, judged, names, digest),
        }


def joined(blocks: list[Block]) -> Block:
    """Blocks of which each begins where the one before it ends, as one."""
    if len(blocks) == 1:
        return blocks[0]
    parts: dict[str, Any] = {}
    for one in fields(Block):
        values = [getattr(block, one.name) for block in blocks]
        if isinstance(values[0], np.ndarray):
            parts[one.name] = np.concatenate(values)
        elif isinstance(values[0], tuple):
            parts[one.name] = tuple(item for value in values for item in value)
    return replace(blocks[0], end=blocks[-1].end, **parts)


def _joined_judged(judged: list[Judged]) -> Judged:
    if len(judged) == 1:
        return judged[0]
    return Judged(
        **{one.name: np.concatenate([getattr(part, one.name) for part in judged]) for one in fields(Judged)}
    )


def _empty(setup: Setup) -> Block:
    """Before the first scrape."""
    k, g = len(setup.bounds), len(setup.gauges)
    none, bounds, metrics = np.zeros(0), np.zeros((0, k)), np.zeros((0, k + 1))
    two, gauges = np.zeros((0, 2)), np.zeros((0, g))
    return Block(
        0, 0, none, none, two, two, np.zeros((0, k + 1, 2)), metrics, metrics, metrics, bounds, bounds, bounds, two,
        gauges, gauges, (), (),
    )  # fmt: skip
