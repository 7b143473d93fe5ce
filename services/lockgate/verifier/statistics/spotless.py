"""A pilot without any error beside a production without any: what its requests say of its own rate of errors.

There is no ratio to be had there. Of n requests of a scrape that fail with the chance p, and no more in bursts than by the over-dispersion
kappa, none fails with (1 + kappa n p)^(-1 / kappa). The inverse of that is a wager at fair odds that the rate is p or more, which the
first error loses; so it may be looked at after every scrape, as everything else. Of rarer and longer bursts it tells nothing.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.measured import Block
from lockgate.verifier.statistics.numerics import Array, ln, log, running


@dataclass(slots=True)
class Spotless:
    """State of one verification: what the scrapes so far tell, and the errors of both arms in them."""

    rate: float
    """The policy's `err_none`."""
    kappa: float
    """What is not measured, where there are no errors to measure it by: the policy's `kappa_default`."""
    so_far: Array

    @classmethod
    def of(cls, rate: float, kappa: float) -> "Spotless":
        return cls(rate, kappa, np.zeros(2))

    @property
    def asked(self) -> bool:
        return self.rate > 0

    def gains(self, requests: Array) -> Array:
        """What so many requests of a scrape without an error tell; 0 if it is not asked."""
        if not self.kappa:
            return requests * -ln(1.0 - self.rate)
        return log(1.0 + self.kappa * self.rate * requests) / self.kappa

    def fold(self, block: Block) -> Array:
        """The logarithm of the wager's wealth after each stratum [S]; minus infinity where it is lost.

        It is asked for half of `beta`: it is another way to pass beside the ratio's.
        """
        errors = block.events[:, 0, 0] + block.events[:, 0, 1]
        sums = running(self.so_far, np.array((self.gains(block.n[:, 0]), errors)).T)
        self.so_far = sums[-1]
        told, failed = sums[1:].T
        return np.where(failed == 0, told - ln(2.0), -np.inf)
