"""Plans in seconds: the stages of the tests' releases, as an operator writes them."""

from typing import Any

Stage = dict[str, Any]

PREPROD, PILOTED = "eu-preprod", "eu-west"
REST = ("eu-north", "us-east")
APART = "sa-east"
"""A region that only a story with a broken cluster uses, so that it breaks nobody else's."""

TRIED = "eu-trial"
"""A region in which releases are tried on demand, with what is live in PILOTED."""

DEPLOYERS = {"deployer-eu": (PREPROD, PILOTED, "eu-north", TRIED), "deployer-world": ("us-east", APART)}

CONTESTED, RIVAL = "eu-north", "deployer-rival"
"""A region that a second deployer claims as well."""


def preprod(**changes: Any) -> Stage:
    return {
        "name": "preprod",
        "kind": "preprod",
        "regions": [PREPROD],
        "budget": "90s",
        "requests": [{"get": "/healthz"}, {"post": "/pay", "json": {"amount": 1}}],
    } | changes


SHORT = {"verify": "20s", "soak": "3s", "margins": {"errors": 2, "latency": "30%"}}
"""So much traffic as a story has is enough for these margins within seconds."""


BRIEF = {**SHORT, "verify": "5s"}
"""Of a wave: four times as long before the release have to be known."""


def pilot(**changes: Any) -> Stage:
    return {
        "name": "pilot",
        "kind": "pilot",
        "regions": [PILOTED],
        "share": "50%",
        "budget": "90s",
        "after": SHORT,
    } | changes


def wave(name: str, *regions: str, **changes: Any) -> Stage:
    return {"name": name, "kind": "wave", "regions": list(regions), "budget": "90s"} | changes


def watch(seconds: str = "1s") -> Stage:
    return {"name": "watch", "kind": "watch", "for": seconds}


WHOLE = (preprod(), pilot(), wave("first", PILOTED), wave("rest", *REST, **{"max-parallel": 2}), watch())
"""Every kind of stage."""


def plan_of(application: str, *stages: Stage, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "Plan",
        "application": application,
        "artifact": f"pkg:oci/{application}",
        "workload": {
            "deployment": application,
            "container": "app",
            "service": application,
            "route": application,
        },
        "metrics": {"interval": "0.5s"},
        "stages": list(stages),
    } | changes


def is_compared(stage: Stage) -> bool:
    """Whether a clone is compared with the production beside it."""
    strategy = stage.get("strategy")
    return stage["kind"] == "pilot" or (isinstance(strategy, dict) and "verify" in strategy)


def is_beside_others(stage: Stage) -> bool:
    """Whether its regions are compared with those of later waves."""
    return stage["kind"] == "wave" and "verify" in stage.get("after", {})


def regions_of(stages: tuple[Stage, ...]) -> tuple[str, ...]:
    """Where the application lives."""
    named = dict.fromkeys(region for stage in stages for region in stage.get("regions", ()))
    return tuple(region for region in named if region != TRIED)
