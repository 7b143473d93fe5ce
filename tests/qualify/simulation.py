"""The simulation: a hundred thousand histories of all cores in one world, in each of which everything that must hold does.

A violation is a seed that fails, with the command that runs it again.
"""

import os
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.simulation.running import Many, again, run_many, told

PART = 250
"""Seeds that one process runs before it says how far it is."""


def measure(arguments: Mapping[str, int]) -> dict[str, Any]:
    first, seeds = arguments["from"], arguments["seeds"]
    last = first + seeds
    parts = [range(begin, min(begin + PART, last)) for begin in range(first, last, PART)]
    counts: Counter[str] = Counter()
    failed: list[str] = []
    with ProcessPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        for done, many in enumerate(pool.map(run_many, parts), start=1):
            counts.update(many.counts)
            failed += _failures(many)
            sys.stderr.write(f"{done} of {len(parts)} parts, {len(failed)} failed\n")
    return {"seeds": seeds, "from": first, "events": dict(sorted(counts.items())), "violations": failed}


def _failures(many: Many) -> list[str]:
    return [f"{told(outcome)}; {again(outcome.seed)}" for outcome in many.failed]
