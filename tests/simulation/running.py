"""Runs a seed, or many, and says what came of it."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from tests.simulation import oracle
from tests.simulation.measuring import measuring
from tests.simulation.oracle import Oracle
from tests.simulation.samples import samples
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """`history`: the hash of all that was decided. `error`: what did not hold, or what a core raised."""

    seed: int
    history: str
    error: str | None
    counts: Mapping[str, int]


def run(
    seed: int, tell: Callable[[str], None] | None = None, *, wire: bool = False, statistics: bool = False
) -> Outcome:
    """`wire`: events travel as bytes. `statistics`: the real ones judge, and not the oracle, which is faster."""
    source, judging = (samples, nullcontext()) if statistics else (Oracle, oracle.judging())
    world = World(seed, tell, wire=wire, measure=measuring(source))
    with judging, _no_collection():
        try:
            history, error = world.run(), None
        except Exception as problem:  # noqa: BLE001  # whatever a core raises is a finding
            history = world.history.hexdigest()
            error = f"{type(problem).__name__} at {world.now:.1f}: {problem}"
    return Outcome(seed, history, error, world.checks.counts)


@contextmanager
def _no_collection() -> Iterator[None]:
    """A tenth of the time would go into looking for garbage in a world that is thrown away soon."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass
class Many:
    """What came of many seeds."""

    seeds: int = 0
    failed: list[Outcome] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def run_many(seeds: range, after_each: Callable[[Many], None] = lambda _many: None) -> Many:
    many = Many()
    for seed in seeds:
        outcome = run(seed)
        many.seeds += 1
        many.counts.update(outcome.counts)
        if outcome.error is not None:
            many.failed.append(outcome)
        after_each(many)
    return many


def again(seed: int) -> str:
    """How a seed is run again."""
    return f"python -m tests.simulation --seed {seed} --explain"


def story(seed: int, last: int = 60) -> str:
    """The last lines of a seed's history, and its outcome."""
    lines: list[str] = []
    outcome = run(seed, lines.append)
    return "\n".join((*lines[-last:], told(outcome)))


def told(outcome: Outcome) -> str:
    return f"seed {outcome.seed}: {outcome.error or outcome.history}"
