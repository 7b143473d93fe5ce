"""From samples to what is compared: strata, over-dispersion, tolerances and gauges, scrape by scrape.

`Measuring` takes the history when it is made and is then told of scrapes, one at a time or all at once, with the same
result. All that is used for a stratum is known at its left end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lockgate.verifier.statistics.before import Before, before
from lockgate.verifier.statistics.beside import Beside
from lockgate.verifier.statistics.comparing import (
    FIRST_BOUND,
    Counted,
    Rows,
    count,
    deviations,
    even,
    kappas,
    nulls,
)
from lockgate.verifier.statistics.dispersion import (
    ENOUGH_TERMS,
    ONLINE_CAP,
    PRIOR_TERMS,
    Placebo,
    Terms,
    chi_square,
    kappa,
)
from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.gauges import difference, model
from lockgate.verifier.statistics.intervals import Interval, at, bits, close
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.mix import Mix
from lockgate.verifier.statistics.numerics import Array, exp, ln, rounded, total
from lockgate.verifier.statistics.offsets import offsets
from lockgate.verifier.statistics.series import Counting, Counts, Flags, Indices, Latest
from lockgate.verifier.statistics.silence import Rule, Silence, restarted, told
from lockgate.verifier.statistics.slowness import Reference, Warmup, choose


@dataclass(slots=True)
class Measuring:
    """State of one verification: what is carried from scrape to scrape grows only while a stratum is open.

    The pods and gauges are those of the evidence that it was made from. When others appear, make it anew.
    """

    names: tuple[str, ...]
    """Of the pods."""
    start: int
    split: int
    """The first so many pods are the baseline's."""
    pilots: int
    """How many pods the pilot begins with."""
    setup: Setup
    columns: Indices
    """Of the counters: requests, errors and the chosen bounds."""
    error_null: float
    reference: Reference
    warmup: Warmup
    counting: Counting
    placebo: Placebo
    beside: Beside
    silence: Silence
    restarts: Latest
    online: Terms
    left_end: Rows
    at: int
    """So many scrapes were taken, the history included."""
    before: Before | None = None
    """Of a region that is compared with others: how they differed before its rollout. A pilot's production is alike."""
    mix: Mix | None = None
    """Of those others, where there are several."""

    @classmethod
    def of(
        cls, evidence: Evidence, began: int | None = None, regions: Mapping[str, str] | None = None
    ) -> "Measuring":
        """Takes the scrapes before the start. `began`: the scrape in which the rollout of a region did that is compared
        with other regions, of which the evidence tells as of a pilot and production; `regions`: of each of their pods by
        name, so that each of them counts for as much as it did before.
        """
        policy, start, split = evidence.policy, evidence.start, evidence.split
        seen, pods = evidence.seen[:start], len(evidence.names)
        counting = Counting.of(pods, FIRST_BOUND + len(evidence.bounds))
        counts = counting.fold(evidence.counters[:start], seen)
        ours = total(counting.counted[:split])
        chosen = choose(float(ours[0]), ours[FIRST_BOUND:])
        columns = np.array([0, 1, *(FIRST_BOUND + k for k in chosen)])
        placebo, history = _beside_each_other(counts, seen[:, :split], columns)
        beside, restarts = Beside(policy.stale), Latest.none(pods, 1)
        now = beside.fold(_present(seen, split))
        restarted(evidence, slice(0, start), restarts)
        pilots = _pilots_at_first(evidence)
        q = 1.0 / pilots + 1.0 / max(history, 1)
        tolerated = _offsets(placebo, counting.counted[:split], columns, q, policy.kappa_default)
        setup = _setup(evidence, chosen, pilots, [baseline for _, baseline in now])
        online, usual, mix = Terms.of(ONLINE_CAP, len(columns) - 1), None, None
        if began is not None:
            if regions is not None:
                mix = Mix.of(evidence.names[:split], regions, counts.sums[began][:split, 0])
            usual, models, online = before(evidence, counts.sums, now, columns, began, mix)
            tolerated = usual.noise
            setup = replace(setup, models=models, warnings=(), usual=tuple(usual.odds.tolist()))
        return cls(
            names=evidence.names,
            start=start,
            split=split,
            pilots=pilots,
            setup=setup,
            columns=columns,
            error_null=float(rounded(np.array(max(ln(policy.rho0), float(tolerated[0]))))),
            reference=Reference(evidence.bounds, chosen, tolerated[1:], policy),
            warmup=Warmup(policy, np.full(len(chosen), np.inf)),
            counting=counting,
            placebo=placebo,
            beside=beside,
            silence=Silence(policy),
            restarts=restarts,
            online=online,
            left_end=_left_end(counting, placebo, seen if start else np.zeros((1, pods), bool), now),
            at=start,
            before=usual,
            mix=mix,
        )

    def fold(self, evidence: Evidence, end: int) -> Block:
        """Takes the scrapes before `end` that were not taken yet, of evidence that may have grown since, or has only them.

        ValueError if it has other pods, or begins after those that were taken.
        """
        if evidence.names != self.names or evidence.first > self.at:
            raise ValueError(
                f"expected the scrapes of {len(self.names)} pods from {self.at} on, got those of "
                f"{len(evidence.names)} from {evidence.first} on: make a verification anew from all of them"
            )
        if self.before is not None:
            evidence = replace(evidence, weight=np.full(len(evidence.weight), self.before.weight))
        now, first = slice(self.at - evidence.first, end - evidence.first), self.at - self.start
        counts = self.counting.fold(evidence.counters[now], evidence.seen[now])
        placebo = self.placebo.fold(
            counts.new[:, : self.split].take(self.columns, axis=2), counts.adjacent[:, : self.split]
        )
        weights = evidence.weight[now]
        arms = _present(evidence.seen[now], self.split)
        most = self.beside.fold(arms)
        scrapes = list(range(first, end - self.start))
        new = Rows(scrapes, counts.sums[1:], placebo, evidence.seen[now], most, rounded(weights).tolist())
        rows = self.left_end.then(new)
        found, left = self._strata(rows)
        self.left_end, self.at = rows.since(left), end
        lefts = at([one.left for one in found])
        counted = count(rows, found, self.columns, self.split, self.mix)
        over, share = self._dispersion(counted, rows.placebo[lefts])
        ours = total(rows.sums[lefts][:, : self.split], axis=1)
        usual = None if self.before is None else self.before.odds
        known = nulls(counted, over, ours, self.error_null, self.reference, self.warmup, usual)
        d, above = self._gauges(evidence, now, most)
        told_ = told(evidence, now, counts, arms, most, known=self.restarts)
        failing = [(t, self.silence.fold(scrape)) for t, scrape in zip(scrapes, told_, strict=True)]
        return Block(
            first=first,
            end=end - self.start,
            t=counted.t,
            left=counted.left,
            n=counted.n,
            pods=counted.pods,
            events=counted.events,
            kappa=over,
            **known,
            share=share,
            d=d,
            above=above,
            failing=_reached(failing),
            routed=tuple((weights > 0).tolist()),
        )

    def _strata(self, rows: Rows) -> tuple[list[Interval], int]:
        """Those in which there is enough to compare, and the left end after them."""
        pilots, baseline = bits(rows.seen[:, self.split :]), bits(rows.seen[:, : self.split])
        found, left = close(pilots, baseline, rows.most)
        return even(rows, found, self.split, self.mix), left

    def _gauges(self, evidence: Evidence, now: slice, most: Sequence[tuple[int, int]]) -> tuple[Array, Array]:
        if not evidence.gauges:
            nothing = np.zeros((len(evidence.weight[now]), 0))
            return nothing, nothing
        values = np.array([one[now] for one in evidence.gauges.values()]).swapaxes(0, 1)
        pods = np.array([(self.pilots, baseline) for _, baseline in most], int)
        d, above = difference(values[..., self.split :], values[..., : self.split], pods)
        if self.before is None:
            return d, above
        return rounded(d - self.before.d), rounded(above - self.before.above)

    def _dispersion(self, counted: Counted, placebo: Array) -> tuple[Array, Array]:
        """Over-dispersion [S, J], and the share that is to be judged, with its own [S, 2]. Between regions it is what the
        same two showed before, and no share is routed.
        """
        if self.before is None:
            own, share = kappas(counted, placebo, self.online, self.setup.policy.kappa_default)
            return own, np.array((counted.share_weight, share)).T
        sums = self.online.fold(*deviations(counted, exp(self.before.odds)), counted.usable)[:-1]
        return rounded(kappa(sums, prior=PRIOR_TERMS)), np.zeros((len(counted.t), 2))


def _beside_each_other(counts: Counts, seen: Flags, columns: Indices) -> tuple[Placebo, int]:
    """Production's pods over the history, and how many it had at most. `seen`: of its pods."""
    split = seen.shape[1]
    placebo = Placebo.of(len(columns) - 1, split)
    placebo.learn(counts.new[:, :split].take(columns, axis=2), counts.adjacent[:, :split])
    history = int(np.add.reduce(seen, axis=1, dtype=int).max(initial=0))
    placebo.leave_out(history)
    return placebo, history


def _left_end(counting: Counting, placebo: Placebo, seen: Flags, now: list[tuple[int, int]]) -> Rows:
    """The last scrape of the history, at which the first stratum begins."""
    return Rows(
        [-1],
        counting.counted[None],
        placebo.over_pods(placebo.terms.sums)[None],
        seen[-1:],
        [now[-1] if now else (0, 0)],
        [0.0],
    )


def _setup(evidence: Evidence, chosen: tuple[int, ...], pilots: int, there: list[int]) -> Setup:
    """`there`: how many pods production had in each scrape of the history."""
    policy = evidence.policy
    histories = [values[: evidence.start, : evidence.split] for values in evidence.gauges.values()]
    return Setup(
        policy,
        tuple(evidence.bounds[k] for k in chosen),
        tuple(evidence.gauges),
        tuple(model(history, np.array(there, int), pilots, policy) for history in histories),
        evidence.split > 0,
        _warnings(evidence),
    )


def _present(seen: Flags, split: int) -> list[tuple[int, int]]:
    """How many pods of both arms were scraped."""
    arms = (np.add.reduce(arm, axis=1, dtype=int) for arm in (seen[:, split:], seen[:, :split]))
    return list(zip(*(arm.tolist() for arm in arms), strict=True))


def _offsets(placebo: Placebo, counted: Array, columns: Indices, q: float, default: float) -> Array:
    """The tolerated offset of pods for each binary metric. `counted`: of production's pods."""
    sums = placebo.over_pods(placebo.terms.sums)[:-1]
    e, n = sums[:, 1], sums[:, 2]
    many = np.maximum(chi_square(sums) / np.maximum(n, 1.0) - 1.0, 0.0)
    excess = np.where(n >= ENOUGH_TERMS, many, default * e / np.maximum(n, 1.0))
    return offsets(counted[:, 0], counted[:, columns[1:]].T, excess, q)


def _reached(failing: list[tuple[int, Rule | None]]) -> tuple[tuple[int, Rule], ...]:
    return tuple((t, rule) for t, rule in failing if rule is not None)


def _pilots_at_first(evidence: Evidence) -> int:
    """How many pods the pilot has in the scrape before the start, or else in that after it; 1 if it has none in both:
    what comes later is not known to a verdict that was reached before.
    """
    counts = evidence.seen[max(evidence.start - 1, 0) : evidence.start + 1, evidence.pilots].sum(axis=1)
    return int(next((count for count in counts if count), 1))


def _warnings(evidence: Evidence) -> tuple[str, ...]:
    """What makes a comparison doubtful without making it impossible."""
    seen = evidence.seen[: evidence.start + 1]
    anywhere, first = seen.any(axis=0), np.argmax(seen, axis=0)
    ages = [first[anywhere & arm] for arm in (evidence.pilots, ~evidence.pilots)]
    if not all(len(age) for age in ages):
        return ()
    apart = abs(int(ages[0].min()) - int(ages[1].min()))
    if apart <= evidence.policy.warm_scrapes:
        return ()
    return ("the pods of both arms are of different age",)
