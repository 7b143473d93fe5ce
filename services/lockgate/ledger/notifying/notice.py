"""What people are told, made from the events: which ones, of which kind, and in which words. Pure.

A notice says what happened, to which application, version and regions, why, and what is to be done next.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from lockgate.ledger.notifying.following import Following, commands, says
from lockgate.messages.message import Message, derived_id
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseCompleted
from lockgate.messages.rollbacks import (
    DebtCleared,
    FlagsOrdered,
    ReleaseHeld,
    ReleaseResumed,
    ReleaseSettled,
    RollbackOrdered,
)
from lockgate.messages.verdicts import Outcome, RollbackVerified, StageWaiting, VerdictReached, WaitingFor

TOPICS = ("releases", "verdicts", "rollbacks")
"""Where all of it is said."""

FIRST_ORDER = 1
"""The grant of an order that is no repeat of it."""


class Kind(StrEnum):
    """What a notice is about; settings choose by it. A public contract: kinds are only added."""

    FAILURE = "failure"  # a verdict failed
    HOLD = "hold"  # nothing goes on until an operator, or the metrics, say more
    APPROVAL = "approval"  # a stage waits for an operator's word
    FLAGS = "flags"  # the plan's flags are being switched off
    ROLLBACK = "rollback"  # it is being taken back, or out of the way of a fix
    RECOVERY = (
        "recovery"  # it goes on; or it is settled, and nothing is owed; or what was owed is not any more
    )
    DEBT = "debt"  # it is settled, and regions may still run it
    COMPLETED = "completed"  # its watch passed


class Notice(BaseModel):
    """One thing that people are told. The same event makes the same notice, with the same id, however often it is read."""

    model_config = ConfigDict(frozen=True)
    id: str
    kind: Kind
    application: str
    release: str
    version: str
    stage: str | None
    regions: tuple[str, ...]
    what: str
    why: str
    says: str
    commands: tuple[str, ...]
    at: datetime
    event: str


class _Told(NamedTuple):
    """`what` goes on after "payments v7". `once`: what the events of all regions have in common, told as one."""

    kind: Kind
    what: str
    following: Following
    regions: tuple[str, ...] = ()
    once: str = ""


def noticed(message: Message[Payload], version: str | None, at: datetime) -> Notice | None:
    """The notice of an event, or None if nobody is told of it. `version`: what people call the release's artifact."""
    body: Any = message.body
    tell = _TOLD.get(type(body))
    told = tell(body) if tell is not None else None
    if told is None:
        return None
    called = plain(version or f"(release {body.release})")
    stage = getattr(body, "stage", None)
    release = body.release if is_id(body.release) else None
    parts = (body.application, body.release, told.once) if told.once else (message.id,)
    return Notice(
        id=derived_id("notice", *parts),
        kind=told.kind,
        application=body.application,
        release=plain(body.release),
        version=called,
        stage=stage,
        regions=told.regions,
        what=f"{body.application} {called} {told.what}",
        why=plain(getattr(body, "reason", "Its watch passed.")),
        says=says(told.following),
        commands=commands(told.following, body.application, release, stage),
        at=at,
        event=message.id,
    )


def _verdict(body: VerdictReached) -> _Told | None:
    if body.outcome is not Outcome.FAIL:
        return None
    return _Told(Kind.FAILURE, f"failed in the stage {body.stage}", Following.REMEDIATION, body.guilty)


def _waiting(body: StageWaiting) -> _Told | None:
    """Only where it waits for a person."""
    if body.waiting_for is WaitingFor.APPROVAL:
        return _Told(
            Kind.APPROVAL, f"waits for an approval before the stage {body.stage}", Following.APPROVAL
        )
    if body.waiting_for is WaitingFor.HELD:
        return _Told(Kind.HOLD, f"is held in the stage {body.stage}", Following.HELD_STAGE)
    return None


def _ordered_back(body: RollbackOrdered) -> _Told | None:
    if body.fence.grant != FIRST_ORDER:
        return None
    if body.digest == body.bad:  # a fix goes before it, and it stays as far as it has got
        what, once = "is halted, and stays where it is served whole", f"stays {body.fence.turn}"
    else:
        what, once = (
            "is halted, and the regions that it may have touched are ordered back",
            f"rollback {body.fence.turn}",
        )
    return _Told(Kind.ROLLBACK, what, Following.ROLLBACK, once=once)


def _flags(body: FlagsOrdered) -> _Told:
    return _Told(Kind.FLAGS, "has its flags switched off", Following.FLAGS, once=f"flags {body.fence.turn}")


def _settled(body: ReleaseSettled) -> _Told:
    if body.debts:
        return _Told(Kind.DEBT, "is settled, and some regions owe something", Following.DEBT, body.debts)
    return _Told(Kind.RECOVERY, "is settled, and no region owes anything", Following.FIX)


def _cleared(body: DebtCleared) -> _Told:
    what = f"does not run in {body.region} any more"
    return _Told(Kind.RECOVERY, what, Following.NOTHING, (body.region,))


def _verified(body: RollbackVerified) -> _Told:
    if body.recovered:
        return _Told(Kind.RECOVERY, "was taken back, and that helped", Following.NOTHING)
    return _Told(Kind.HOLD, "was taken back, and that did not help", Following.RESUME)


def _always(kind: Kind, what: str, following: Following) -> Callable[[Any], _Told]:
    return lambda _: _Told(kind, what, following)


_TOLD: Final[Mapping[type[Payload], Callable[[Any], _Told | None]]] = {
    VerdictReached: _verdict,
    StageWaiting: _waiting,
    RollbackVerified: _verified,
    RollbackOrdered: _ordered_back,
    FlagsOrdered: _flags,
    ReleaseHeld: _always(Kind.HOLD, "failed and is held, as it is", Following.HELD),
    ReleaseResumed: _always(Kind.RECOVERY, "goes on, and is judged anew", Following.JUDGED_ANEW),
    ReleaseSettled: _settled,
    DebtCleared: _cleared,
    ReleaseCompleted: _always(Kind.COMPLETED, "is completed, in every region of its plan", Following.NOTHING),
}
"""Every event that people may be told of."""


_ID = re.compile(r"[0-9a-f-]{1,64}")
"""What a release's id is made of; anything else is no part of a command."""


def is_id(release: str) -> bool:
    """Whether it is a release's id as intake makes them. An event of another writer may say anything."""
    return _ID.fullmatch(release) is not None


def plain(text: str) -> str:
    """A text of an event on one line, without control characters and what reverses the reading."""
    return "".join(character if character.isprintable() else " " for character in text)
