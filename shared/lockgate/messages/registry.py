"""Every event type, imported so that it is known: what reads or lists types imports this module."""

from lockgate.messages import (
    anomalies,
    artifacts,
    checkpoints,
    deployments,
    operations,
    plans,
    releases,
    rollbacks,
    verdicts,
)
from lockgate.messages.artifacts import OtherEvent
from lockgate.messages.inlet import Inlet
from lockgate.messages.payload import PAYLOADS, Payload

MODULES = (anomalies, artifacts, checkpoints, deployments, operations, plans, releases, rollbacks, verdicts)


def payloads_of(topic: str) -> dict[str, type[Payload]]:
    """The event types that may lie on a topic."""
    return {name: payload for name, payload in PAYLOADS.items() if payload.topic == topic}


OTHERS: dict[str, type[Inlet]] = {"artifacts": OtherEvent}
"""Inlets that answer every CDEvent: topic -> what reads the types that `payloads_of` does not name."""
