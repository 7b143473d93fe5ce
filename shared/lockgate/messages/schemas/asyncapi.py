"""The AsyncAPI 3.0 document: the topics as channels, the events as messages, who sends and who receives.

What services read is declared in each `service.py`, which messages may not import; `READS` repeats it, and a
test holds it to the declarations.
"""

from typing import Any

from lockgate.messages.schemas.names import DESCRIBED, TypeName, description, title
from lockgate.messages.topics import TOPICS, Kind, Topic

Json = dict[str, Any]

VERSION = "0.1.0"  # of this document; raised with any version of an event
DEFAULT_PARTITIONS = 4  # the runtime's setting, where an operator sets none

READS: dict[str, tuple[str, ...]] = {
    "intake": ("artifacts", "plans", "operations", "deployments", "verdicts", "rollbacks"),
    "verifier": ("releases", "deployments", "rollbacks", "anomalies", "operations"),
    "deployer": ("verdicts", "rollbacks"),
    "rollback": ("releases", "verdicts", "deployments"),
    "ledger": tuple(name for name, topic in TOPICS.items() if topic.writer != "ledger"),
}
"""Service -> the topics that it reads."""

_BINDING = "0.5.0"
_SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
_TRAIT = "cloudEventsKafkaBinary"
_KEY = {
    Kind.INLET: "any; inlets promise no order",
    Kind.INTERNAL: "the application, or * for what belongs to no single one",
    Kind.JOURNAL: "the application, or *",
    Kind.DEAD: "that of the record that could not be read",
}
_PURPOSE = {
    Kind.INLET: "Written from outside; deduplicated by source and id.",
    Kind.INTERNAL: "Written by one service; in order for each key, deduplicated by writer, key and number.",
    Kind.JOURNAL: "One record for each decision of the service, from which it can be recomputed.",
    Kind.DEAD: "What the service could not read: original bytes, with place and reason in headers.",
}


def asyncapi() -> Json:
    """The whole document, as plain data."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lockgate",
            "version": VERSION,
            "description": "Every event is a CDEvent (0.5.1) in a CloudEvent (Kafka binding, binary mode). "
            "An installation may put a prefix before the topics' names.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": _operations(),
        "components": {
            "messages": {_message_id(name): _message(name) for name in DESCRIBED} | _records(),
            "messageTraits": {_TRAIT: _headers()},
        },
    }


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.name,
        "description": _PURPOSE[topic.kind],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages_on(topic)},
        "bindings": {"kafka": _kafka(topic)},
    }


def _kafka(topic: Topic) -> Json:
    config = {name: int(value) if value.isdigit() else value for name, value in topic.config.items()}
    return {
        "topic": topic.name,
        "partitions": DEFAULT_PARTITIONS,
        "topicConfiguration": config | {"cleanup.policy": [topic.config["cleanup.policy"]]},
        "bindingVersion": _BINDING,
    }


def _messages_on(topic: Topic) -> tuple[str, ...]:
    if topic.kind in {Kind.JOURNAL, Kind.DEAD}:
        return (topic.kind.value,)
    return tuple(_message_id(name) for name, payload in DESCRIBED.items() if payload.topic == topic.name)


def _message_id(event_type: str) -> str:
    """One type lies on one topic, so its fact names it."""
    return TypeName.of(event_type).fact


def _message(event_type: str) -> Json:
    payload = DESCRIBED[event_type]
    file = f"./{payload.topic}/{TypeName.of(event_type).fact}"
    return {
        "name": event_type,
        "title": title(payload),
        "summary": description(payload).split("\n")[0],
        "contentType": "application/json",
        "traits": [{"$ref": f"#/components/messageTraits/{_TRAIT}"}],
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"{file}.json"}},
        "bindings": {"kafka": _key(TOPICS[payload.topic].kind)},
        "externalDocs": {"description": "an example", "url": f"{file}.example.json"},
    }


def _records() -> Json:
    """What lies on the topics that carry no CDEvents."""
    return {
        kind.value: {
            "name": kind.value,
            "summary": _PURPOSE[kind],
            "contentType": content_type,
            "bindings": {"kafka": _key(kind)},
        }
        for kind, content_type in (
            (Kind.JOURNAL, "application/json"),
            (Kind.DEAD, "application/octet-stream"),
        )
    }


def _key(kind: Kind) -> Json:
    return {"key": {"type": "string", "description": _KEY[kind]}, "bindingVersion": _BINDING}


def _headers() -> Json:
    """The CloudEvents attributes of the Kafka binding's binary mode, as they are written."""
    text = {"type": "string", "minLength": 1}
    properties = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {**text, "description": "the CDEvent's context.id"},
        "ce_source": {**text, "format": "uri-reference", "description": "the CDEvent's context.source"},
        "ce_type": {**text, "description": "the CDEvent's context.type"},
        "ce_time": {**text, "format": "date-time", "description": "the CDEvent's context.timestamp"},
        "ce_subject": {**text, "description": "the CDEvent's subject.id"},
        "content-type": {"type": "string", "const": "application/json"},
    }
    required = [name for name in properties if name not in {"ce_time", "ce_subject"}]
    return {"headers": {"type": "object", "required": required, "properties": properties}}


def _operations() -> Json:
    sent = {topic.name: topic.writer for topic in TOPICS.values()}
    sends = {f"{who}.sends.{name}": _operation("send", who, name) for name, who in sent.items()}
    receives = {
        f"{who}.receives.{name}": _operation("receive", who, name)
        for who, names in READS.items()
        for name in names
    }
    return sends | receives


def _operation(action: str, who: str, topic: str) -> Json:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}, "tags": [{"name": who}]}
