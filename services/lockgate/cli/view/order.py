"""The order in which events are told, whichever topics they come from."""

from lockgate.messages.message import Message
from lockgate.messages.payload import Payload


def moment(message: Message[Payload]) -> tuple[str, str, int]:
    """Orders events by their time; those of one writer at one time, by their number."""
    return (message.at, message.writer or "", message.number or 0)
