"""What people call the actions of grants, and the clones that they make."""

from lockgate.messages.verdicts import Action

DOING: dict[Action, str] = {
    Action.DEPLOY: "roll-out",
    Action.CANARY: "canary step",
    Action.GREEN: "green side",
    Action.SWITCH: "switch",
    Action.PILOT: "pilot",
    Action.PROBE: "requests",
    Action.ENVIRONMENT: "environment",
}


def has_share(action: Action, share: float) -> str:
    """`pilot has 10% of the traffic`, by what the clone was made for."""
    names = {Action.CANARY: "canary", Action.SWITCH: "green side"}
    return f"{names.get(action, 'pilot')} has {share:.0%} of the traffic"
