"""What an order to go back and one about flags have in common: whom it is for, and when it is refused. Pure."""

from typing import Any

from lockgate.deployer.core.floors import Served, below, not_served, state_of
from lockgate.messages.decision import Rows
from lockgate.messages.deployments import OrderRefused, RefusalCode
from lockgate.messages.rollbacks import FlagsOrdered, RollbackOrdered
from lockgate.messages.values import Sentence

Order = FlagsOrdered | RollbackOrdered


def about(order: Order, served: Served) -> dict[str, Any]:
    """What every answer says."""
    return {
        "application": order.application,
        "release": order.release,
        "region": order.region,
        "deployer": served.name,
        "fence": order.fence,
    }


def refused(order: Order, served: Served, code: RefusalCode, reason: Sentence) -> OrderRefused:
    return OrderRefused(**about(order, served), code=code, reason=reason)


def refusal(rows: Rows, order: Order, served: Served) -> OrderRefused | None:
    """None if it is this deployer's to obey, and nothing newer has been seen."""
    if (why := not_served(rows, served, order)) is not None:
        return refused(order, served, RefusalCode.NOT_SERVED, why)
    if (why := below(state_of(rows, order.region), order.fence)) is not None:
        return refused(order, served, RefusalCode.FENCED, why)
    return None
