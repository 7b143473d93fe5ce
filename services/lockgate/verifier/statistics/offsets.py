"""How much pods differ from each other for good: what a pilot pod may differ by without being worse."""

import numpy as np

from lockgate.verifier.statistics.dispersion import MANY_PODS
from lockgate.verifier.statistics.numerics import Array, log, rounded, total

_T95 = (6.3138, 2.92, 2.3534, 2.1318, 2.015, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125)
_LN3 = 1.0986122886681098
_Z999 = 3.0902
TRIMMED = 1.5
"""What a sum of squares without its largest is multiplied by."""


def t95(df: int) -> float:
    """The 95 % quantile of Student's distribution."""
    return _T95[df - 1] if df <= len(_T95) else 1.644854 + 1.5238 / df + 1.42 / (df * df)


def chi2_999(df: int) -> float:
    """The 99.9 % quantile of chi-square, by Wilson and Hilferty."""
    root = 1.0 - 2.0 / (9.0 * df) + _Z999 * float(np.sqrt(2.0 / (9.0 * df)))
    return df * root * root * root


def median(values: Array) -> float:
    ordered = np.sort(values)
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else float((ordered[half - 1] + ordered[half]) / 2.0)


def offset(n: Array, x: Array, excess: float, q: float) -> float:
    """`offsets` of one metric."""
    return float(offsets(n, x[None], np.array([excess]), q)[0])


def offsets(n: Array, x: Array, excess: Array, q: float) -> Array:
    """The tolerated log odds ratios [J] for offsets of pods that are evident in the history, rounded; 0 if none are.

    n [P], x [J, P]: requests and events of each baseline pod. `excess` [J]: kappa times the mean expectation. `q`:
    1/m_c + 1/m_b.
    """
    n, x = n[n > 0], x[:, n > 0]
    m = len(n)
    if m < 2:
        return np.zeros(len(x))
    requests, events = total(n), total(x, axis=1)[:, None]
    cells = np.array((x, n - x, events - x, (requests - n) - (events - x))) + 0.5
    logs = log(cells)
    delta = (logs[0] - logs[1]) - (logs[2] - logs[3])
    ordered = np.sort(delta, axis=1)
    middle = ordered[:, m // 2] if m % 2 else (ordered[:, m // 2 - 1] + ordered[:, m // 2]) / 2.0
    delta = delta - middle[:, None]
    variance = (1.0 + excess)[:, None] * total(1.0 / cells)
    z, kept, df = delta * delta / variance * ((m - 1) / m), np.ones(x.shape, bool), m - 1
    if m >= MANY_PODS:
        kept, df = np.arange(m) != z.argmax(axis=1)[:, None], m - 2
        z = z * TRIMMED
    q_total = total(z * kept, axis=1)
    sigma = np.sqrt(np.maximum(q_total - df, 0.0) / total(1.0 / variance * kept, axis=1))
    found = np.minimum(t95(m - 1) * sigma * float(np.sqrt(q)), _LN3)
    return np.where(q_total <= chi2_999(df), 0.0, rounded(found))
