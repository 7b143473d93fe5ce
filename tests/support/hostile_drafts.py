"""Good events of every topic that a service reads, as raw parts: what hostile records are made from.

Each has an application, an id and a key that nothing else has.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple, Self

from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.deployments import DeploymentProgressed
from lockgate.messages.message import Message, derived_id, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.plans import PlanPublished
from lockgate.messages.releases import ReleaseSuperseded
from lockgate.messages.rollbacks import DebtCleared
from lockgate.messages.values import Artifact, Cause, Fence
from lockgate.messages.verdicts import Action, StageWaiting, WaitingFor

INLETS = ("artifacts", "anomalies", "plans")
INTERNAL = ("releases", "verdicts", "deployments", "rollbacks")
ANYWHERE = INLETS + INTERNAL

WRITERS = {
    "releases": "intake",
    "verdicts": "verifier",
    "deployments": "deployer-ghost",
    "rollbacks": "rollback",
}
AT = "2026-11-24T12:00:00.000Z"

Header = tuple[bytes, bytes | None]
Json = dict[str, Any]


class Raw(NamedTuple):
    """A record as it is written. The names of its headers are bytes; `batch` is a whole batch instead."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    batch: bytes | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A good record whose parts are still to be changed. `event` is what its value says."""

    topic: str
    name: str
    event: Json
    key: bytes | None
    headers: tuple[Header, ...] = ((b"content-type", b"application/json"),)

    @property
    def value(self) -> bytes:
        return json.dumps(self.event).encode()

    def raw(self, **changed: Any) -> Raw:
        return Raw(
            **{"topic": self.topic, "key": self.key, "value": self.value, "headers": self.headers, **changed}
        )

    def headed(self, *more: Header) -> Raw:
        return self.raw(headers=(*self.headers, *more))

    def replaced(self, old: bytes, new: bytes) -> Raw:
        """With other bytes in the value, which are there."""
        assert old in self.value, (self.topic, old)
        return self.raw(value=self.value.replace(old, new, 1))

    def within(self, text: bytes) -> Raw:
        """With this JSON text as one attribute more of the subject."""
        return self.replaced(b'"subject": {', b'"subject": {"more": ' + text + b", ")

    def saying(self, *path: str, to: Any) -> Self:
        """With another value at a path of the event."""
        return replace(self, event=_changed(self.event, path, to))

    def without(self, *path: str) -> Self:
        event = json.loads(self.value)
        at = event
        for name in path[:-1]:
            at = at[name]
        del at[path[-1]]
        return replace(self, event=event)

    def of(self, writer: str, number: Any = 1, *, key: str | None = None) -> Self:
        """As an event of another writer, number or key, with the id that follows from them."""
        key = key or self.name
        origin = {**self.event["customData"]["lockgate"], "writer": writer, "key": key, "number": number}
        changed = self.saying("customData", "lockgate", to=origin)
        return changed.saying("context", "id", to=event_id(writer, key, number))

    @property
    def id(self) -> str:
        return str(self.event["context"]["id"])


def _changed(event: Mapping[str, Any], path: tuple[str, ...], to: Any) -> Json:
    first, *rest = path
    return {**event, first: _changed(event[first], tuple(rest), to) if rest else to}


def draft(topic: str, chance: Random, body: Payload | None = None) -> Draft:
    """A good record for a topic. Of an internal topic it is the first event of its writer and key."""
    name = f"ghost-{chance.getrandbits(64):016x}"
    if topic in INLETS:
        return Draft(topic, name, _from_outside(topic, name), name.encode())
    return internal(topic, name, body or _said(topic, name))


def internal(topic: str, name: str, body: Payload, after: tuple[Cause, ...] = ()) -> Draft:
    writer = WRITERS[topic]
    message = Message(
        body=body,
        id=event_id(writer, name, 1),
        source=f"/lockgate/{writer}",
        key=name,
        at=AT,
        writer=writer,
        number=1,
        after=after,
    )
    headers, value = encode(message)
    return Draft(topic, name, json.loads(value), name.encode(), tuple((n.encode(), v) for n, v in headers))


def _from_outside(topic: str, name: str) -> Json:
    kind, subject, content = {
        "artifacts": (ArtifactPublished.type, f"pkg:oci/{name}@{digest_of(name).replace(':', '%3A')}", {}),
        "anomalies": (
            IncidentDetected.type,
            f"outage of {name}",
            {"service": {"id": name}, "environment": {"id": "eu-west"}, "description": "slow"},
        ),
        "plans": (PlanPublished.type, name, {"plan": {"kind": "Plan", "application": name}, "author": "ann"}),
    }[topic]
    context = {"specversion": "0.5.1", "id": derived_id("hostile", name), "source": "/hostile"}
    return {
        "context": {**context, "type": kind, "timestamp": AT},
        "subject": {"id": subject, "content": content},
    }


def digest_of(name: str) -> str:
    return f"sha256:{name.encode().hex():0<64.64}"


def artifact(name: str) -> Artifact:
    return Artifact(purl=f"pkg:oci/{name}", digest=digest_of(name))


def _said(topic: str, name: str) -> Payload:
    """An event that changes nothing for anybody."""
    release = derived_id("release", name)
    match topic:
        case "releases":
            return ReleaseSuperseded(application=name, release=release, artifact=artifact(name), by="another")
        case "verdicts":
            return StageWaiting(
                application=name,
                release=release,
                stage="all",
                waiting_for=WaitingFor.BAKE,
                reason="It bakes.",
            )
        case "deployments":
            return DeploymentProgressed(
                application=name,
                release=release,
                region="eu-west",
                deployer=WRITERS[topic],
                fence=Fence(number=1, turn=0, grant=1),
                stage="all",
                action=Action.DEPLOY,
                artifact=artifact(name),
                updated=1,
                wanted=2,
                reason="It rolls.",
            )
        case _:
            return DebtCleared(application=name, release=release, region="eu-west", reason="It is cleared.")
