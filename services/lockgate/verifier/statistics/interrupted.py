"""A region with nothing to compare it with: its time series before and after the rollout, and moments at which nothing was
deployed, as placebos. What is measured; `alone` judges it.

Whatever happens to all alike is not cancelled here, so it is only judged by how much the same series moved at the placebos.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.gauges import Model, model_of_windows
from lockgate.verifier.statistics.levels import Levels, counted, of_known
from lockgate.verifier.statistics.numerics import Array, exp, exp_of, ln, rounded, total
from lockgate.verifier.statistics.offsets import median
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.slowness import Reference, choose

BEFORE = 60
"""So many scrapes before a moment are what is after it compared with."""
MOST_APART = 2
"""So many times the length of a watch may lie between what is before and the watch, as a rollout, a pilot or a night does. The
placebos have the same gap; for a longer one, too few of them are apart from each other.
"""
_KNOWN = 0.8
"""So much of the scrapes on either side of a placebo were read."""
_AS_SIGMA = 1.4826
"""A median of absolute deviations as a standard deviation."""
_PASSES = 0.5
"""At least so much slowness is what a pass without control tells."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What is known before the watch. W metrics: errors, slower than each chosen bound, gauges. All rounded."""

    policy: Policy
    names: tuple[str, ...]
    models: tuple[Model | None, ...]
    """How each moves, with what is tolerated; None where nothing is known of it."""
    placebos: Array
    """[J, W]: by how much it was higher after each placebo than before."""
    ratio: Array
    """[W]: the least excess that matters, as a logarithm of odds, or of values of gauges."""
    absolute: Array
    """[W]: the same in its own units."""
    margin: Array
    """[W]: what a pass allows, as a logarithm."""
    usual: float
    """Requests a scrape before the rollout."""
    quiet: int
    """The longest row of scrapes without requests in the history: so long a one is nobody's doing."""
    apart: int
    """So many scrapes lie between what is before the rollout and the watch; after each placebo as many are left out."""

    @property
    def too_far(self) -> bool:
        return self.apart > MOST_APART * self.policy.deadline


@dataclass(frozen=True, slots=True)
class Interrupted(Usual):
    """With N scrapes since the rollout was over."""

    requests: Array
    """[N]; NaN for a failed scrape."""
    d: Array
    """[N, W]: by how much it is higher than before the rollout; NaN where it is not known."""
    above: Array
    """[N, W]: the same in its own units."""


@dataclass(frozen=True, slots=True)
class Scales:
    """In what each metric is told, by its name: what it takes to go on with other evidence of the same region."""

    level: Mapping[str, float]
    """As a logarithm of odds, or of a gauge, in the last scrapes before the rollout; NaN where it is not known."""
    rates: Mapping[str, float]
    """Of all requests before the rollout, those that count."""
    requests: float
    """That a scrape had."""

    def of(self, evidence: Evidence, first: int) -> tuple[Array, Array, Array]:
        """`requests`, `d` and `above` of the scrapes from `first` on. What has other bounds than before is not known."""
        found = Levels.of(evidence, self.rates, self.requests)
        level = np.array(list(self.level.values()))
        usual, binary = of_known(exp, level), len(self.rates)
        usual[:binary] /= 1.0 + usual[:binary]
        return (
            found.requests[first:],
            rounded(found.y[first:] - level),
            rounded(found.own[first:] - usual),
        )


def moments(
    began: int, length: int, avoided: Sequence[tuple[int, int]] = (), apart: int = 0
) -> tuple[int, ...]:
    """Scrapes that can be placebos: as far apart as a watch is long, the last one watch and its gap before the rollout, and
    at least a watch from `avoided`, the spans (first, end) of deployments and known incidents.
    """
    found = range(began - length - apart, BEFORE - 1, -length)
    return tuple(
        moment
        for moment in reversed(found)
        if all(end <= moment - length or moment + length <= first for first, end in avoided)
    )


def scraped(evidence: Evidence, length: int, placebos: Sequence[int], apart: int = 0) -> tuple[int, ...]:
    """Those moments around which enough was scraped to tell anything."""
    there = ~np.isnan(counted(evidence)[0])
    spans = {
        moment: (there[moment - BEFORE : moment], there[moment + apart : moment + apart + length])
        for moment in placebos
    }
    return tuple(
        moment
        for moment, sides in spans.items()
        if all(int(side.sum()) >= _KNOWN * len(side) for side in sides)
    )


def silences(requests: Array) -> list[int]:
    """For each scrape, how many without requests there are in a row. One that failed neither lengthens a row nor ends it."""
    rows, row = [], 0
    for each in requests.tolist():
        row = row + 1 if each == 0 else 0 if each > 0 else row
        rows.append(row)
    return rows


def settle(evidence: Evidence, began: int, placebos: Sequence[int], apart: int) -> tuple[Usual, Scales]:
    """What the history says. `began`: the scrape in which the rollout did; the watch begins `apart` scrapes later. All pods
    are one region's.
    """
    policy = evidence.policy
    n, events = counted(evidence, began)
    ours = total(np.where(np.isnan(n[:, None]), 0.0, events))
    requests = float(total(np.where(np.isnan(n), 0.0, n)))
    chosen = choose(requests, ours[1:])
    columns = [0, *(1 + bound for bound in chosen)]
    binary = ("errors", *(f"latency>{evidence.bounds[k]!r}" for k in chosen))
    names = (*binary, *evidence.gauges)
    rates = dict(zip(binary, ((ours[columns] + 0.5) / (requests + 1.0)).tolist(), strict=True))
    each = requests / max(int((~np.isnan(n)).sum()), 1)
    found = Levels.of(evidence, rates, each, began)
    y, level = found.y, _mean(found.y[-BEFORE:])
    moved = np.array([_moved(y, moment, policy.deadline, apart) for moment in placebos]).reshape(
        len(placebos), len(names)
    )
    tolerated, ratio, margin = _sizes(evidence, chosen, requests, ours)
    gates = [2.0 * policy.of("g_abs", name) for name in evidence.gauges]
    usual = Usual(
        policy=policy,
        names=names,
        models=tuple(
            _model(y[:, w], placebos, moved[:, w], float(tolerated[w]), policy) for w in range(len(names))
        ),
        placebos=rounded(moved),
        ratio=rounded(ratio),
        absolute=np.array([2.0 * policy.err_abs, *[0.0] * len(chosen), *gates]),
        margin=rounded(margin),
        usual=float(np.nan_to_num(rounded(_mean(n[-BEFORE:, None])))[0]),
        quiet=max(silences(n), default=0),
        apart=apart,
    )
    return usual, Scales(dict(zip(names, level.tolist(), strict=True)), rates, each)


def measure(evidence: Evidence, began: int, placebos: Sequence[int]) -> Interrupted:
    """All at once; the evidence's start is where the rollout was over."""
    usual, scales = settle(evidence, began, placebos, evidence.start - began)
    end = evidence.start + evidence.policy.deadline
    told = (values[: end - evidence.start] for values in scales.of(evidence, evidence.start))
    return followed(usual, *told)


def followed(usual: Usual, requests: Array, d: Array, above: Array) -> Interrupted:
    """What is known before, with scrapes since."""
    before = {one.name: getattr(usual, one.name) for one in fields(Usual)}
    return Interrupted(**before, requests=requests, d=d, above=above)


def allowed_errors(policy: Policy) -> float:
    """What a pass allows of errors: twice the margin of a comparison."""
    return ln(2.0 * policy.err_margin - 1.0)


def _mean(y: Array) -> Array:
    """[A, W] to [W]; NaN of nothing."""
    there = ~np.isnan(y)
    count = np.add.reduce(there, axis=0, dtype=float)
    return np.where(count > 0, total(np.where(there, y, 0.0)) / np.maximum(count, 1.0), np.nan)


def _moved(y: Array, moment: int, length: int, apart: int) -> Array:
    first = moment + apart
    return np.asarray(_mean(y[first : first + length]) - _mean(y[max(moment - BEFORE, 0) : moment]))


def _sizes(
    evidence: Evidence, chosen: tuple[int, ...], requests: float, ours: Array
) -> tuple[Array, Array, Array]:
    """What is tolerated anyway, the least excess that matters (twice that of a comparison), and what a pass allows."""
    policy, gauges = evidence.policy, evidence.gauges
    doubled = replace(
        policy,
        lat_ratio=2.0 * policy.lat_ratio,
        lat_abs=2.0 * policy.lat_abs,
        lat_margin=max(2.0 * policy.lat_margin, _PASSES),
    )
    reference = Reference(evidence.bounds, chosen, np.zeros(len(chosen)), doubled)
    slow = reference.slowness(np.array([math.inf]), np.array([requests]), ours[None, 1:])
    ratios = [ln(1.0 + 2.0 * policy.of("g_ratio", name)) for name in gauges]
    return (
        np.array([ln(policy.rho0), *slow.tolerated[0].tolist(), *[ln(1.0 + policy.g_tol)] * len(gauges)]),
        np.array(
            [ln(2.0 * policy.err_ratio - 1.0), *np.maximum(slow.ratio, slow.absolute)[0].tolist(), *ratios]
        ),
        np.array(
            [
                allowed_errors(policy),
                *slow.margin[0].tolist(),
                *[ln(1.0 + 2.0 * policy.g_margin)] * len(gauges),
            ]
        ),
    )


def _model(y: Array, placebos: Sequence[int], moved: Array, tolerated: float, policy: Policy) -> Model | None:
    windows = [y[moment : moment + policy.deadline] for moment in placebos]
    known = moved[~np.isnan(moved)]
    found = model_of_windows(np.array(windows).reshape(len(windows), policy.deadline).T)
    if found is None or len(known) < 2:
        return None
    phi, sigma = found
    middle, apart = scatter(known)
    tol = max(tolerated, middle + t99(len(known) - 1) * apart * float(np.sqrt(1.0 + 1.0 / len(known))))
    return Model(phi, sigma, float(rounded(np.array(apart))), float(rounded(np.array(tol))))


def scatter(values: Array) -> tuple[float, float]:
    """The median, and the median of what is apart from it as a standard deviation."""
    middle = median(values)
    return middle, _AS_SIGMA * median(np.abs(values - middle))


def t99(df: int) -> float:
    """The 99 % quantile of Student's distribution, for twenty degrees of freedom and more to 1 %."""
    return 2.326348 + 3.7291 / df + 5.72 / (df * df)


def share_of(excess: float) -> float:
    """What a logarithm is as a share: .5 of ln 1.5."""
    return exp_of(excess) - 1.0
