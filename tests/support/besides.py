"""What the measuring of a wave's region reports, beside regions in which nothing but time changed."""

import json
from functools import cache
from typing import Any

from lockgate.verifier.core.measure import Measure
from lockgate.verifier.statistics.evidence import Evidence, parse
from lockgate.verifier.statistics.record import settled, told
from lockgate.verifier.statistics.verification import Verification
from tests.support.verification_regions import BEGAN, watched

DIGEST = "0" * 64
"""Of the samples, which nobody keeps here."""


def beside(
    order: dict[str, Any],
    end: int,
    first: int = 0,
    run: str = "run-1",
    *,
    seed: int = 0,
    astray: dict[str, int] | None = None,
    **samples: Any,
) -> dict[str, Any]:
    """Of the scrapes from `first` to before `end`, by the same rules as the real work; a wave has at most 20. `seed` and
    `samples` as in `watched`.
    """
    given = Measure.model_validate(order)
    said = _told(seed, tuple(samples.items()), json.dumps(given.policy), first, end)
    return {"outcome": "counted", "run": run, **said, "told": {**said["told"], "astray": astray or {}}}


@cache
def _told(
    seed: int, samples: tuple[tuple[str, Any], ...], policy: str, first: int, end: int
) -> dict[str, Any]:
    evidence = _evidence(seed, samples, policy)
    verification = Verification.of(evidence, BEGAN)
    if first:
        verification.fold(evidence, evidence.start + first)
    over = verification.fold(evidence, evidence.start + end).verdict != "running"
    return {
        "first": first,
        "end": end,
        "settled": settled(verification.setup) if first == 0 else None,
        "told": told(verification.setup, verification.blocks[-1]),
        "digest": DIGEST if over else None,
    }


@cache
def _evidence(seed: int, samples: tuple[tuple[str, Any], ...], policy: str) -> Evidence:
    given = watched(seed, **dict(samples))
    for pod in given["pods"]:
        del pod["gauges"]
    return parse({**given, "policy": json.loads(policy)})
