"""What plans of the simulated world ask to be compared beside the pilot: watches, steps of canaries, and waves.

Drawn apart, so that the rest of a seed is as without.
"""

from random import Random
from typing import Any

from lockgate.messages.plan import Plan


def apart(random: Random) -> Random:
    """A source of its own for what came later: what is drawn from it changes nothing else of a seed."""
    return Random(str(random.getstate()[1][:8]))


def compared(random: Random, plan: dict[str, Any]) -> dict[str, Any]:
    """Half of all watches are verified, half of all canaries' steps, and half of the waves that others come after."""
    if random.random() < 0.5:
        plan["stages"][-1]["verify"] = {"on-inconclusive": random.choice(("rollback", "pass"))}
    for stage in plan["stages"]:
        if (
            isinstance(strategy := stage.get("strategy"), dict)
            and "canary" in strategy
            and random.random() < 0.5
        ):
            stage["strategy"] = {**strategy, **_comparison(random)}
    return _waves(apart(random), plan)


def _waves(random: Random, plan: dict[str, Any]) -> dict[str, Any]:
    """Drawn apart as well."""
    known = Plan.model_validate(plan)
    for stage in plan["stages"]:
        if stage["kind"] == "wave" and known.beyond(stage["name"]) and random.random() < 0.5:
            stage["after"] = {**stage["after"], **_comparison(random)}
    return plan


def _comparison(random: Random) -> dict[str, Any]:
    undecided = {"extend": random.choice(("0s", "10m")), "then": random.choice(("rollback", "pass"))}
    return {"verify": "5m", "on-inconclusive": undecided}
