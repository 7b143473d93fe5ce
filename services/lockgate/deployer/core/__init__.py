"""What a deployer decides, as a table: which commands it obeys, and how it answers. Pure.

It depends on settings, because a deployer obeys for its own regions only.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lockgate.deployer.core import flags, orders, regions, steps
from lockgate.deployer.core.floors import Served
from lockgate.deployer.core.rows import RegionState, ServedPlace
from lockgate.messages.decision import On, Row, Table
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import FlagsOrdered, ReleaseHalted, RollbackOrdered
from lockgate.messages.verdicts import Action, Granted


def table(name: str, namespaces: Mapping[str, str]) -> Table:
    """The core of the deployer `name`, which serves the regions that `namespaces` maps to their namespace."""
    served = Served(name, dict(namespaces))
    reported = On(steps.step_reported(served), _region_of("grant"))
    return Table(
        kinds=(ServedPlace, RegionState),
        events={
            Granted: On(steps.granted(served), _addressed),
            ReleaseHalted: On(orders.halted(served), _halted_here(served)),
            RollbackOrdered: On(orders.ordered(served), _addressed),
            FlagsOrdered: On(flags.ordered(served), _addressed),
        },
        work={
            "register": On(regions.registered(served)),
            **{action.value: reported for action in Action},
            "flags": On(flags.reported(served), _region_of("order")),
            "remove": On(steps.removed),
            "rollback": On(orders.order_reported(served), _region_of("order")),
        },
        started=On(regions.started),
        concerns=_concerns(served),
    )


def _concerns(served: Served) -> Callable[[Message[Payload]], bool]:
    def concerns(message: Message[Payload]) -> bool:
        match message.body:
            case (
                Granted(deployer=deployer)
                | RollbackOrdered(deployer=deployer)
                | FlagsOrdered(deployer=deployer)
            ):
                return deployer == served.name
            case ReleaseHalted(regions=halted):
                return not served.namespaces.keys().isdisjoint(halted)
            case _:
                return False

    return concerns


def _addressed(given: Message[Any]) -> tuple[tuple[type[Row], str], ...]:
    return ((RegionState, given.body.region),)


def _halted_here(served: Served) -> Callable[[Message[ReleaseHalted]], tuple[tuple[type[Row], str], ...]]:
    def touches(given: Message[ReleaseHalted]) -> tuple[tuple[type[Row], str], ...]:
        return tuple((RegionState, region) for region in given.body.regions if region in served.namespaces)

    return touches


def _region_of(command: str) -> Callable[[Any], tuple[tuple[type[Row], str], ...]]:
    return lambda given: ((RegionState, given.body[command]["region"]),)
