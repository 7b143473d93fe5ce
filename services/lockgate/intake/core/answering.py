"""Operations under `*`, where applications are known: to which one each goes; and how each is answered, once."""

from datetime import datetime

from lockgate.intake.rows import Claimed
from lockgate.intake.words import sentence
from lockgate.messages.decision import On, Rows, Step, emit
from lockgate.messages.message import Message
from lockgate.messages.operations import OfAny, OfApplication, OfRegion, OperationRefusal
from lockgate.messages.releases import OperationAnswered

Named = Message[OfApplication] | Message[OfAny]
Given = Named | Message[OfRegion]


def routed(rows: Rows, given: Named, _now: datetime) -> Step:
    """Under `*`: to the application that it names."""
    name = given.body.application or ""
    if rows.get(Claimed, name) is not None:
        return Step(forward=(name,))
    return refused(
        given,
        OperationRefusal.UNKNOWN_APPLICATION,
        f"no plan of {name} was ever published: correct the name of the application",
    )


def done(given: Given, reason: str) -> Step:
    return _answered(given, None, reason)


def refused(given: Given, code: OperationRefusal, reason: str) -> Step:
    return _answered(given, code, reason)


def _answered(given: Given, code: OperationRefusal | None, reason: str) -> Step:
    return emit(OperationAnswered.to(given.body, given.id, code, sentence(reason)))


ROUTED = On(routed, lambda given: ((Claimed, given.body.application),))
