"""`python -m tests.simulation SEED [--trace]` runs one seed; `--seeds A B` runs many and reports those that fail."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.running import Outcome, run


def _many(first: int, last: int) -> int:
    failed: list[Outcome] = []
    counts: Counter[str] = Counter()
    begun = shown = time.monotonic()
    for seed in range(first, last):
        outcome = run(seed)
        counts.update(outcome.counts)
        if outcome.error is not None:
            failed.append(outcome)
            sys.stdout.write(f"seed {seed}: {outcome.error}\n")
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            pace = (seed + 1 - first) / (shown - begun)
            sys.stdout.write(f"... {seed + 1 - first} seeds, {len(failed)} failed, {pace:.1f} a second\n")
        sys.stdout.flush()
    sys.stdout.write(f"{last - first} seeds, {len(failed)} failed; {dict(counts)}\n")
    return 1 if failed else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="one seed")
    parser.add_argument("--trace", action="store_true", help="print what happens")
    parser.add_argument(
        "--seeds", type=int, nargs=2, metavar=("FIRST", "LAST"), help="all from FIRST up to LAST"
    )
    given = parser.parse_args()
    if given.seeds:
        return _many(*given.seeds)
    if given.seed is None:
        parser.error("name a seed, or --seeds FIRST LAST")
    outcome = run(given.seed, tell=_tell if given.trace else None)
    sys.stdout.write(f"seed {given.seed}: {outcome.error or outcome.history}\n")
    return 1 if outcome.error else 0


if __name__ == "__main__":
    sys.exit(main())
