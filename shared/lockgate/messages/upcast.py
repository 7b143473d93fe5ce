"""Older versions of events, made readable by pure functions from JSON to JSON.

CDEvents 0.4.1 (context.version instead of context.specversion, and a subject.type) is accepted for what comes
from outside. An event version of our own that changes gets its function here; none has yet.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

Json = dict[str, Any]


def _from_cdevents_041(event: Json, new_type: str) -> Json:
    context = {k: v for k, v in event["context"].items() if k != "version"}
    newer = {**event, "context": {**context, "specversion": "0.5.1", "type": new_type}}
    if isinstance(subject := event.get("subject"), dict):  # of whatever else it is, validation says so
        newer["subject"] = {k: v for k, v in subject.items() if k != "type"}
    return newer


_CDEVENTS_041 = {
    "dev.cdevents.artifact.published.0.2.0": "dev.cdevents.artifact.published.0.3.0",
    "dev.cdevents.incident.detected.0.2.0": "dev.cdevents.incident.detected.0.3.0",
    "dev.cdevents.incident.resolved.0.2.0": "dev.cdevents.incident.resolved.0.3.0",
}

UPCASTERS: dict[str, Callable[[Json], Json]] = {
    old: partial(_from_cdevents_041, new_type=new) for old, new in _CDEVENTS_041.items()
}
"""The event type of an older version -> how to make it the next one."""


def upcast(event: Json) -> Json:
    """The event in its newest version; the same object if it is that already."""
    context = event.get("context")
    while isinstance(context, dict) and isinstance(context.get("type"), str):
        upcaster = UPCASTERS.get(context["type"])
        if upcaster is None:
            return event
        event = upcaster(event)
        context = event["context"]
    return event
