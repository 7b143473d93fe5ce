"""The AsyncAPI document: complete, without dangling references, and as the services declare themselves."""

import ast
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match
from ruamel.yaml import YAML

from lockgate.ledger.reader import READ
from lockgate.messages.schemas.asyncapi import DEFAULT_PARTITIONS, READS, asyncapi
from lockgate.messages.schemas.names import DESCRIBED
from lockgate.messages.schemas.yamltext import dump
from lockgate.messages.topics import TOPICS
from lockgate.runtime.settings import RuntimeSettings
from tests.support.cdevents import ROOT, SCHEMAS, load

DECLARATIONS = sorted(ROOT.glob("services/lockgate/*/service.py"))


def official_problems(document: Any) -> list[str]:
    """The places that the JSON Schema of AsyncAPI 3.0.0 objects to."""
    validator = Draft7Validator(load(ROOT / "tests" / "data" / "asyncapi-3.0.0" / "3.0.0.json"))
    return [best_match([error]).json_path for error in validator.iter_errors(document)]


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_file_says_in_yaml_what_was_meant() -> None:
    assert parsed((SCHEMAS / "asyncapi.yaml").read_text()) == asyncapi()


def test_it_is_as_the_official_schema_says() -> None:
    assert official_problems(asyncapi()) == []


def test_the_official_schema_looks_into_the_kafka_bindings() -> None:
    document = asyncapi()
    document["channels"]["verdicts"]["bindings"]["kafka"]["partitions"] = "four"
    assert official_problems(document) == ["$.channels.verdicts.bindings.kafka.partitions"]


@pytest.mark.parametrize(
    "document",
    [
        {
            "text": "yes",
            "empty": "",
            "colon": "a: b",
            "hash": "a #b",
            "number": "1.0",
            "null": "null",
            "tilde": "~",
        },
        {"list": [1, 2.5, True, None, "x"], "nested": [[1, [2]], {"a": {"b": []}}, {}], "none": {}},
        {
            "on": {"- x": "- y"},
            "a/b": "http://x",
            "multi": "two\nlines",
            "quote": "\"'",
            "umlaut": "ä",
            "0x1": "1e3",
        },
    ],
)
def test_whatever_is_dumped_is_read_again_as_it_was(document: dict[str, Any]) -> None:
    assert parsed(dump(document)) == document


def test_every_event_is_a_message_on_the_channel_of_its_topic() -> None:
    document = asyncapi()
    for event_type, payload in DESCRIBED.items():
        on_channel = document["channels"][payload.topic]["messages"]
        names = [document["components"]["messages"][message]["name"] for message in on_channel]
        assert names.count(event_type) == 1


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi()
    references = list(_references(document))
    assert len(references) > len(DESCRIBED)
    for reference in references:
        assert _resolves(document, reference), reference


def test_a_channel_says_how_the_topic_is_created() -> None:
    assert asyncapi()["channels"]["verdicts"]["bindings"]["kafka"] == {
        "topic": "verdicts",
        "partitions": 4,
        "topicConfiguration": {
            "cleanup.policy": ["delete"],
            "retention.ms": 7_776_000_000,
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": 1_048_576,
        },
        "bindingVersion": "0.5.0",
    }
    assert RuntimeSettings.model_fields["partitions"].default == DEFAULT_PARTITIONS


def test_each_deciding_service_receives_what_it_declares() -> None:
    declared = {file.parent.name: reads for file in DECLARATIONS if (reads := _declared_reads(file))}
    assert declared == {service: set(topics) for service, topics in READS.items() if service != "ledger"}


def test_the_ledger_receives_everything_but_its_own_topic() -> None:
    assert set(READS["ledger"]) == set(READ) == TOPICS.keys() - {"checkpoints"}


def test_every_topic_of_events_has_a_sender_and_a_receiver() -> None:
    operations = asyncapi()["operations"].values()
    for action in ("send", "receive"):
        channels = {o["channel"]["$ref"].rsplit("/", 1)[1] for o in operations if o["action"] == action}
        assert channels >= TOPICS.keys() - {"checkpoints"}


def _references(part: Any) -> Any:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _resolves(document: Any, reference: str) -> bool:
    if not reference.startswith("#/"):
        return (SCHEMAS / reference).is_file()
    for name in reference.removeprefix("#/").split("/"):
        if name not in document:
            return False
        document = document[name]
    return True


def _declared_reads(file: Path) -> set[str]:
    """The topics in `Service(reads=(…))` of a declaration, by its source: settings are not needed to read it."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    reads = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "reads"]
    return {node.id.lower() for value in reads for node in ast.walk(value) if isinstance(node, ast.Name)}
