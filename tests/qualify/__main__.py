"""`python -m tests.qualify NAME [--write]` and the numbers that NAME takes: one of the long runs before a release.

With --write its figures go to docs/qualification/NAME.json, with the command, the machine and the commit.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.bench.figures import commit
from tests.qualify import (
    applications,
    brokers,
    cluster_kills,
    crashes,
    disk,
    door,
    hostile,
    load,
    lost_answers,
    memory,
    metrics_outages,
    outages,
    regions,
    restored,
    rollback_kills,
    simulation,
    surge,
    verdicts,
    zombies,
)

Measure = Callable[[Mapping[str, int]], dict[str, Any]]
"""Takes its numbers by name; gives its figures, with `violations` among them."""

RUNS: dict[str, tuple[Measure, dict[str, int]]] = {
    "applications": (applications.measure, {"applications": 10_000, "waiting": 10, "turns": 1000}),
    "brokers": (brokers.measure, {"kills": 30, "seed": 1}),
    "cluster-kills": (cluster_kills.measure, {"runs": 1000, "from": 0, "lanes": 3}),
    "crashes": (crashes.measure, {"runs": 1000, "seed": 1, "from": 0, "lanes": 3}),
    "disk": (disk.measure, {"seconds": 60, "budget": 180}),
    "door": (door.measure, {"requests": 100_000, "seed": 1}),
    "hostile": (hostile.measure, {"records": 100_000, "seed": 1}),
    "load": (
        load.measure,
        {"rate": 200, "seconds": 600, "peak": 1000, "burst": 60, "applications": 20},
    ),
    "lost-answers": (lost_answers.measure, {"runs": 200, "seed": 1, "lanes": 3}),
    "memory": (memory.measure, {"minutes": 60, "rate": 50}),
    "metrics-outages": (metrics_outages.measure, {"runs": 200, "seed": 1, "lanes": 12, "longest": 600}),
    "outages": (outages.measure, {"seconds": 600}),
    "regions": (regions.measure, {"regions": 1000, "pods": 10, "budget": 180}),
    "restored": (restored.measure, {"rounds": 2, "seconds": 300}),
    "rollback-kills": (rollback_kills.measure, {"runs": 300, "seed": 1, "from": 0, "lanes": 2}),
    "simulation": (simulation.measure, {"seeds": 100_000, "from": 0}),
    "surge": (surge.measure, {"start": 30, "budget": 300, "lanes": 3}),
    "verdicts": (verdicts.measure, {"quiet": 1000, "bad": 300, "seed": 1}),
    "zombies": (zombies.measure, {"runs": 200, "seed": 1, "lanes": 3}),
}
"""Each run with the numbers that it takes, and what they are if nobody says otherwise."""

FOLDER = Path("docs/qualification")


def main() -> int:
    """0 if nothing was violated, 1 otherwise."""
    given = _arguments()
    measure, defaults = RUNS[given.run]
    numbers = {name: int(getattr(given, name)) for name in defaults}
    began = time.monotonic()
    figures = measure(numbers)
    options = " ".join(f"--{name} {number}" for name, number in numbers.items())
    command = f"make qualify NAME={given.run} ARGS='{options} --write'"
    data = {"command": command, **_where(), "seconds_in_all": round(time.monotonic() - began), **figures}
    text = json.dumps(data, indent=2) + "\n"
    sys.stdout.write(text)
    if given.write:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{given.run}.json").write_text(text)
    return 1 if figures["violations"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.qualify", description=__doc__)
    names = parser.add_subparsers(dest="run", required=True, metavar="NAME")
    for run, (measure, defaults) in RUNS.items():
        described = (sys.modules[measure.__module__].__doc__ or "").splitlines()[0]
        sub = names.add_parser(run, help=described, description=described)
        for name, default in defaults.items():
            sub.add_argument(f"--{name}", type=int, default=default, help=f"{default} if not given")
        sub.add_argument("--write", action="store_true", help=f"write {FOLDER}/{run}.json")
    return parser.parse_args()


def _where() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = f"{os.cpu_count()} cores, {memory / 2**30:.0f} GiB, {platform.system()} {platform.machine()}"
    return {
        "machine": machine,
        "python": platform.python_version(),
        "commit": commit(),
    }


if __name__ == "__main__":
    sys.exit(main())
