"""Fixes at intake's desk, and what is under way when they are sent."""

from lockgate.messages.operations import Fix
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseQueued
from tests.support.desk import Desk
from tests.support.intake import PRODUCTION, announce, desk, purl
from tests.support.operators import answer, asked, give


def send(at_desk: Desk, n: int) -> list[Payload]:
    return give(at_desk, asked(Fix, artifact=purl(n)))


def fixed(at_desk: Desk, n: int) -> str:
    """The id of the release that the fix n became."""
    return next(event.release for event in send(at_desk, n) if isinstance(event, ReleaseQueued))


def refused(at_desk: Desk, artifact: str) -> tuple[str | None, str]:
    found = answer(at_desk, asked(Fix, artifact=artifact))
    return found.code, found.reason


def in_preproduction() -> tuple[Desk, str]:
    at_desk = desk()
    return at_desk, announce(at_desk, 1)


def in_production() -> tuple[Desk, str]:
    """In the pilot, in a wave or in the watch: intake knows no difference."""
    at_desk = desk(stages=PRODUCTION)
    return at_desk, announce(at_desk, 1)


def a_fix_in_production() -> tuple[Desk, str]:
    at_desk = desk(stages=PRODUCTION)
    return at_desk, fixed(at_desk, 1)
