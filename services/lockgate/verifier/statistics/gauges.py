"""Gauges (CPU, memory, ...): how those of production's pods move by themselves, and how far the pilot's are above them.

The model is AR(1) with a persistent offset of each pod, from the history of the baseline's pods. It is a plug-in: not
exactly valid at any time. Where the history shows that it does not fit (heavy tails, or pods that move more than others),
or is shorter than what it has to tell for, it allows more.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockgate.verifier.statistics.dispersion import MANY_PODS
from lockgate.verifier.statistics.numerics import (
    ONE,
    TWO,
    ZERO,
    Array,
    exp,
    ln,
    log,
    rounded,
    rounded_of,
    some,
    total,
)
from lockgate.verifier.statistics.offsets import TRIMMED, median, t95
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Flags, Indices

ENOUGH_SCRAPES = 20
_CAUTION = 1.04 * 1.04
_LEAST_SIGMA = 0.005
_MOST_PHI = 0.98
_TAIL, _EVIDENT = 2.5758, 1.25
"""The 99 % quantile of the size of a normal deviate, and how much more of it is no chance."""


@dataclass(frozen=True, slots=True)
class Model:
    """All rounded. `tol` is what the pilot may be above the baseline, as a logarithm."""

    phi: float
    sigma: float
    offset: float
    tol: float


def model(history: Array, beside: NDArray[np.intp], pilots: int, policy: Policy) -> Model | None:
    """From values [H, B] of the baseline's pods, NaN where there is none, and how many pods there are beside it [H]; None if they
    are too few to know anything.
    """
    there = history == history  # noqa: PLR0124  # no NaN
    count = np.add.reduce(there, axis=1, dtype=int)
    most, full = max(count.tolist(), default=0), (count * 2 >= beside) & (count > 0)
    enough = np.count_nonzero(full)
    if most < 2 or enough < ENOUGH_SCRAPES:
        return None
    there &= full[:, None]
    values = log(np.where(there, history, 1.0))  # of 1, so of nothing, where there is none
    mean = total(values, axis=1) / np.maximum(count * full, 1)
    r = (values - mean[:, None]) * there
    scrapes = np.add.reduce(there, axis=0, dtype=int)
    level = total(r) / np.maximum(scrapes, 1)
    h = (r - level) * there * (most / (most - 1))
    paired = there[1:] & there[:-1]
    pods = np.logical_or.reduce(paired, axis=0)
    if not some(pods):
        return None
    phi = _phi(h[1:], h[:-1] * paired, np.count_nonzero(paired) / np.count_nonzero(pods))
    steps = (h[1:] - phi * h[:-1]) * paired
    q = 1.0 / pilots + 1.0 / most
    sigma = _sigma(steps[:, pods], paired[:, pods], q * (most - 1) / most)
    level, scrapes = level[scrapes > 0], scrapes[scrapes > 0]
    offset = _offset(level, sigma / (1.0 - phi), float(np.add.reduce(scrapes)) / len(scrapes))
    apart = offset * offset * q + _wander(sigma, phi, policy.deadline / enough)
    tol = max(ln(1.0 + policy.g_tol), t95(most - 1) * float(np.sqrt(apart)))
    return Model(phi, sigma, offset, rounded_of(tol))


def model_of_difference(d: Array, windows: Indices, policy: Policy) -> Model | None:
    """From the difference of the arms [H] before a rollout, NaN where there is none, and the window that each scrape is in,
    -1 for none; None if it is too little.
    """
    there = ~np.isnan(d)
    kept = [d[there & (windows == index)] for index in range(int(windows.max(initial=-1)) + 1)]
    means = np.array([float(total(one)) / len(one) for one in kept if len(one)])
    if int(there.sum()) < ENOUGH_SCRAPES or len(means) < 2:
        return None
    h = np.where(there, d - float(total(d[there])) / int(there.sum()), 0.0)[:, None]
    paired = (there[1:] & there[:-1])[:, None]
    if not paired.any():
        return None
    phi = _phi(h[1:], h[:-1] * paired, float(paired.sum()))
    sigma = _sigma((h[1:] - phi * h[:-1]) * paired, paired, 1.0)
    j = len(means)
    apart = float(np.sqrt(float(total((means - float(total(means)) / j) ** 2)) / (j - 1)))
    tol = max(ln(1.0 + policy.g_tol), t95(j - 1) * apart * float(np.sqrt(1.0 + 1.0 / j)))
    return Model(phi, sigma, rounded_of(apart), rounded_of(tol))


def model_of_windows(y: Array) -> tuple[float, float] | None:
    """AR(1)'s coefficient and the standard deviation of an innovation, from windows [L, J] around their own means, NaN
    where there is nothing; None if there are too few values.
    """
    there = ~np.isnan(y)
    count = np.add.reduce(there, axis=0, dtype=float)
    if float(count.sum()) < ENOUGH_SCRAPES:
        return None
    h = np.where(there, y - total(np.where(there, y, 0.0)) / np.maximum(count, 1.0), 0.0)
    paired = there[1:] & there[:-1]
    if not paired.any():
        return None
    phi = _phi(h[1:] * paired, h[:-1] * paired, float(paired.sum()) / float(paired.any(axis=0).sum()))
    steps = (h[1:] - phi * h[:-1]) * paired
    return phi, _sigma(steps.reshape(-1, 1), paired.reshape(-1, 1), 1.0)


def _phi(now: Array, before: Array, n: float) -> float:
    """AR(1)'s coefficient, with the bias of a series of n values around their own mean taken out."""
    below = float(total(total(before * before)))
    phi = float(total(total(now * before))) / below if below > 0 else 0.0
    return rounded_of(min(max(phi + (1.0 + 3.0 * phi) / n, 0.0), _MOST_PHI))


def _sigma(steps: Array, paired: Flags, factor: float) -> float:
    """Standard deviation of an innovation of the difference of the arms, from those of pods, [H - 1, pods]."""
    squares = total(steps * steps) / np.add.reduce(paired, axis=0, dtype=int)
    if len(squares) >= MANY_PODS:
        kept = np.arange(len(squares)) != squares.argmax()
        squares, steps, paired = squares[kept], steps[:, kept], paired[:, kept]
    variance = float(total(squares)) / len(squares)
    sizes = np.sort(np.abs(steps[paired]))
    tail = float(sizes[int(0.99 * len(sizes))]) / max(_TAIL * math.sqrt(variance), 1e-12)
    heavier = tail * tail if tail > _EVIDENT else 1.0
    return rounded_of(max(math.sqrt(variance * heavier * _CAUTION * factor), _LEAST_SIGMA))


def _wander(sigma: float, phi: float, longer: float) -> float:
    """Variance of where the difference may have wandered to since a history that is so many times shorter than the
    verification: slow waves of pods do not show in a few minutes. 0 if it is as long.
    """
    return sigma * sigma / (1.0 - phi * phi) * max(longer - 1.0, 0.0) / 2.0


def _offset(level: Array, noise: float, n: float) -> float:
    """Standard deviation of the pods' lasting offsets, beyond what noise over n scrapes gives."""
    apart = (level - median(level)) ** 2
    m = len(level)
    if m >= MANY_PODS:
        variance = float(total(np.delete(apart, np.argmax(apart)))) * TRIMMED / (m - 2)
    else:
        variance = float(total(apart)) / max(m - 1, 1)
    return rounded_of(float(np.sqrt(max(variance - noise * noise / n, 0.0))))


def difference(pilot: Array, baseline: Array, pods: NDArray[np.intp]) -> tuple[Array, Array]:
    """From values [N, G, pods] of both arms: the difference of their mean logarithms, and of their geometric means,
    [N, G].

    NaN in a scrape in which less than half of an arm has a value. `pods` [N, 2]: how many each arm has.
    """
    values = np.concatenate((pilot, baseline), axis=-1)
    there = values == values  # noqa: PLR0124  # no NaN
    logs = log(np.where(there, values, 1.0))  # of 1, so of nothing, where there is none
    sums, count = (np.empty((2, *pilot.shape[:-1])) for _ in range(2))
    for arm, part in enumerate((slice(pilot.shape[-1]), slice(pilot.shape[-1], None))):
        sums[arm] = total(logs[..., part], axis=-1)
        np.add.reduce(there[..., part], axis=-1, dtype=float, out=count[arm])
    known = np.logical_and.reduce((count > ZERO) & (count * TWO >= pods.T[..., None]), axis=0)
    means = np.where(known, sums / np.maximum(count, ONE), ZERO)
    high, apart = exp(means), np.empty(means.shape)
    np.subtract(means[0], means[1], out=apart[0])
    np.subtract(high[0], high[1], out=apart[1])
    found = np.where(known, rounded(apart), np.nan)
    return found[0], found[1]
