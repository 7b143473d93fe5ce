"""A region that owes an answer gets its order again when its deployer registers it again."""

from datetime import datetime

from lockgate.messages.decision import NOTHING, Rows, Step, emit, put, remove
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.message import Message
from lockgate.rollback.core.answers import again_ordered
from lockgate.rollback.core.rows import Order, Release


def region_registered_for_all(rows: Rows, given: Message[RegionRegistered], now: datetime) -> Step:
    """Under `*`: the applications that the region knows look for themselves whether it owes them anything."""
    del rows, now
    return Step(forward=tuple(sorted(given.body.live)))


def region_registered(rows: Rows, given: Message[RegionRegistered], now: datetime) -> Step:
    """The order goes out again, until a newer release has entered: that one brings the region what it shall run."""
    del now
    place = given.body.place
    order, release = rows.get(Order, place.region), rows.get(Release)
    if order is None or not order.owed:
        return NOTHING
    if release is not None and release.entered_newest > order.newest:
        return remove(Order, place.region)
    ordered = order.ordered
    if (place.deployer, place.cluster, place.namespace) != (
        ordered.deployer,
        ordered.cluster,
        ordered.namespace,
    ):
        return NOTHING  # another deployer or cluster: intake decides whether that is accepted
    again = again_ordered(order)
    return put(again, place.region) + emit(again.ordered)
