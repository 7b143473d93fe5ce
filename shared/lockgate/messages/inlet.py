"""What comes from outside: a payload that is read from an event that somebody else defined."""

from typing import Any, Self

from pydantic_core import to_json

from lockgate.messages.cdevent import InletEnvelope
from lockgate.messages.payload import Payload


class Inlet(Payload):
    """An event that is read and never written by a service."""

    @classmethod
    def read_event(cls, event: InletEnvelope) -> Self:
        """The payload of a whole event."""
        return cls.read(event.subject.id, event.subject.content, event.custom_data)

    @classmethod
    def read(cls, subject_id: str, content: dict[str, Any], custom_data: Any) -> Self:
        """The payload of an event whose `subject.content` is the payload; native types read their own way."""
        del subject_id, custom_data
        return cls.model_validate_json(to_json(content), strict=True)
