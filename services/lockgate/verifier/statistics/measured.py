"""What was measured, as the judging needs it: everything between the samples and the verdict. Shapes only.

Numbers that are no counts are rounded to 6 decimals, so that they are what a verdict's record carries as text.
"""

from dataclasses import dataclass

from lockgate.verifier.statistics.gauges import Model
from lockgate.verifier.statistics.numerics import Array
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.silence import Rule


@dataclass(frozen=True, slots=True)
class Setup:
    """What is settled at the start. J = 1 + K binary metrics: errors, and slower than each of K chosen bounds."""

    policy: Policy
    bounds: tuple[float, ...]
    """The chosen ones, in seconds."""
    gauges: tuple[str, ...]
    models: tuple[Model | None, ...]
    """None: too little history to know how the gauge moves by itself."""
    controlled: bool
    """Whether there is a baseline pod at all."""
    warnings: tuple[str, ...]
    usual: tuple[float, ...] | None = None
    """Of a region that is compared with others: the log odds ratios [J] of both arms before the rollout. None for a
    pilot, which is compared with production in its own region.
    """


@dataclass(frozen=True, slots=True)
class Block:
    """Scrapes from `first` to before `end`, counted since the start, and the S strata that close in them."""

    first: int
    end: int
    t: Array
    """[S]: the scrape that closes the stratum."""
    left: Array
    """[S]: the scrape at its left end."""
    n: Array
    """[S, 2]: requests of pilot and baseline."""
    pods: Array
    """[S, 2]: pods that count."""
    events: Array
    """[S, J, 2]"""
    kappa: Array
    """[S, J]"""
    psi0: Array
    """[S, J]: the log odds ratio of the null."""
    tol: Array
    """[S, J]: the part of it that is no warm-up."""
    ratio: Array
    """[S, K]: a slowdown by `lat_ratio`, as a log odds ratio."""
    absolute: Array
    """[S, K]: by `lat_abs` seconds."""
    margin: Array
    """[S, K]: by `lat_margin`."""
    share: Array
    """[S, 2]: the weight, 0 where it is not to be judged, and its kappa."""
    d: Array
    """[N, G]: per scrape, the pilot's mean logarithm minus the baseline's; NaN where there is none."""
    above: Array
    """[N, G]: the same of their geometric means."""
    failing: tuple[tuple[int, Rule], ...]
    """Scrapes at which the pilot is silent or down."""
    routed: tuple[bool, ...]
    """[N]: per scrape, whether any traffic was to go to the pilot."""
