"""What every event's payload is: its type, its topic, and how it lies in a CDEvent.

A payload of a custom type is the CDEvent's `subject.content`. Where CDEvents has the fact itself (`native`),
the official content is derived from the payload, and the whole payload travels in `customData.payload`.
"""

from typing import Any, ClassVar

from lockgate.messages.values import Value

CUSTOM_PREFIX = "dev.cdeventsx.lockgate-"


def major_of(event_type: str) -> str | None:
    """A type of our own without minor and patch version, which only add; None for types that others version."""
    return event_type.rsplit(".", 2)[0] if event_type.startswith(CUSTOM_PREFIX) else None


class Payload(Value):
    """The fact or command of one event type. Subclasses name their topic and type in class arguments."""

    topic: ClassVar[str]
    type: ClassVar[str]
    native: ClassVar[bool]
    named: ClassVar[tuple[str, ...]] = ()
    """Which of the names that a subject's id is made of this payload has; a miss on the instance would be slow."""

    def __init_subclass__(
        cls, *, topic: str = "", custom: str = "", native: str = "", version: str = "0.1.0", **options: Any
    ) -> None:
        super().__init_subclass__(**options)
        if not topic:
            return
        cls.topic = topic
        cls.native = bool(native)
        cls.type = f"dev.cdevents.{native}" if native else f"{CUSTOM_PREFIX}{custom}.{version}"
        if cls.type in PAYLOADS:
            raise TypeError(f"two payloads for the type {cls.type}")
        PAYLOADS[cls.type] = cls

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        cls.named = tuple(name for name in _NAMES if name in cls.model_fields)

    def subject_id(self) -> str:
        """The id of the CDEvent's subject: what it is about, from the widest to the narrowest name."""
        parts = [str(part) for name in self.named if (part := getattr(self, name))]
        return "/".join(parts) or self.type.rsplit(".", 4)[1]

    def native_content(self) -> dict[str, Any]:
        """The official `subject.content` of a native type."""
        raise TypeError(f"{self.type} is not a native CDEvents type")

    @property
    def chain(self) -> str | None:
        """The release that the event belongs to, if any: the CDEvent's chainId."""
        return str(getattr(self, "release")) if "release" in self.named else None  # noqa: B009  # not every payload has it


_NAMES = ("application", "release", "stage", "region")

PAYLOADS: dict[str, type[Payload]] = {}
"""Every event type that is published or read, by its full CDEvents type."""
