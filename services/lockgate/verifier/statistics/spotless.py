"""A pilot without any error: what its requests say of its own rate of errors, where there is no ratio to be had.

Of n requests that fail with the chance p none fails with (1 − p)^n. The inverse of that is a wager at fair odds that the rate is
p or more, which the first error loses; so it may be looked at after every scrape, as everything else.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.measured import Block
from lockgate.verifier.statistics.numerics import Array, ln, running


@dataclass(slots=True)
class Spotless:
    """State of one verification: requests and errors of the pilot so far."""

    rate: float
    """The policy's `err_none`."""
    so_far: Array

    @classmethod
    def of(cls, rate: float) -> "Spotless":
        return cls(rate, np.zeros(2))

    @property
    def gain(self) -> float:
        """What a request without an error tells; 0 if it is not asked."""
        return -ln(1.0 - self.rate)

    def fold(self, block: Block) -> Array:
        """The logarithm of the wager's wealth after each stratum [S]; minus infinity where it is lost, or not asked."""
        sums = running(self.so_far, np.stack((block.n[:, 0], block.events[:, 0, 0]), axis=1))
        self.so_far = sums[-1]
        requests, errors = sums[1:].T
        return np.where((errors == 0) & (self.rate > 0), requests * self.gain, -np.inf)
