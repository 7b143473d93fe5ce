"""Which event types have a schema, and how their files are called."""

from typing import NamedTuple

from lockgate.messages.payload import PAYLOADS, Payload
from lockgate.messages.registry import MODULES, OTHERS
from lockgate.messages.upcast import UPCASTERS

STAND_INS = frozenset(OTHERS.values())
"""Payloads that stand for types of others: they have no schema of their own."""

DESCRIBED: dict[str, type[Payload]] = {
    name: payload for name, payload in sorted(PAYLOADS.items()) if payload not in STAND_INS
}
"""Every event type that is published or read, by its full CDEvents type."""

READABLE = (*DESCRIBED, *sorted(UPCASTERS))
"""The same with every older version that is still read."""


class TypeName(NamedTuple):
    """A CDEvents type in its parts."""

    fact: str
    version: str

    @classmethod
    def of(cls, event_type: str) -> "TypeName":
        """Of `dev.cdeventsx.lockgate-step.granted.0.1.0`: the fact `step.granted` and the version `0.1.0`."""
        prefix, subject, predicate, *version = event_type.removeprefix("dev.").split(".")
        subject = subject.removeprefix("lockgate-") if prefix == "cdeventsx" else subject
        return cls(f"{subject}.{predicate}", ".".join(version))


def payload_of(event_type: str) -> type[Payload]:
    """What reads an event type of any version."""
    fact = TypeName.of(event_type).fact
    return next(p for name, p in DESCRIBED.items() if TypeName.of(name).fact == fact)


def title(payload: type[Payload]) -> str:
    """The class's name in words: `Release queued`."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in payload.__name__).strip()
    return words.capitalize()


def description(payload: type[Payload]) -> str:
    """The class's own sentence, then where the event lies."""
    own = payload.__dict__.get("__doc__") or f"{title(payload)}."
    module = next(m for m in MODULES if m.__name__ == payload.__module__)
    return f"{own.strip()}\n\n{(module.__doc__ or '').strip()}"
