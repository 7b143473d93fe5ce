"""Arithmetic over arrays that gives the same bytes on every processor; used by all of the method's modules.

The exp, log and lgamma of numpy and libm differ between processors by a last digit, and sums over SIMD lanes by their
order. Here are only + - * / sqrt rint frexp ldexp, each its own rounding, and sums in ascending order.
"""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LN2 = _LN2_HIGH + _LN2_LOW
_SQRT_HALF = 0.7071067811865476
_BITS = np.array(_SQRT_HALF).view(np.int64)
_MANTISSA = np.array(2**52 - 1)
_SHIFTED_HIGH, _SHIFTED_LOW = np.array(_LN2_HIGH * 2.0**-52), np.array(_LN2_LOW * 2.0**-52)
_LOG_SERIES = tuple(np.array(1 / k) for k in range(23, 1, -2))
_EXP_SERIES = tuple(np.array(1 / k) for k in range(13, 0, -1))
_LEAST, _MOST, _STEP, _STEP_HIGH, _STEP_LOW = map(np.array, (-746.0, 709.0, _LN2, _LN2_HIGH, _LN2_LOW))
_HALF_LN_2PI, _HALF = np.array(0.9189385332046727), np.array(0.5)
_STIRLING = tuple(np.array(term) for term in (1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12))
_SHIFT = 8
_MICRO = 1e6
_MILLION = np.array(_MICRO)
ZERO, ONE, TWO = np.array(0.0), np.array(1.0), np.array(2.0)
"""As arrays: a call for few numbers takes a third less with one of these than with a number of Python, which is converted each time."""
_SHIFTS = tuple(np.array(float(k)) for k in range(2, _SHIFT + 1))
_BELOW_ONE = 1.0 - 2.0**-53

_FEW = 24
"""So many numbers cost less one by one: a call of numpy takes as long as a dozen operations of Python."""
_MANY = 100
"""So many sums side by side are added row by row, rather than with all that is in between."""
_PART = 4096
"""So many at a time stay in the processor's cache."""

np.empty(2**20)
# Given back at once, after which glibc keeps as much of what is freed for what comes (mallopt(3), M_TRIM_THRESHOLD). Without it the
# pages of the arrays of sixty scrapes go back to the system and come from it again, which is a tenth of the time that a verdict takes.


def log(x: Array) -> Array:
    """Natural logarithm of positive numbers from 3e-308 on, to 4e-16 of the result plus 1e-16."""
    if x.size <= _FEW:
        return np.array([log_of(one) for one in x.ravel().tolist()], float).reshape(x.shape)
    bits = np.ascontiguousarray(x).view(np.int64)
    power = bits - _BITS
    rest = power & _MANTISSA
    power -= rest  # 2^52 times the power: a shift, which costs more, is in the constants
    rest += _BITS
    mantissa = rest.view(np.float64)  # from sqrt(1/2) to sqrt(2)
    f = mantissa - ONE
    mantissa += ONE
    f /= mantissa
    square = f * f
    series = square * _LOG_SERIES[0]
    for term in _LOG_SERIES[1:]:
        series += term
        series *= square
    series += ONE
    series *= f
    series += series
    scale = power.astype(np.float64)
    series += scale * _SHIFTED_LOW
    scale *= _SHIFTED_HIGH
    series += scale
    return np.asarray(series)


def log_of(x: float) -> float:
    """The same of one number, to the last bit."""
    mantissa, power = math.frexp(x)
    if mantissa < _SQRT_HALF:
        mantissa, power = mantissa + mantissa, power - 1
    f = (mantissa - 1.0) / (mantissa + 1.0)
    q = f * f
    series = ((((1 / 23 * q + 1 / 21) * q + 1 / 19) * q + 1 / 17) * q + 1 / 15) * q + 1 / 13
    series = ((((series * q + 1 / 11) * q + 1 / 9) * q + 1 / 7) * q + 1 / 5) * q + 1 / 3
    series = (series * q + 1.0) * f
    return (series + series) + power * _LN2_LOW + power * _LN2_HIGH


def exp(x: Array) -> Array:
    """Exponential, to 4e-16 of the result; 0 below -745, and never above that of 709."""
    if x.size <= _FEW:
        return np.array([exp_of(one) for one in x.ravel().tolist()], float).reshape(x.shape)
    x = np.minimum(np.maximum(x, _LEAST), _MOST)
    power = np.rint(x / _STEP)
    x -= power * _STEP_HIGH
    x -= power * _STEP_LOW
    series = x * _EXP_SERIES[0]
    for term in _EXP_SERIES[1:]:  # Taylor to x^13, factored: 1 + x(1 + x/2(1 + x/3(...)))
        series += ONE
        series *= term
        series *= x
    series += ONE
    return np.asarray(np.ldexp(series, power.astype(np.intc)))


def exp_of(x: float) -> float:
    """The same of one number, to the last bit."""
    x = min(max(x, -746.0), 709.0)
    power = round(x / _LN2)
    x = (x - power * _LN2_HIGH) - power * _LN2_LOW
    series = (((1 / 13 * x + 1.0) * (1 / 12) * x + 1.0) * (1 / 11) * x + 1.0) * (1 / 10) * x
    series = (((series + 1.0) * (1 / 9) * x + 1.0) * (1 / 8) * x + 1.0) * (1 / 7) * x
    series = (((series + 1.0) * (1 / 6) * x + 1.0) * (1 / 5) * x + 1.0) * (1 / 4) * x
    series = (((series + 1.0) * (1 / 3) * x + 1.0) * (1 / 2) * x + 1.0) * x
    return math.ldexp(series + 1.0, power)


def lgamma(z: Array) -> Array:
    """Logarithm of the gamma function of positive numbers up to 1e30: Stirling's series at z + 8."""
    if z.size <= _PART:
        return _lgamma(z)
    flat, found = z.reshape(-1), np.empty(z.size)
    for at in range(0, z.size, _PART):
        found[at : at + _PART] = _lgamma(flat[at : at + _PART])
    return found.reshape(z.shape)


def _lgamma(z: Array) -> Array:
    both = np.empty((2, *z.shape))
    far, product = both
    np.add(z, ONE, out=product)
    product *= z
    for shift in _SHIFTS[:-1]:
        np.add(z, shift, out=far)
        product *= far
    np.add(z, _SHIFTS[-1], out=far)
    logs = log(both)
    inverse = ONE / far
    square = inverse * inverse
    series = square * _STIRLING[0]
    for term in _STIRLING[1:-1]:
        series += term
        series *= square
    series += _STIRLING[-1]
    series *= inverse
    far_, product_ = logs
    far_ *= far - _HALF
    series += far_
    series -= far
    series += _HALF_LN_2PI
    series -= product_
    return np.asarray(series)


def logit(p: Array) -> Array:
    """ln(p / (1 - p)) of numbers between 0 and 1; of 1 itself, that of the largest number below it."""
    p = np.minimum(p, _BELOW_ONE)
    return log(p / (ONE - p))


def total(x: Array, axis: int = 0) -> Array:
    """The sum along an axis in ascending order; 0 of nothing."""
    axis %= x.ndim
    if x.shape[axis] == 0:
        return np.zeros(x.shape[:axis] + x.shape[axis + 1 :])
    if x.shape[axis] == 1:
        return np.asarray(x.take(0, axis=axis))
    if x.shape[axis] > _FEW or x.size < _MANY * x.shape[axis]:
        return np.asarray(np.add.accumulate(x, axis=axis).take(-1, axis=axis))
    along = x.transpose(axis, *(other for other in range(x.ndim) if other != axis))
    found = along[0].copy()
    for row in along[1:]:
        found += row
    return np.asarray(found)


def running(carry: Array, x: Array | NDArray[np.bool_]) -> Array:
    """carry, carry + x[0], carry + x[0] + x[1]...: one row more than `x`, the same however `x` is cut into parts."""
    found = np.empty((len(x) + 1, *carry.shape))
    found[0], found[1:] = carry, x
    return add_up(found)


def add_up(rows: Array) -> Array:
    """The same in place: each row is added to that after it."""
    if rows.size < _MANY * len(rows):
        return np.add.accumulate(rows, axis=0, out=rows)
    for before, row in pairwise(rows):
        np.add(before, row, out=row)
    return rows


def some(flags: NDArray[np.bool_]) -> bool:
    """Whether any is set; `any`, of which numpy's own costs as much as three other calls."""
    return bool(np.count_nonzero(flags))


def every(flags: NDArray[np.bool_]) -> bool:
    return bool(np.count_nonzero(flags) == flags.size)


def rounded(x: Array) -> Array:
    """To 6 decimals, half to even, with no negative zero: what is used is what is written."""
    found = np.rint(x * _MILLION)
    found /= _MILLION
    found += ZERO
    return np.asarray(found)


def rounded_of(x: float) -> float:
    """The same of one finite number."""
    return round(x * _MICRO) / _MICRO


def text(x: float) -> str:
    """A rounded number as evidence carries it: at most 6 decimals, no zeros at their end. `float` is the inverse."""
    return f"{x:.6f}".rstrip("0").rstrip(".")


ln = log_of
