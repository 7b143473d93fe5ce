"""Runs the simulated world: `--seed N` one seed, with `--explain` its story; `--seeds A B` all from A up to B.

`--safeguards` looks for a seed that misses each safeguard, and keeps it for the tests (missed.json).
"""

import argparse
import sys
import time

from tests.simulation.running import Many, again, run, run_many, told
from tests.simulation.safeguards import remember


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _Progress:
    """Each seed that fails, as it does; and how far it is, from time to time."""

    EVERY = 10.0

    def __init__(self) -> None:
        self.begun = self.shown = time.monotonic()
        self.failed = 0

    def __call__(self, many: Many) -> None:
        for outcome in many.failed[self.failed :]:
            _say(f"{told(outcome)}\n  {again(outcome.seed)}")
        self.failed = len(many.failed)
        now = time.monotonic()
        if now - self.shown > self.EVERY:
            self.shown = now
            pace = many.seeds / (now - self.begun)
            _say(f"... {many.seeds} seeds, {self.failed} failed, {pace:.1f} a second")


def _many(first: int, last: int) -> int:
    many = run_many(range(first, last), _Progress())
    _say(f"{many.seeds} seeds, {len(many.failed)} failed; {dict(many.counts)}")
    return 1 if many.failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, metavar="N", help="one seed")
    which.add_argument("--seeds", type=int, nargs=2, metavar=("A", "B"), help="all from A up to B")
    which.add_argument("--safeguards", action="store_true", help="find the seed that misses each safeguard")
    parser.add_argument("--explain", action="store_true", help="tell all that happens")
    given = parser.parse_args()
    if given.safeguards:
        return 0 if remember(_say) else 1
    if given.seeds:
        return _many(*given.seeds)
    outcome = run(given.seed, tell=_say if given.explain else None)
    _say(told(outcome))
    return 1 if outcome.error else 0


if __name__ == "__main__":
    sys.exit(main())
