"""`python -m tests.qualify NAME [--runs N] [--seed S] [--write]`: one of the long runs that come before a release.

With --write its figures go to docs/qualification/NAME.json, with the command, the machine and the commit.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.figures import _commit
from tests.qualify import crashes

RUNS = {"crashes": crashes.measure}
FOLDER = Path("docs/qualification")


def main() -> int:
    """0 if nothing was violated, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.qualify", description=__doc__)
    parser.add_argument("name", choices=sorted(RUNS))
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {FOLDER}/NAME.json")
    given = parser.parse_args()
    began = time.monotonic()
    figures = RUNS[given.name]({"runs": given.runs, "seed": given.seed})
    command = f"make qualify NAME={given.name} ARGS='--runs {given.runs} --seed {given.seed} --write'"
    data = {"command": command, **_where(), "seconds": round(time.monotonic() - began), **figures}
    text = json.dumps(data, indent=2) + "\n"
    sys.stdout.write(text)
    if given.write:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{given.name}.json").write_text(text)
    return 1 if figures["violations"] else 0


def _where() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = f"{os.cpu_count()} cores, {memory / 2**30:.0f} GiB, {platform.system()} {platform.machine()}"
    return {
        "machine": machine,
        "python": platform.python_version(),
        "commit": _commit(),
    }


if __name__ == "__main__":
    sys.exit(main())
