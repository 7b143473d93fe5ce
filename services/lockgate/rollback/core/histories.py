"""Which versions ran in a region, and which of them it may go back to."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from lockgate.messages.decision import NOTHING, Rows, Step, put, remove
from lockgate.messages.deployments import DeploymentStarted, RegionDeployed
from lockgate.messages.message import Message
from lockgate.messages.rollbacks import Grade
from lockgate.rollback.core.rows import History, Order, Phase, Release, Restore, Version, Way
from lockgate.rollback.core.sentences import listed
from lockgate.rollback.core.settling import cleared


def deployment_started(rows: Rows, given: Message[DeploymentStarted], now: datetime) -> Step:
    """At first contact, what was found is the first version of the history, which may stay empty."""
    del now
    body = given.body
    if not _of_newest(rows, body) or rows.get(History, body.region) is not None:
        return NOTHING
    adopted = (Version(digest=body.found, grade=Grade.ADOPTED),) if body.found else ()
    return put(History(versions=adopted), body.region)


def region_deployed(rows: Rows, given: Message[RegionDeployed], now: datetime) -> Step:
    del now
    body = given.body
    if not _of_newest(rows, body):
        return NOTHING
    history = rows.get(History, body.region) or History()
    return put(history.now_running(body.artifact.digest), body.region) + _overtaken(rows, body)


def _overtaken(rows: Rows, body: RegionDeployed) -> Step:
    """What an earlier release owed there: the region runs the newer one now."""
    order = rows.get(Order, body.region)
    if order is None or not order.owed or order.ordered.release == body.release:
        return NOTHING
    kept = rows.get(Restore, order.ordered.release) if order.restores else None
    names = listed([flag.flag for flag in (kept.flags if kept else order.ordered.restore)])
    flags = f" Flags that were to be put back there may be off still: {names}." if names else ""
    return remove(Order, body.region) + cleared(order, f"It runs the newer {body.artifact.label} now.{flags}")


def _of_newest(rows: Rows, body: DeploymentStarted | RegionDeployed) -> bool:
    """Whether it is about the newest release, by the deployer that this one was given for the region."""
    newest = rows.get(Release)
    if newest is None or newest.release != body.release or newest.phase is Phase.ENDED:
        return False
    way = rows.get(Way, newest.release)
    place = None if way is None else way.places.get(body.region)
    return place is not None and place.deployer == body.deployer


def way_back(
    history: History | None, leaving: str, bad: Collection[str], to: Literal["previous", "good"]
) -> str | None:
    """The digest to go back to, never a bad one and never `leaving`; None if there is none.

    `previous`: what ran before. `good`: the newest that is good, else the newest that was adopted.
    """
    open_ = [
        version
        for version in reversed(history.versions if history else ())
        if version.digest != leaving and version.digest not in bad and version.grade is not Grade.BAD
    ]
    match to:
        case "previous":
            wanted = open_
        case "good":
            wanted = [v for grade in (Grade.GOOD, Grade.ADOPTED) for v in open_ if v.grade is grade]
    return wanted[0].digest if wanted else None
