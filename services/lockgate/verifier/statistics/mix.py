"""What the regions without the release come to as one, whatever part of the traffic each of them has just now.

Regions have levels of their own. Were their requests added up, one that is drained, or whose metrics are away, would move the
level of all of them, and a good release would be blamed for it. So each counts for as much as it did before the rollout: of its
requests and of what counts among them only the part is taken that leaves the mix as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from lockgate.verifier.statistics.numerics import Array, total
from lockgate.verifier.statistics.series import Flags, Indices

_LEAST_PART = 0.1
"""Of the requests before the rollout. A region with less is left out: it would tell little, and hold up all others."""
_LEAST_LEFT = 0.25
"""Of its usual part each region has to have. With less nothing is compared: nearly all that the others counted would be left out."""
_DIGITS = 100.0
"""Two decimals of a count, so that a wave's record stays small."""


@dataclass(frozen=True, slots=True)
class Mix:
    owner: Indices
    """[P]: of each baseline pod the number of its region; that of none for one that is left out."""
    parts: Array
    """[R]: of the requests, as they were before the rollout."""

    @classmethod
    def of(cls, names: Sequence[str], regions: Mapping[str, str], requests: Array) -> Self:
        """`names`: of the baseline's pods; `requests`: of each of them before the rollout."""
        found = [regions[name] for name in names]
        every = float(total(requests))
        sums = {
            region: float(total(requests * np.array([one == region for one in found], float)))
            for region in sorted(set(found))
        }
        kept = [region for region, count in sums.items() if count > 0 and count >= _LEAST_PART * every]
        number = {region: index for index, region in enumerate(kept)}
        left = np.array([sums[region] for region in kept], float)
        owner = np.array([number.get(region, len(kept)) for region in found], np.intp)
        return cls(owner, left / max(float(total(left)), 1.0))

    def even(self, requests: Array) -> Flags:
        """[S]: whether each region has enough, of requests [S, P]."""
        every = self._by_region(requests[..., None])[..., 0]
        least = _LEAST_LEFT * self.parts * total(every, axis=1)[:, None]
        return np.asarray((every > 0).all(axis=1) & (every >= least).all(axis=1))

    def level(self, new: Array) -> Array:
        """[S, M] of counts [S, P, M], requests first."""
        every = self._by_region(new)
        requests = np.maximum(every[..., 0], 1.0)
        size = (every[..., 0] / self.parts).min(axis=1, initial=np.inf)
        taken = np.minimum(size[:, None] * self.parts / requests, 1.0)
        found = total(every * taken[..., None], axis=1)
        found[:, 0] = np.rint(found[:, 0])
        found[:, 1:] = np.minimum(np.rint(found[:, 1:] * _DIGITS) / _DIGITS, found[:, :1])
        return np.asarray(found)

    def _by_region(self, new: Array) -> Array:
        """[S, R, M] of [S, P, M]."""
        found = np.zeros((len(new), len(self.parts), new.shape[2]))
        for index in range(len(self.parts)):
            found[:, index] = total(new[:, self.owner == index], axis=1)
        return found
