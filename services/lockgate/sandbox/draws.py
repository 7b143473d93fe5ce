"""Seeded draws: the same words give the same numbers, on every machine and in every run."""

import math
import random
from collections.abc import Sequence

_EXACT = 30.0  # up to this expectation counts are drawn exactly; above, as a rounded normal


class Draws:
    """A stream of draws decided by `words` alone, such as (seed, region, tick)."""

    def __init__(self, *words: object) -> None:
        self._random = random.Random("/".join(map(str, words)))  # noqa: S311 - a model of traffic, no secret

    def uniform(self) -> float:
        return self._random.random()

    def spread(self, sigma: float) -> float:
        """A factor around 1 whose logarithm is normal."""
        return math.exp(self._random.gauss(0.0, sigma))

    def poisson(self, mean: float) -> int:
        if mean <= 0:
            return 0
        if mean > _EXACT:
            return max(0, round(self._random.gauss(mean, math.sqrt(mean))))
        floor, product, found = math.exp(-mean), self.uniform(), 0
        while product > floor:
            product *= self.uniform()
            found += 1
        return found

    def binomial(self, trials: int, chance: float) -> int:
        if trials <= 0 or chance <= 0:
            return 0
        if chance >= 1:
            return trials
        if chance > 0.5:
            return trials - self.binomial(trials, 1 - chance)
        mean = trials * chance
        if mean > _EXACT:
            return min(trials, max(0, round(self._random.gauss(mean, math.sqrt(mean * (1 - chance))))))
        # Jump from success to success: as many draws as successes.
        found, place, scale = 0, 0, math.log1p(-chance)
        while (place := place + int(math.log(1.0 - self.uniform()) / scale) + 1) <= trials:
            found += 1
        return found

    def split(self, trials: int, shares: Sequence[float]) -> list[int]:
        """`trials` over places with these shares (adding up to 1)."""
        left, rest, counts = trials, 1.0, []
        for share in shares:
            count = self.binomial(left, min(1.0, share / rest) if rest > 1e-12 else 1.0) if left else 0
            counts.append(count)
            left, rest = left - count, rest - share
        if left and counts:
            counts[-1] += left
        return counts
