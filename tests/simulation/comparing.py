"""What plans of the simulated world ask to be compared beside the pilot: watches, and steps of canaries.

Drawn apart, so that the rest of a seed is as without.
"""

from random import Random
from typing import Any


def apart(random: Random) -> Random:
    """A source of its own for what came later: what is drawn from it changes nothing else of a seed."""
    return Random(str(random.getstate()[1][:8]))


def compared(random: Random, plan: dict[str, Any]) -> dict[str, Any]:
    """Half of all watches are verified, and half of all canaries' steps."""
    if random.random() < 0.5:
        plan["stages"][-1]["verify"] = {"on-inconclusive": random.choice(("rollback", "pass"))}
    for stage in plan["stages"]:
        if (
            isinstance(strategy := stage.get("strategy"), dict)
            and "canary" in strategy
            and random.random() < 0.5
        ):
            stage["strategy"] = {**strategy, **_comparison(random)}
    return plan


def _comparison(random: Random) -> dict[str, Any]:
    undecided = {"extend": random.choice(("0s", "10m")), "then": random.choice(("rollback", "pass"))}
    return {"verify": "5m", "on-inconclusive": undecided}
