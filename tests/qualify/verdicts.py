"""The public benchmark of verdicts: every row, with fresh seeds, against its bar.

A violation is a row whose measured share is below its bar; its interval says what chance may have done.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tests.bench.verdicts import run, table


def measure(arguments: Mapping[str, int]) -> dict[str, Any]:
    """`quiet` runs of each row in which the pilot is good, `bad` of each other."""
    jobs = max(1, os.cpu_count() or 1)
    lines = run(arguments["quiet"], arguments["bad"], arguments["seed"], jobs)
    sys.stderr.write(table(lines))
    missed = [
        f"{one.name}: {one.percent:.1f} %, median {one.minutes}, bar {one.bar}"
        for one in lines
        if not one.met
    ]
    rows = [{name: _short(value) for name, value in asdict(line).items()} for line in lines]
    return {"seed": arguments["seed"], "rows": rows, "violations": missed}


def _short(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value
