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
    """The tolerated log odds ratio for offsets of pods that are evident in the history, rounded; 0 if none are.

    n, x: requests and events of each baseline pod. `excess`: kappa times the mean expectation. `q`: 1/m_c + 1/m_b.
    """
    n, x = n[n > 0], x[n > 0]
    m = len(n)
    if m < 2:
        return 0.0
    requests, events = total(n), total(x)
    cells = np.stack((x, n - x, events - x, (requests - n) - (events - x))) + 0.5
    logs = log(cells)
    delta = (logs[0] - logs[1]) - (logs[2] - logs[3])
    delta = delta - median(delta)
    variance = (1.0 + excess) * total(1.0 / cells)
    z = delta * delta / variance * ((m - 1) / m)
    df = m - 1
    if m >= MANY_PODS:
        kept = np.arange(m) != np.argmax(z)
        z, variance, df = z[kept] * TRIMMED, variance[kept], m - 2
    q_total = float(total(z))
    if q_total <= chi2_999(df):
        return 0.0
    sigma = float(np.sqrt((q_total - df) / float(total(1.0 / variance))))
    return float(rounded(np.array(min(t95(m - 1) * sigma * float(np.sqrt(q)), _LN3))))
