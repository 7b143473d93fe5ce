"""What the measuring of a watch reports, of a region in which nothing but the release changed."""

import json
from functools import cache
from hashlib import sha256
from typing import Any

from lockgate.verifier.core.measure import Measure
from lockgate.verifier.statistics import alone, alone_record
from lockgate.verifier.statistics.evidence import canonical, parse
from lockgate.verifier.statistics.interrupted import Interrupted, followed, measure, moments
from tests.support.verification_regions import lonely


def watched(
    order: dict[str, Any],
    end: int,
    first: int = 0,
    run: str = "run-1",
    *,
    placebos: int = 23,
    **worse: float,
) -> dict[str, Any]:
    """Of the scrapes from `first` to before `end`, by the same rules as the real work. `worse` as in `lonely`."""
    given = Measure.model_validate(order)
    evidence, whole = _seen(given.scrapes, json.dumps(given.policy), placebos, tuple(worse.items()))
    seen = (whole.requests, whole.d, whole.above)
    found = alone.judge(followed(whole, *(values[:end] for values in seen)))
    over = found.verdict != "running"
    return {
        "outcome": "counted",
        "run": run,
        "first": first,
        "end": end,
        "settled": alone_record.settled(whole) if first == 0 else None,
        "told": alone_record.told(*(values[first:end] for values in seen)),
        "digest": sha256(canonical(evidence, evidence["start"] + found.at)).hexdigest() if over else None,
    }


@cache
def _seen(
    watch: int, policy: str, placebos: int, worse: tuple[tuple[str, float], ...]
) -> tuple[Any, Interrupted]:
    """The samples of a whole watch, and what they come to."""
    given = lonely(80, scrapes=watch, watch=watch, **dict(worse))
    for pod in given["pods"]:
        del pod["gauges"]
    evidence = {**given, "policy": json.loads(policy)}
    began = 60 + 23 * watch
    return evidence, measure(parse(evidence), began, moments(began, watch)[-placebos:])
