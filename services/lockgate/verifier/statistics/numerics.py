"""Arithmetic over arrays that gives the same bytes on every processor; used by all of the method's modules.

The exp, log and lgamma of numpy and libm differ between processors by a last digit, and sums over SIMD lanes by their
order. Here are only + - * / sqrt rint frexp ldexp, each its own rounding, and sums in ascending order.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LN2 = _LN2_HIGH + _LN2_LOW
_SQRT_HALF = 0.7071067811865476
_HALF_LN_2PI = 0.9189385332046727
_STIRLING = (1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)
_SHIFT = 8
_MICRO = 1e6


def log(x: Array) -> Array:
    """Natural logarithm of positive numbers, to 4e-16 of the result plus 1e-16."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _SQRT_HALF
    mantissa = np.where(low, mantissa + mantissa, mantissa)
    scale = np.subtract(exponent, low, dtype=np.float64)
    f = (mantissa - 1.0) / (mantissa + 1.0)
    square = f * f
    series = np.full_like(square, 1 / 23)
    for k in range(21, 0, -2):
        series *= square
        series += 1 / k
    series *= f
    series += series
    series += scale * _LN2_LOW
    series += scale * _LN2_HIGH
    return series


def exp(x: Array) -> Array:
    """Exponential, to 4e-16 of the result; 0 below -745, and never above that of 709."""
    x = np.minimum(np.maximum(x, -746.0), 709.0)
    power = np.rint(x / _LN2)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    series = np.full_like(rest, 1 / 13)
    for k in range(12, 0, -1):  # Taylor to rest^13, factored: 1 + r(1 + r/2(1 + r/3(...)))
        series *= rest
        series += 1.0
        series *= 1 / k
    series *= rest
    series += 1.0
    return np.ldexp(series, power.astype(np.intc))


def lgamma(z: Array) -> Array:
    """Logarithm of the gamma function of positive numbers up to 1e30: Stirling's series at z + 8."""
    product = z * (z + 1.0)
    for k in range(2, _SHIFT):
        product *= z + float(k)
    far = z + float(_SHIFT)
    logs = log(np.stack((far, product)))
    inverse = 1.0 / far
    square = inverse * inverse
    series = np.full_like(square, _STIRLING[0])
    for term in _STIRLING[1:]:
        series *= square
        series += term
    series *= inverse
    series += (far - 0.5) * logs[0]
    series -= far
    series += _HALF_LN_2PI
    series -= logs[1]
    return series


def logit(p: Array) -> Array:
    """ln(p / (1 - p)) of numbers between 0 and 1."""
    return log(p / (1.0 - p))


def total(x: Array, axis: int = 0) -> Array:
    """The sum along an axis in ascending order; 0 of nothing."""
    if x.shape[axis] == 0:
        return np.zeros(x.shape[:axis] + x.shape[axis + 1 :])
    return np.asarray(np.add.accumulate(x, axis=axis).take(-1, axis=axis))


def running(carry: Array, x: Array) -> Array:
    """carry, carry + x[0], carry + x[0] + x[1]...: one row more than `x`, the same however `x` is cut into parts."""
    return np.add.accumulate(np.concatenate((carry[None], x)), axis=0)


def rounded(x: Array) -> Array:
    """To 6 decimals, half to even, with no negative zero: what is used is what is written."""
    return np.asarray(np.rint(x * _MICRO) / _MICRO + 0.0)


def text(x: float) -> str:
    """A rounded number as evidence carries it: at most 6 decimals, no zeros at their end. `float` is the inverse."""
    return f"{x:.6f}".rstrip("0").rstrip(".")


def ln(x: float) -> float:
    """`log` of one number."""
    return float(log(np.array([x]))[0])
