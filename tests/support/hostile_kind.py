"""What a kind of hostile record is: how it is made from a good one, where it is sent, and what becomes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from lockgate.runtime.deadletter import Reason
from tests.support.hostile_drafts import ANYWHERE, Draft, Raw, draft


class Fate(StrEnum):
    """What becomes of a record that is no dead letter."""

    HANDLED = "handled"
    UNDECODABLE = "undecodable"  # parked: an event of ours, in its place, by a newer schema
    GAP = "gap"  # parked: events before it are missing
    CAUSE = "cause"  # parked where its cause is waited for; handled elsewhere


Ends = Reason | Fate
Make = Callable[[Random, Draft], Raw | Sequence[Raw]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`fates` are those of the records that are made at once; `often` how often it is drawn beside the others."""

    name: str
    make: Make
    fates: tuple[Ends, ...]
    topics: tuple[str, ...]
    often: float = 1.0

    def drawn(self, chance: Random) -> list[tuple[Raw, Ends]]:
        """Records of this kind, each with its fate."""
        made = self.make(chance, draft(chance.choice(self.topics), chance))
        raws = [made] if isinstance(made, Raw) else list(made)
        return list(zip(raws, self.fates, strict=True))


def kind(
    name: str,
    fate: Ends | tuple[Ends, ...],
    make: Make,
    *topics: str,
    often: float = 1.0,
) -> Kind:
    return Kind(name, make, fate if isinstance(fate, tuple) else (fate,), topics or ANYWHERE, often)


SLOW = 0.02
"""For what is large: a few of them in ten thousand."""


def said(*path: str, to: Any) -> Make:
    """With another value at a path of the event."""
    return lambda _, good: good.saying(*path, to=to).raw()


def missing(*path: str) -> Make:
    """Without a part of the event."""
    return lambda _, good: good.without(*path).raw()
