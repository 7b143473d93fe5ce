"""What intake would say to an announcement now: admitted or refused, at once or behind what. Its core itself is asked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lockgate.cli.decided import decided
from lockgate.cli.preview.history import History
from lockgate.intake.purls import purl
from lockgate.intake.rows import Claim, NewestPlan, Pause, Pending, Region, Release
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import Row, RowKey
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.releases import (
    ArtifactRefusal,
    ArtifactRefused,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.values import EVERY, Place, digest_problem

ANY: Final = "sha256:" + "0" * 64
"""Of the artifact that stands for any: nobody announces it."""


@dataclass(frozen=True, slots=True)
class Queue:
    """`refused`: why it becomes no release; then nothing else is said. `reason`: intake's own sentence."""

    refused: str | None = None
    reason: str = ""
    starts: bool = False
    replaces: tuple[str, ...] = ()
    """What waits and gives way to it."""
    ahead: tuple[str, ...] = ()
    """What waits before it."""
    held: tuple[tuple[str, str], ...] = ()
    """What is under way and stays as it is, and why."""
    pauses: tuple[Pause, ...] = ()
    resumes: datetime | None = None
    """When it would start, if nothing but pauses keeps it back and their ends are known."""
    fix: bool = False
    """It fixes what is under way, as its package URL says: that is pre-empted."""
    forward_only: bool = False
    """Its package URL says that nothing goes back past it by itself."""


def named(plan: Plan, artifact: str | None) -> str:
    """The package URL that is meant: of any artifact, of one by its digest alone, or as it is written."""
    if artifact is None:
        return purl(plan.artifact, ANY, f"the next artifact of {plan.application}")
    return purl(plan.artifact, artifact) if digest_problem(artifact) is None else artifact


def foreseen(plan: Plan, history: History, announced: str, now: datetime) -> Queue:
    """What its provenance shows is not asked here."""
    said = Message(
        body=ArtifactPublished(purl=announced),
        id="preview",
        source="/lockgate/cli/preview",
        key=EVERY,
        at=now.isoformat(),
    )
    claim: dict[RowKey, Row] = {RowKey(EVERY, Claim.kind, plan.artifact): Claim(application=plan.application)}
    routed = decided(EVERY, said, claim, now)
    if routed.events:
        return _elsewhere(_told(routed.events, history), routed.events, plan)
    return _told(decided(plan.application, said, _rows(plan, history), now).events, history)


def _elsewhere(told: Queue, events: Sequence[Payload], plan: Plan) -> Queue:
    """Of other plans nothing is known here."""
    if not any(isinstance(e, ArtifactRefused) and e.code is ArtifactRefusal.UNKNOWN_PACKAGE for e in events):
        return told
    return Queue(
        refused=f"it is no artifact of {plan.application}, whose package is {plan.artifact} ({ArtifactRefusal.UNKNOWN_PACKAGE})"
    )


def _rows(plan: Plan, history: History) -> dict[RowKey, Row]:
    """Those of intake. Where the regions are makes no difference to the queue."""
    key, undemanding = plan.application, plan.model_copy(update={"provenance": None})
    place = Place(region="any", deployer="any", cluster="any", namespace="any")
    return {
        RowKey(key, NewestPlan.kind, ""): NewestPlan(version=1, plan=undemanding),
        RowKey(key, history.lane.kind, ""): history.lane,
        **{RowKey(whose, Pause.kind, ""): pause for whose, pause in history.pauses.items()},
        **{RowKey(key, Release.kind, id_): release for id_, release in history.releases.items()},
        **{
            RowKey(key, Pending.kind, release.artifact.digest): Pending(release=id_)
            for id_, release in history.releases.items()
        },
        **{RowKey(key, bad.kind, digest): bad for digest, bad in history.bad.items()},
        **{RowKey(EVERY, Region.kind, region): Region(place=place) for region in plan.regions},
    }


def _told(events: Sequence[Payload], history: History) -> Queue:
    """From what it would emit."""
    for event in events:
        if isinstance(event, ArtifactRefused):
            return Queue(refused=f"{event.reason} ({event.code})")
    gone = {event.release for event in events if isinstance(event, ReleaseSuperseded)}
    waiting = [(id_, history.releases[id_].artifact.label) for id_ in history.lane.waiting]
    ahead = tuple(label for id_, label in waiting if id_ not in gone)
    queued = next(event for event in events if isinstance(event, ReleaseQueued))
    under_way = [(history.releases[id_].artifact.label, history.held(id_)) for id_ in history.lane.under_way]
    return Queue(
        reason=queued.reason,
        forward_only=queued.artifact.forward_only,
        starts=any(isinstance(event, ReleaseStarted) for event in events),
        replaces=tuple(label for id_, label in waiting if id_ in gone),
        ahead=ahead,
        held=tuple((label, why) for label, why in under_way if why is not None),
        pauses=tuple(history.pauses.values()),
        resumes=None if under_way or ahead else _end(tuple(history.pauses.values())),
        fix=any(isinstance(event, ReleasePreempted) for event in events),
    )


def _end(pauses: Sequence[Pause]) -> datetime | None:
    """Of all of them; None if one ends by hand only."""
    ends = [pause.until for pause in pauses if pause.until is not None]
    return max(ends) if ends and len(ends) == len(pauses) else None
