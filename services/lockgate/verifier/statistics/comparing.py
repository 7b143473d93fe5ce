"""The numbers of each stratum: counts of both arms, and what is tolerated, from what is known at its left end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.dispersion import (
    PRIOR_TERMS,
    Terms,
    binomial_variance,
    kappa,
    placebo_kappa,
)
from lockgate.verifier.statistics.intervals import Interval
from lockgate.verifier.statistics.kernel import mean
from lockgate.verifier.statistics.mix import Mix
from lockgate.verifier.statistics.numerics import Array, rounded, total
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
    lefts, rights = [one.left for one in found], [one.right for one in found]
    new: Array = (rows.sums[rights] - rows.sums[lefts]).take(columns, axis=2)
    new *= (rows.seen[lefts] & rows.seen[rights])[..., None]
    return new


def count(
    rows: Rows, found: Sequence[Interval], columns: Indices, split: int, mix: Mix | None = None
) -> Counted:
    """`columns`: requests, errors and the chosen bounds; `split`: the first `split` pods are the baseline's; `mix`: of the
    regions that those are of, if it is not one.
    """
    lefts, rights = [one.left for one in found], [one.right for one in found]
    new = _new(rows, found, columns)
    arms = np.empty((len(found), len(columns), 2))
    arms[..., 0] = total(new[:, split:], axis=1)
    arms[..., 1] = total(new[:, :split], axis=1) if mix is None else mix.level(new[:, :split])
    n, events = arms[:, 0], arms[:, 1:]
    s, requests = events[..., 0] + events[..., 1], (n[:, 0] + n[:, 1])[:, None]
    most = [(max(c, 1), max(b, 1)) for c, b in (rows.most[left] for left in lefts)]
    return Counted(
        t=np.array([rows.scrapes[right] for right in rights], float),
        left=np.array([rows.scrapes[left] for left in lefts], float),
        n=n,
        pods=np.array([(one.pilots, one.baseline) for one in found], float).reshape(len(found), 2),
        events=events,
        factor=np.array([(1 / c + 1 / b) * (b - 1) / b for c, b in most], float),
        share_weight=np.array([_share(rows.weight, one) for one in found], float),
        usable=(s > 0) & (s < requests) & (n.min(axis=1, initial=1.0) > 0)[:, None],
    )


def _share(weight: Sequence[float], interval: Interval) -> float:
    """The pilot's share over the interval; 0 if it changed, or if not every pod was measured."""
    share = weight[interval.left + 1]
    steady = all(one == share for one in weight[interval.left + 1 : interval.right + 1])
    return share if steady and interval.everybody and 0 < share < 1 else 0.0


def kappas(counted: Counted, placebo: Array, online: Terms, default: float) -> tuple[Array, Array]:
    """Over-dispersion of each binary metric [S, J], and of requests [S]. `placebo`: its sums at the left ends."""
    own = online.fold(*deviations(counted), counted.usable)[:-1]
    beside = placebo_kappa(placebo, counted.factor[:, None], default)
    return rounded(np.maximum(beside[:, :-1], kappa(own, prior=PRIOR_TERMS))), rounded(beside[:, -1])


def deviations(counted: Counted, odds: Array | None = None) -> tuple[Array, Array, Array]:
    """The pilot's events, what was to be expected of them, and their variance per expectation, [S, J]. `odds` [J]: the
    odds ratios at which the arms are as usual; 1 if not given.
    """
    n, m, s = counted.n[:, :1], counted.n[:, 1:], counted.events[..., 0] + counted.events[..., 1]
    e = n * s / np.maximum(n + m, 1.0) if odds is None else np.where(counted.usable, mean(odds, n, m, s), 1.0)
    return counted.events[..., 0], e, binomial_variance(e, s, n)


def nulls(  # noqa: PLR0917  # what is known at a left end has many sources
    counted: Counted,
    kappa_: Array,
    baseline: Array,
    error_null: float,
    reference: Reference,
    warmup: Warmup,
    usual: Array,
) -> dict[str, Array]:
    """Log odds ratios per stratum: `psi0`, `tol`, `ratio`, `absolute`, `margin` of `measured.Block`.

    `baseline`: everything counted of the baseline at the left ends, [S, M]; `usual`: by how much the arms differ anyway, [J].
    """
    slowness = reference.slowness(counted.t, baseline[:, 0], baseline[:, FIRST_BOUND:])
    soon = counted.t < warmup.policy.warm_scrapes
    psi0, tol = (np.empty((len(counted.t), 1 + len(reference.chosen))) for _ in range(2))
    tol[:, 0], tol[:, 1:] = error_null, slowness.tolerated
    psi0[:] = tol
    if soon.any():
        n, m = (np.repeat(counted.n[soon, arm, None], len(reference.chosen), axis=1) for arm in (0, 1))
        events = counted.events[soon, 1:]
        seen = observed(events[..., 0], n, events[..., 1], m, kappa_[soon, 1:])
        over = np.maximum(seen - usual[1:] - slowness.tolerated[soon], 0.0)
        allowed = warmup.fold(counted.t[soon], slowness.scheduled[soon], over, counted.usable[soon, 1:])
        psi0[soon, 1:] = rounded(slowness.tolerated[soon] + allowed)
    found = {
        "psi0": psi0 + usual,
        "tol": tol + usual,
        "ratio": slowness.ratio + usual[1:],
        "absolute": slowness.absolute + usual[1:],
        "margin": slowness.margin + usual[1:],
    }
    return {name: rounded(one) for name, one in found.items()} if usual.any() else found
