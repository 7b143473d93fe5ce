"""A region that owes an answer gets its order again when its deployer registers it again."""

from datetime import datetime

from lockgate.messages.decision import NOTHING, Rows, Step
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.message import Message
from lockgate.rollback.core.answers import again_ordered, owed_again, to_no_bad_version
from lockgate.rollback.core.halting import restored_by
from lockgate.rollback.core.rows import Order


def region_registered_for_all(rows: Rows, given: Message[RegionRegistered], now: datetime) -> Step:
    """Under `*`: the applications that the region knows look for themselves whether it owes them anything."""
    del rows, now
    return Step(forward=tuple(sorted(given.body.live)))


def region_registered(rows: Rows, given: Message[RegionRegistered], now: datetime) -> Step:
    """The order goes out again, also while a newer release is under way: whatever that one does there has a higher
    fence, and it may fail before it reaches the region.
    """
    del now
    place = given.body.place
    order = rows.get(Order, place.region)
    if order is None or not order.owed:
        return NOTHING
    ordered = order.ordered
    if (place.deployer, place.cluster, place.namespace) != (
        ordered.deployer,
        ordered.cluster,
        ordered.namespace,
    ):
        return NOTHING  # another deployer or cluster: intake decides whether that is accepted
    return owed_again(again_ordered(to_no_bad_version(rows, order)), restored_by(rows, order))
