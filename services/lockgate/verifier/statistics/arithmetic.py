"""Arithmetic that gives the same bytes on every machine: only + - * / and what is exact.

The logarithm of libm differs between processors by a last digit; this one does not.
"""

from math import frexp

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476
_TERMS = 11


def log(x: float) -> float:
    """The natural logarithm of a positive number; its error is below 1e-15 of the result's size."""
    if not x > 0.0:
        raise ValueError(f"{x!r} has no logarithm: only positive numbers do")
    mantissa, exponent = frexp(x)
    if mantissa < _SQRT_HALF:
        mantissa, exponent = 2.0 * mantissa, exponent - 1
    f = (mantissa - 1.0) / (mantissa + 1.0)
    square, series = f * f, 0.0
    for k in range(2 * _TERMS + 1, 0, -2):
        series = series * square + 1.0 / k
    return exponent * _LN2_HIGH + (2.0 * f * series + exponent * _LN2_LOW)


def decimal(x: float) -> str:
    """The number as evidence carries it and as it is compared: seven significant digits."""
    return f"{x:.6e}"


def rounded(x: float) -> float:
    """The number that `decimal` writes, so that what is compared is what is written."""
    return float(decimal(x))


def odds(chance: float) -> str:
    """A chance for people, such as `1 in 600` or `1 in 10^12`; of a small one the order of magnitude, rounded up.
    Evidence carries the number itself.
    """
    if not 0 < chance < 1:
        return decimal(chance) if chance else "next to nothing"
    if chance > 1e-6:
        return f"1 in {round(1 / chance):,}".replace(",", " ")
    mantissa, _, exponent = decimal(chance).partition("e")
    return f"1 in 10^{-int(exponent) - (float(mantissa) > 1)}"
