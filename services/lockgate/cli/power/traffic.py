"""The traffic of an application in one region, and what a release may do to it. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_OF_CLIENTS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_OF_ENVOY: Final = (0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_OF_LINKERD: Final = (1.0, 2.0, 3.0, 4.0, 5.0)
BOUNDS: Final = {
    "opentelemetry-http": (
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ),
    "istio": _OF_ENVOY,
    "envoy-gateway": _OF_ENVOY,
    "linkerd": tuple(one * size for size in (0.001, 0.01, 0.1, 1.0, 10.0) for one in _OF_LINKERD),
    "nginx": _OF_CLIENTS,
    "custom": _OF_CLIENTS,
}  # fmt: skip
"""Of each preset's histogram, in seconds, where nobody changed them; of `custom` those of Prometheus' client libraries."""

_LEAST: Final = 1e-9
_STEEP: Final = 3.3
"""How logits grow with the logarithm of latency where one point is all that is known: 99 % are within four times the median."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How many requests take at most so long: the logits of some shares over the logarithms of latencies, with lines between
    and beyond them.
    """

    seconds: tuple[float, ...]
    within: tuple[float, ...]
    """The share of the requests, for each."""

    def at(self, share: float) -> float:
        """Seconds within which so many are answered, between the first point and the last."""
        logits = _logit(np.array((share, *self.within)))
        return float(np.exp(np.interp(logits[0], logits[1:], np.log(np.array(self.seconds)))))

    def shares(self, seconds: Array) -> Array:
        at, logits = np.log(np.array(self.seconds)), _logit(np.array(self.within))
        slopes = np.diff(logits) / np.diff(at) if len(at) > 1 else np.array([_STEEP])
        asked = np.log(seconds)
        left = np.clip(np.searchsorted(at, asked) - 1, 0, len(slopes) - 1)
        return np.asarray(1.0 / (1.0 + np.exp(-(logits[left] + slopes[left] * (asked - at[left])))))


def _logit(share: Array) -> Array:
    bounded = np.clip(share, _LEAST, 1.0 - _LEAST)
    return np.asarray(np.log(bounded / (1.0 - bounded)))


@dataclass(frozen=True, slots=True)
class Traffic:
    requests: float
    """A second, in all."""
    errors: float
    """The share of them that fails."""
    latency: Latency
    bounds: tuple[float, ...]
    """Of the histogram, in seconds; none: latency is not judged."""
    pods: int
    bursts: float = 0.0
    """How much more than by chance errors vary from pod to pod and scrape to scrape: the squared coefficient of variation of
    their rate.
    """


@dataclass(frozen=True, slots=True)
class Change:
    """What a release does to it."""

    words: str
    odds: float = 1.0
    """Times the odds of an error."""
    failing: float = 0.0
    """The share of its requests that fail on top."""
    slower: float = 1.0
    """Times the latency."""

    def errors(self, rate: Array) -> Array:
        worse = self.odds * rate / (1.0 - rate + self.odds * rate)
        return np.asarray(np.minimum(worse + self.failing, 1.0))


NONE: Final = Change("a good release")
