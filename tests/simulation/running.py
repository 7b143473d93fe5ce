"""Runs a seed and says what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.simulation.world import ALL, Safeguards, World


@dataclass(frozen=True, slots=True)
class Outcome:
    """`history`: the hash of all that was decided. `error`: what did not hold, or what a core raised."""

    seed: int
    history: str
    error: str | None
    counts: Mapping[str, int]


def run(
    seed: int,
    safeguards: Safeguards = ALL,
    tell: Callable[[str], None] | None = None,
    *,
    wire: bool = False,
) -> Outcome:
    world = World(seed, safeguards, tell, wire=wire)
    try:
        history, error = world.run(), None
    except Exception as problem:  # noqa: BLE001  # whatever a core raises is a finding
        history, error = world.history.hexdigest(), f"{type(problem).__name__} at {world.now:.1f}: {problem}"
    return Outcome(seed, history, error, world.checks.counts)


def trace(seed: int, safeguards: Safeguards = ALL, last: int = 60) -> str:
    """The last lines of a seed's history."""
    lines: list[str] = []
    outcome = run(seed, safeguards, lines.append)
    return "\n".join((*lines[-last:], f"seed {seed}: {outcome.error or outcome.history}"))
