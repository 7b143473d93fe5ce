"""Which versions ran in a region, and which of them it may go back to, or keep."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal

from lockgate.messages.decision import NOTHING, Rows, Step, put, remove
from lockgate.messages.deployments import DeploymentStarted, PilotDeployed, RegionDeployed
from lockgate.messages.message import Message
from lockgate.messages.rollbacks import Grade
from lockgate.messages.verdicts import Action
from lockgate.rollback.core.rows import History, Order, Phase, Release, Restore, Version, Way
from lockgate.rollback.core.sentences import listed
from lockgate.rollback.core.settling import cleared

ROLLS: Final = frozenset({Action.DEPLOY, Action.SWITCH})
"""Steps with which a version comes to serve all of a region."""


def deployment_started(rows: Rows, given: Message[DeploymentStarted], now: datetime) -> Step:
    """At first contact, what was found is the first version of the history, which may stay empty."""
    del now
    body = given.body
    if not _of_newest(rows, body):
        return NOTHING
    before = rows.get(History, body.region)
    history = before or History(versions=_adopted(body.found))
    if body.action in ROLLS:
        history = _begun(history, body)
    return put(history, body.region) if history != before else NOTHING


def share_set(rows: Rows, given: Message[PilotDeployed], now: datetime) -> Step:
    """A clone that has all of the traffic serves the whole region, also as the last step of a canary."""
    del now
    body, before = given.body, rows.get(History, given.body.region)
    if body.share < 1 or before is None or not _of_newest(rows, body):
        return NOTHING
    after = _begun(before, body)
    return put(after, body.region) if after != before else NOTHING


def _begun(history: History, body: DeploymentStarted | PilotDeployed) -> History:
    """From here on its release has begun to serve all of the region."""
    if history.running == body.artifact.digest:
        return history
    forward = history.forward or body.artifact.forward_only
    return history.model_copy(update={"rolls": body.release, "forward": forward})


def _adopted(found: str | None) -> tuple[Version, ...]:
    return (Version(digest=found, grade=Grade.ADOPTED),) if found else ()


def region_deployed(rows: Rows, given: Message[RegionDeployed], now: datetime) -> Step:
    del now
    body = given.body
    if not _of_newest(rows, body):
        return NOTHING
    history = rows.get(History, body.region) or History()
    forward = body.artifact.forward_only or history.forward
    running = history.now_running(body.artifact.digest, forward=forward)
    return put(running, body.region) + _overtaken(rows, body)


def _overtaken(rows: Rows, body: RegionDeployed) -> Step:
    """What an earlier release owed there: the region runs the newer one now."""
    order = rows.get(Order, body.region)
    if order is None or not order.owed or order.ordered.release == body.release:
        return NOTHING
    kept = rows.get(Restore, order.ordered.release) if order.restores else None
    names = listed([flag.flag for flag in (kept.flags if kept else order.ordered.restore)])
    flags = f" Flags that were to be put back there may be off still: {names}." if names else ""
    return remove(Order, body.region) + cleared(order, f"It runs the newer {body.artifact.label} now.{flags}")


def _of_newest(rows: Rows, body: DeploymentStarted | PilotDeployed | RegionDeployed) -> bool:
    """Whether it is about the newest release, by the deployer that this one was given for the region."""
    newest = rows.get(Release)
    if newest is None or newest.release != body.release or newest.phase is Phase.ENDED:
        return False
    way = rows.get(Way, newest.release)
    place = None if way is None else way.places.get(body.region)
    return place is not None and place.deployer == body.deployer


def kept(history: History | None, release: str, digest: str) -> str | None:
    """The digest, where a release that stays as far as it has got has begun to serve the whole region; else None."""
    served = history is not None and (history.running == digest or history.rolls == release)
    return digest if served else None


def staying(history: History | None, order: Order) -> str | None:
    """The version with which an order leaves the region where it is, whatever was marked since; None if it keeps none."""
    ordered = order.ordered
    begun = kept(history, ordered.release, ordered.bad) if order.stays else None
    return begun or (ordered.digest if order.keeps else None)


def _within_reach(versions: tuple[Version, ...], past: str | None) -> list[Version]:
    """The newest first, up to one that goes forward only and is not gone back `past`."""
    newest_first = list(reversed(versions))
    ends = (n for n, version in enumerate(newest_first) if version.forward and version.digest != past)
    return newest_first[: next(ends, len(newest_first)) + 1]


def way_back(
    history: History | None,
    leaving: str,
    bad: Collection[str],
    to: Literal["previous", "good"],
    *,
    past: bool = False,
) -> str | None:
    """The digest to go back to, never a bad one and never `leaving`, nor one from before another that goes forward only;
    None if there is none. `past`: `leaving` itself goes forward only, and somebody wants it taken back all the same. That
    it did when an earlier release brought it here is another matter.

    `previous`: what ran before. `good`: the newest that is good, else the newest that was adopted; and where one that goes
    forward only bounds the way, else the newest there is.
    """
    versions = history.versions if history else ()
    reach = _within_reach(versions, leaving if past else None)
    open_ = [
        version
        for version in reach
        if version.digest != leaving and version.digest not in bad and version.grade is not Grade.BAD
    ]
    match to:
        case "previous":
            wanted = open_
        case "good":
            wanted = [v for grade in (Grade.GOOD, Grade.ADOPTED) for v in open_ if v.grade is grade]
            wanted += open_ if any(v.forward and v.digest != leaving for v in reach) else []
    return wanted[0].digest if wanted else None
