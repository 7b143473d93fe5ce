"""Which seed's history goes wrong without a safeguard: looked for seed by seed, where it was found last time first.

The places are in `missed.json`, and are hints: a change of the world or of a core gives the seeds other histories, and then
the search takes longer, no more. `python -m tests.simulation --safeguards` writes the file anew.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, take_away
from tests.simulation.running import run

MISSED = Path(__file__).with_name("missed.json")
MOST = 1_000
"""Seeds that are tried until one fails."""


def remembered(what: str) -> tuple[int, ...]:
    """The seed that missed this safeguard last time, if one did."""
    found: dict[str, int] = json.loads(MISSED.read_text())
    return (found[what],) if what in found else ()


def missed_by(what: str, first: Sequence[int] = ()) -> int | None:
    """A seed whose history goes wrong without this safeguard: one of `first`, or else of the first `MOST`."""
    with pytest.MonkeyPatch.context() as patch:
        take_away(patch, MUTANTS[what])
        seeds = chain(first, range(MOST))
        return next((seed for seed in seeds if run(seed).error is not None), None)


def remember(say: Callable[[str], None]) -> bool:
    """Writes the first seed that misses each safeguard; False if one is missed by none."""
    found = dict(_found(say))
    MISSED.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    return found.keys() == MUTANTS.keys()


def _found(say: Callable[[str], None]) -> Iterator[tuple[str, int]]:
    for what in MUTANTS:
        seed = missed_by(what)
        say(f"{what}: " + (f"missed by none of {MOST}" if seed is None else f"seed {seed}"))
        if seed is not None:
            yield what, seed
