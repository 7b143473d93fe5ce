"""Good releases whose metrics are away for a while: none fails, none passes on missing data, and each goes on by itself.

Each lane has a real Prometheus of its own, which scrapes four exporters every second; one release after the other is measured by it,
from the moment when its pilot has its share until its wave is granted, by the verifier's work and core. The outages are those of
tests/support/metric_outages.py, 5 s and more, at random moments. One counts only if the release was not decided in its first 3 s.
"""

import asyncio
import tempfile
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from tests.qualify.progress import say
from tests.support.metric_outages import Lane, drawn, lanes
from tests.support.outage_judge import Met, judged

LENGTHS = (15, 60, 300)
"""Seconds between which the lengths of outages are counted."""


async def qualify(runs: int, seed: int, at_once: int, longest: float) -> dict[str, Any]:
    """The longest outages come first, so that all lanes end at about the same time; one that does not count is drawn anew."""
    draws = [drawn(number, seed, longest) for number in range(2 * runs)]
    left = deque(sorted(draws[:runs], key=lambda outage: -outage.seconds))
    spare, met, violations = iter(draws[runs:]), list[Met](), list[str]()

    async def lane(one: Lane) -> None:
        while left:
            outage = left.popleft()
            try:
                found = judged(await one.carries(outage))
            except (AssertionError, TimeoutError, ExceptionGroup) as error:
                violations.append(f"{outage}: {error!r}"[:2000])
                say(violations[-1])
                continue
            if found is None:
                left.extend(islice(spare, 1))
            else:
                met.append(found)
            say(f"{len(met)} of {runs}, {len(violations)} violations: {found or 'decided before'}")

    with tempfile.TemporaryDirectory() as folder:
        async with lanes() as every:

            async def begun(number: int) -> None:
                async with every.lane(f"lane-{number}", Path(tempfile.mkdtemp(dir=folder))) as one:
                    await lane(one)

            await asyncio.gather(*(begun(number) for number in range(at_once)))
    return _figures(met, violations)


def _figures(met: Sequence[Met], violations: Sequence[str]) -> dict[str, Any]:
    ends = [0, *LENGTHS, float("inf")]
    return {
        "releases": len(met) + len(violations),
        "passed after an outage": dict(sorted(Counter(one.kind for one in met).items())),
        "of them held meanwhile": dict(sorted(Counter(one.kind for one in met if one.held).items())),
        "seconds away": {
            f"{low} to {high}": sum(low <= one.seconds < high for one in met) for low, high in pairwise(ends)
        },
        "longest outage": round(max((one.seconds for one in met), default=0.0), 1),
        "seconds from the return to the pass": {
            "median": round(median(one.back for one in met), 1) if met else None,
            "most": round(max((one.back for one in met), default=0.0), 1),
        },
        "violations": list(violations),
    }


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    """`runs` that count, of the draws of a `seed`, in some `lanes`; no outage is longer than so many seconds."""
    return asyncio.run(qualify(numbers["runs"], numbers["seed"], numbers["lanes"], float(numbers["longest"])))
