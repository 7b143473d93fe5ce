"""Which members of a consumer group have died, from looks at who is there; and how a session says which one it is. Pure.

A replica says so in the name of a session of its own in PostgreSQL, which ends the moment that the kernel closes the
socket of a dead process. Who looks starts with an empty roll whenever its own session is a new one.
"""

import hashlib
from collections.abc import Collection, Mapping

ABSENT_SECONDS = 1.0
"""A live replica that lost its session has a new one much sooner, if PostgreSQL takes new ones at all."""

MAX_NAME = 63  # PostgreSQL cuts longer ones off without a word

Roll = Mapping[str, float | None]
"""Each member that was seen, with the time of the answer that missed it first; None if the last one saw it."""


def called(
    roll: Roll, present: Collection[str], asked: float, answered: float
) -> tuple[Roll, tuple[str, ...]]:
    """The roll after one more look, and who has died: seen once, and missed by looks for long enough.

    From an answer to a question that was asked later: whoever looks may have stood still in between.
    """
    missing = {
        member: answered if since is None else since
        for member, since in roll.items()
        if member not in present
    }
    dead = tuple(sorted(member for member, since in missing.items() if asked - since >= ABSENT_SECONDS))
    left: dict[str, float | None] = dict.fromkeys(present)
    return left | {member: since for member, since in missing.items() if member not in dead}, dead


def mark(group: str) -> str:
    """With what the names of the sessions of a group's members begin."""
    return f"lockgate-member-{hashlib.sha256(group.encode()).hexdigest()[:8]}-"


def session_name(group: str, member: str) -> str:
    """What a session is called. The mark alone while it is no member, or one whose id is not made as brokers make it."""
    short = member.removeprefix(f"{group}-")
    name = mark(group) + short
    return name if short != member and name.isascii() and len(name) <= MAX_NAME else mark(group)


def member_of(group: str, name: str) -> str | None:
    """The member that a session speaks for; None if it is none of this group."""
    short = name.removeprefix(mark(group))
    return f"{group}-{short}" if short and short != name else None
