"""How much more evidence a verdict would need: what a scrape is expected to tell of a pilot that is as good as production."""

import numpy as np

from lockgate.verifier.statistics.alternatives import LEVELS, Alternatives
from lockgate.verifier.statistics.gauges import Model
from lockgate.verifier.statistics.kernel import gains
from lockgate.verifier.statistics.measured import Block
from lockgate.verifier.statistics.numerics import Array, ln, total
from lockgate.verifier.statistics.spotless import Spotless

_MORE = 2.0
"""Beyond the threshold, so that chance has room."""


def needed(alternatives: Alternatives, block: Block, ln_pass: Array) -> tuple[int, int] | None:
    """Scrapes still needed until everything is likely shown to be no worse, and requests of the pilot in them.

    `ln_pass`: the last row, [J + G]. None if it cannot be said: nothing is expected to be told of some metric.
    """
    policy, strata = alternatives.setup.policy, len(block.t)
    if not strata:
        return None
    scrapes = float(block.t[-1] + 1.0) / strata
    expected = [*_binary(alternatives, block)]
    for g, model in enumerate(alternatives.setup.models):
        if model is not None:
            expected.append(
                (1 + len(alternatives.setup.bounds) + g, _gauge(model, policy.g_margin, policy.deadline))
            )
    worst = 0.0
    for column, gain in expected:
        missing = -ln(policy.beta) + _MORE - float(ln_pass[column])
        if float(ln_pass[column]) >= -ln(policy.beta):
            continue
        if gain <= 0:
            return None
        worst = max(worst, missing / gain * scrapes)
    requests = float(total(block.n[:, 0])) / float(block.t[-1] + 1.0)
    return int(np.ceil(worst)), int(np.ceil(worst * requests))


def _binary(alternatives: Alternatives, block: Block) -> list[tuple[int, float]]:
    """The expected gain a stratum, for errors and each bound, of the alternative that expects the most."""
    n, m = block.n[:, :1], block.n[:, 1:]
    policy = alternatives.setup.policy
    s = block.events[..., 0] + block.events[..., 1]
    case, chances, _ = alternatives.compare(block, n * s / np.maximum(n + m, 1.0))
    gain = gains(case, chances, alternatives.columns.owner)[:, alternatives.binary :]
    mean = total(gain) / len(block.t)
    expected = [float(mean[part].max()) for part in alternatives.columns.mirrored]
    if not total(block.events[:, 0].sum(axis=1)):
        told = Spotless.of(policy.err_none, policy.kappa_default).gains(n[:, 0])
        expected[0] = max(expected[0], float(total(told)) / len(block.t))
    return list(enumerate(expected))


def _gauge(model: Model, g_margin: float, deadline: int) -> float:
    """The lesser of level and trend."""
    margin, square = ln(1.0 + g_margin), model.sigma * model.sigma
    factor = (1.0 - model.phi) * LEVELS / square
    level = float((factor * (1.0 - model.phi) * margin - factor * factor * square / 2.0).max())
    middle = margin / deadline * (model.phi + (1.0 - model.phi) * (deadline / 2.0))
    return min(level, middle * middle / (2.0 * square))
