"""The steps of a wave's strategy in one region, as a table: what each grant permits, and how long nothing follows it.

The last step is always that the region's Deployment rolls: before it the release runs in a clone only.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from lockgate.messages.plan_parts import Request
from lockgate.messages.strategies import BlueGreen, Canary, Strategy
from lockgate.messages.verdicts import Action


@dataclass(frozen=True, slots=True)
class Part:
    """One step, which one grant permits. `wait`: seconds from its answer to the next grant."""

    action: Action
    share: float | None = None
    requests: tuple[Request, ...] = ()
    wait: float = 0.0
    verified: bool = False
    """The next grant waits for a verdict instead."""


_LAST: Final = Part(Action.DEPLOY)


def parts_of(strategy: Strategy) -> tuple[Part, ...]:
    match strategy:
        case "rolling":
            return (_LAST,)
        case Canary(canary=shares, wait=wait, verify=length):
            return (
                *(
                    Part(Action.CANARY, share=share, wait=wait, verified=length > 0 and share < 1)
                    for share in shares
                ),
                _LAST,
            )
        case BlueGreen(blue_green=side):
            prepared = Part(Action.GREEN, requests=tuple(side.requests))
            return (prepared, Part(Action.SWITCH, share=1.0, wait=side.keep), _LAST)
        case _:
            assert_never(strategy)


def doing(strategy: Strategy, step: int, region: str) -> str:
    """Which step it is in the region, and what it does, for people."""
    parts = parts_of(strategy)
    return f"Step {step + 1} of {len(parts)} in {region}: {what_happens(parts[step])}."


def what_happens(part: Part) -> str:
    match part.action:
        case Action.CANARY:
            return f"the new version gets {percent(part.share or 0.0)} of the traffic"
        case Action.GREEN:
            return "the green side gets ready without traffic"
        case Action.SWITCH:
            return "the green side gets all traffic"
        case _:
            return "the Deployment rolls"


def percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def again_from(strategy: Strategy, step: int) -> int:
    """Where another attempt begins: a failed clone has lost its share, so its way begins anew; a roll-out goes on."""
    return step if parts_of(strategy)[step].action is Action.DEPLOY else 0
