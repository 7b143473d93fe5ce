"""What makes an event from outside the same event as another. Pure."""

from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime import canonical


def inlet_id(message: Message[Payload]) -> tuple[str, str]:
    """CDEvents makes (source, id) unique; the type is added for producers that reuse an id for another fact,
    and to an incident its application: else whoever may report those of one could take another's for told already.

    Hashed: these texts come from outside and may be longer than an index of the database takes.
    """
    fact = getattr(message.body, "event_type", message.body.type)
    parts: tuple[str, ...] = (message.source, message.id, fact, message.body.subject_id())
    if isinstance(message.body, IncidentDetected | IncidentResolved):
        parts += (message.body.service,)
    return (message.source[:200], canonical.sha256(canonical.dumps(parts)))
