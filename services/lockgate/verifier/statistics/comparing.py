"""The numbers of each stratum: counts of both arms, and what is tolerated, from what is known at its left end."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from lockgate.verifier.statistics.dispersion import (
    PRIOR_TERMS,
    Terms,
    binomial_variance,
    kappa,
    placebo_kappa,
)
from lockgate.verifier.statistics.intervals import Interval, at
from lockgate.verifier.statistics.kernel import mean
from lockgate.verifier.statistics.mix import Mix
from lockgate.verifier.statistics.numerics import ONE, ZERO, Array, rounded, total
from lockgate.verifier.statistics.series import Flags, Indices
from lockgate.verifier.statistics.slowness import Reference, Warmup, observed

FIRST_BOUND = 2
"""Columns of the counters: requests, errors, and from here on requests slower than each bound."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known after each of R scrapes; of a block of scrapes, row 0 is the left end of its first stratum, and
    the rows up to the block are those of the stratum that is open.
    """

    scrapes: list[int]
    """Since the start."""
    sums: Array
    """[R, P, M]: everything counted so far."""
    placebo: Array
    """[R, J + 1, *]: sums over the differences of placebo pods."""
    seen: Flags
    """[R, P]"""
    most: list[tuple[int, int]]
    """How many pods pilot and baseline have: see `Beside`."""
    weight: list[float]

    def since(self, at: int) -> "Rows":
        """From row `at` on."""
        return Rows(
            self.scrapes[at:],
            self.sums[at:],
            self.placebo[at:],
            self.seen[at:],
            self.most[at:],
            self.weight[at:],
        )

    def then(self, other: "Rows") -> "Rows":
        return Rows(
            self.scrapes + other.scrapes,
            np.concatenate((self.sums, other.sums)),
            np.concatenate((self.placebo, other.placebo)),
            np.concatenate((self.seen, other.seen)),
            self.most + other.most,
            self.weight + other.weight,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """S strata. The fields are those of `measured.Block`."""

    t: Array
    left: Array
    n: Array
    pods: Array
    events: Array
    factor: Array
    """[S]: q (m_b - 1) / m_b, by which placebo pods tell how much the arms differ; 0 for one pod."""
    share_weight: Array
    usable: Flags
    """[S, J]: whether the stratum can tell anything of a metric."""


def even(rows: Rows, found: Sequence[Interval], split: int, mix: Mix | None) -> list[Interval]:
    """Those in which each region of the baseline has enough of the requests; of one region's pods, all."""
    if mix is None or not found:
        return list(found)
    enough = mix.even(_new(rows, found, np.array([0]))[:, :split, 0])
    return [one for one, kept in zip(found, enough.tolist(), strict=True) if kept]


def _new(rows: Rows, found: Sequence[Interval], columns: Indices) -> Array:
    """[S, P, M]: what was counted in each stratum, by the pods that are there at both ends."""
    lefts, rights = at([one.left for one in found]), at([one.right for one in found])
    new: Array = (rows.sums[rights] - rows.sums[lefts]).take(columns, axis=2)
    new *= (rows.seen[lefts] & rows.seen[rights])[..., None]
    return new


def count(
    rows: Rows, found: Sequence[Interval], columns: Indices, split: int, mix: Mix | None = None
) -> Counted:
    """`columns`: requests, errors and the chosen bounds; `split`: the first `split` pods are the baseline's; `mix`: of the
    regions that those are of, if it is not one.
    """
    new = _new(rows, found, columns)
    arms = np.empty((len(found), len(columns), 2))
    arms[..., 0] = total(new[:, split:], axis=1)
    arms[..., 1] = total(new[:, :split], axis=1) if mix is None else mix.level(new[:, :split])
    n, events = arms[:, 0], arms[:, 1:]
    s, requests = events[..., 0] + events[..., 1], (n[:, 0] + n[:, 1])[:, None]
    told = np.array([_told(rows, one) for one in found], float).reshape(-1, 6)
    t, left, pods, baseline, factor, share = told.T
    return Counted(
        t=t,
        left=left,
        n=n,
        pods=np.array((pods, baseline)).T,
        events=events,
        factor=factor,
        share_weight=share,
        usable=(s > ZERO) & (s < requests) & (np.minimum(n[:, :1], n[:, 1:]) > ZERO),
    )


def _told(rows: Rows, one: Interval) -> tuple[float, ...]:
    """Numbers of one stratum: those of `Counted` that are no counts of requests or events."""
    most, baseline = rows.most[one.left]
    c, b = max(most, 1), max(baseline, 1)
    factor, share = (1 / c + 1 / b) * (b - 1) / b, _share(rows.weight, one)
    return rows.scrapes[one.right], rows.scrapes[one.left], one.pilots, one.baseline, factor, share


def _share(weight: Sequence[float], interval: Interval) -> float:
    """The pilot's share over the interval; 0 if it changed, or if not every pod was measured."""
    first, end = interval.left + 1, interval.right + 1
    share = weight[first]
    steady = first + 1 == end or weight[first:end].count(share) == end - first
    return share if steady and interval.everybody and 0 < share < 1 else 0.0


def kappas(counted: Counted, placebo: Array, online: Terms, default: float) -> tuple[Array, Array]:
    """Over-dispersion of each binary metric [S, J], and of requests [S]. `placebo`: its sums at the left ends."""
    own = online.fold(*deviations(counted), counted.usable)[:-1]
    metrics = own.shape[1]
    each = kappa(np.concatenate((own, placebo), axis=1), _prior(metrics))
    beside = placebo_kappa(each[:, metrics:], placebo[..., 2], counted.factor[:, None], default)
    np.maximum(beside[:, :-1], each[:, :metrics], out=beside[:, :-1])
    found = rounded(beside)
    return found[:, :-1], found[:, -1]


@cache
def _prior(metrics: int) -> Array:
    """Of the arms in each metric; of placebo pods, in each and in requests, there is none."""
    return np.array([PRIOR_TERMS] * metrics + [0.0] * (metrics + 1))


def deviations(counted: Counted, odds: Array | None = None) -> tuple[Array, Array, Array]:
    """The pilot's events, what was to be expected of them, and their variance per expectation, [S, J]. `odds` [J]: the
    odds ratios at which the arms are as usual; 1 if not given.
    """
    n, m, s = counted.n[:, :1], counted.n[:, 1:], counted.events[..., 0] + counted.events[..., 1]
    e = n * s / np.maximum(n + m, ONE) if odds is None else np.where(counted.usable, mean(odds, n, m, s), 1.0)
    return counted.events[..., 0], e, binomial_variance(e, s, n)


def nulls(  # noqa: PLR0917  # what is known at a left end has many sources
    counted: Counted,
    kappa_: Array,
    baseline: Array,
    error_null: float,
    reference: Reference,
    warmup: Warmup,
    usual: Array | None,
) -> dict[str, Array]:
    """Log odds ratios per stratum: `psi0`, `tol`, `ratio`, `absolute`, `margin` of `measured.Block`.

    `baseline`: everything counted of the baseline at the left ends, [S, M]; `usual`: by how much the arms differ anyway, [J],
    if they do.
    """
    slowness = reference.slowness(counted.t, baseline[:, 0], baseline[:, FIRST_BOUND:])
    tol = np.empty((len(counted.t), 1 + len(reference.chosen)))
    tol[:, 0], tol[:, 1:] = error_null, slowness.tolerated
    psi0, soon = tol, slice(int(np.count_nonzero(counted.t < warmup.policy.warm_scrapes)))
    if soon.stop:
        psi0 = tol.copy()
        n, m = (counted.n[soon, arm, None].repeat(len(reference.chosen), axis=1) for arm in (0, 1))
        events = counted.events[soon, 1:]
        seen = observed(events[..., 0], n, events[..., 1], m, kappa_[soon, 1:])
        seen = seen if usual is None else seen - usual[1:]
        over = np.maximum(seen - slowness.tolerated[soon], 0.0)
        allowed = warmup.fold(counted.t[soon], slowness.scheduled[soon], over, counted.usable[soon, 1:])
        psi0[soon, 1:] = rounded(slowness.tolerated[soon] + allowed)
    found = {
        "psi0": psi0,
        "tol": tol,
        "ratio": slowness.ratio,
        "absolute": slowness.absolute,
        "margin": slowness.margin,
    }
    if usual is None:
        return found
    return {name: rounded(one + usual[-one.shape[1] :]) for name, one in found.items()}
