"""From samples to what is compared: strata, over-dispersion, tolerances and gauges, scrape by scrape.

`Measuring` takes the history when it is made and is then told of scrapes, one at a time or all at once, with the same
result. All that is used for a stratum is known at its left end.
"""

from collections.abc import Sequence

import numpy as np

from lockgate.verifier.statistics.beside import Beside
from lockgate.verifier.statistics.comparing import FIRST_BOUND, Rows, count, kappas, nulls
from lockgate.verifier.statistics.dispersion import ENOUGH_TERMS, ONLINE_CAP, Placebo, Terms, chi_square
from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.gauges import difference, model
from lockgate.verifier.statistics.intervals import bits, close
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, ln, rounded, total
from lockgate.verifier.statistics.offsets import offset
from lockgate.verifier.statistics.series import Counting, Flags, Latest
from lockgate.verifier.statistics.silence import Rule, Silence, restarted, told
from lockgate.verifier.statistics.slowness import Reference, Warmup, choose


class Measuring:
    """State of one verification: what is carried from scrape to scrape grows only while a stratum is open.

    The pods and gauges are those of the evidence that it was made from. When others appear, make it anew.
    """

    def __init__(self, evidence: Evidence) -> None:
        """Takes the scrapes before the start."""
        policy, start = evidence.policy, evidence.start
        self.start, self.policy, self.at = start, policy, start
        self.split = evidence.split
        self.counting = Counting.of(len(evidence.names), FIRST_BOUND + len(evidence.bounds))
        counts = self.counting.fold(evidence.counters[:start], evidence.seen[:start])
        self.chosen = choose(*self._production())
        self.columns = np.array([0, 1, *(FIRST_BOUND + k for k in self.chosen)])
        self.placebo = Placebo.of(len(self.columns) - 1, self.split)
        baseline = counts.new[:, : self.split].take(self.columns, axis=2)
        self.placebo.fold(baseline, counts.adjacent[:, : self.split])
        self.beside = Beside(policy.stale)
        now = self.beside.fold(self._present(evidence.seen[:start]))
        history = int(evidence.seen[:start, : self.split].sum(axis=1).max(initial=0))
        self.placebo.leave_out(history)
        self.silence, self.restarts = Silence(policy), Latest.none(len(evidence.names), 1)
        restarted(evidence, slice(0, start), self.restarts)
        self.online = Terms.of(ONLINE_CAP, len(self.columns) - 1)
        self._settle(evidence, _pilots_at_first(evidence), history, now)
        self.left_end = Rows(
            [-1],
            self.counting.counted[None],
            self.placebo.over_pods(self.placebo.terms.sums)[None],
            evidence.seen[start - 1 : start] if start else np.zeros((1, len(evidence.names)), bool),
            [now[-1] if now else (0, 0)],
            [0.0],
        )

    def _settle(self, evidence: Evidence, pilots: int, baseline: int, now: Sequence[tuple[int, int]]) -> None:
        """What the history says, once for all. `pilots`: how many pods the pilot begins with; `baseline`: how many
        production had at most; `now`: how many there were in each scrape.
        """
        policy = self.policy
        offsets = self._offsets(1.0 / pilots + 1.0 / max(baseline, 1))
        self.error_null = float(rounded(np.array(max(ln(policy.rho0), float(offsets[0])))))
        self.reference = Reference(evidence.bounds, self.chosen, offsets[1:], policy)
        self.warmup = Warmup(policy, np.full(len(self.chosen), np.inf))
        histories = [values[: self.start, : self.split] for values in evidence.gauges.values()]
        self.pilots, there = pilots, np.array([pods for _, pods in now], int)
        self.setup = Setup(
            policy,
            tuple(evidence.bounds[k] for k in self.chosen),
            tuple(evidence.gauges),
            tuple(model(history, there, pilots, policy) for history in histories),
            self.split > 0,
            _warnings(evidence),
        )

    def fold(self, evidence: Evidence, end: int) -> Block:
        """Takes the scrapes before `end` that were not taken yet, of evidence that may have grown since."""
        now, first = slice(self.at, end), self.at - self.start
        counts = self.counting.fold(evidence.counters[now], evidence.seen[now])
        placebo = self.placebo.fold(
            counts.new[:, : self.split].take(self.columns, axis=2), counts.adjacent[:, : self.split]
        )
        most = self.beside.fold(self._present(evidence.seen[now]))
        weight = rounded(evidence.weight[now]).tolist()
        scrapes = list(range(first, end - self.start))
        new = Rows(scrapes, counts.sums[1:], placebo[1:], evidence.seen[now], most, weight)
        rows = self.left_end.then(new)
        pilots, baseline = bits(rows.seen[:, self.split :]), bits(rows.seen[:, : self.split])
        found, left = close(pilots, baseline, rows.most)
        self.left_end, self.at = rows.since(left), end
        lefts = [one.left for one in found]
        counted = count(rows, found, self.columns, self.split)
        kappa, share_kappa = kappas(counted, rows.placebo[lefts], self.online, self.policy.kappa_default)
        ours = total(rows.sums[lefts][:, : self.split], axis=1)
        known = nulls(counted, kappa, ours, self.error_null, self.reference, self.warmup)
        d, above = self._gauges(evidence, now, most)
        told_ = told(evidence, now, counts, most, self.restarts)
        failing = [(t, self.silence.fold(scrape)) for t, scrape in zip(scrapes, told_, strict=True)]
        return Block(
            first=first,
            end=end - self.start,
            t=counted.t,
            left=counted.left,
            n=counted.n,
            pods=counted.pods,
            events=counted.events,
            kappa=kappa,
            **known,
            share=np.array((counted.share_weight, share_kappa)).T,
            d=d,
            above=above,
            failing=_reached(failing),
            routed=tuple((evidence.weight[now] > 0).tolist()),
        )

    def _production(self) -> tuple[float, Array]:
        """The baseline's requests so far, and those slower than each bound."""
        ours = total(self.counting.counted[: self.split])
        return float(ours[0]), ours[FIRST_BOUND:]

    def _present(self, seen: Flags) -> list[tuple[int, int]]:
        """How many pods of both arms were scraped."""
        arms = (
            np.add.reduce(arm, axis=1, dtype=int) for arm in (seen[:, self.split :], seen[:, : self.split])
        )
        return list(zip(*(arm.tolist() for arm in arms), strict=True))

    def _offsets(self, q: float) -> Array:
        """The tolerated offset of pods for each binary metric."""
        sums = self.placebo.over_pods(self.placebo.terms.sums)
        counted = self.counting.counted[: self.split]
        found = []
        for metric, column in enumerate(self.columns[1:]):
            chi, e, n = float(chi_square(sums)[metric]), *(float(one) for one in sums[metric, 1:3])
            mean = self.policy.kappa_default * e / max(n, 1.0)
            excess = max(chi / n - 1.0, 0.0) if n >= ENOUGH_TERMS else mean
            found.append(offset(counted[:, 0], counted[:, column], excess, q))
        return np.array(found)

    def _gauges(self, evidence: Evidence, now: slice, most: Sequence[tuple[int, int]]) -> tuple[Array, Array]:
        if not evidence.gauges:
            nothing = np.zeros((len(evidence.weight[now]), 0))
            return nothing, nothing
        values = np.array([one[now] for one in evidence.gauges.values()]).swapaxes(0, 1)
        pods = np.array([(self.pilots, baseline) for _, baseline in most], int)
        return difference(values[..., self.split :], values[..., : self.split], pods)


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
