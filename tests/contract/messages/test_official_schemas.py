"""What is published validates against the official CDEvents 0.5.1 schemas, and against our own."""

import copy
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from lockgate.messages.payload import PAYLOADS
from lockgate.messages.schemas.names import DESCRIBED, TypeName
from tests.support.cdevents import CONFORMANCE, SCHEMAS, Json, load, problems, problems_with


@pytest.mark.parametrize("file", CONFORMANCE, ids=lambda file: file.stem)
def test_the_official_files_validate_so_the_validator_is_set_up_right(file: Path) -> None:
    assert problems(load(file)) == []


@pytest.mark.parametrize("event_type", DESCRIBED)
def test_what_is_published_is_a_cdevent(event_type: str) -> None:
    assert problems(_example(event_type)) == []


@pytest.mark.parametrize("event_type", DESCRIBED)
def test_what_is_published_is_as_our_own_schema_says(event_type: str) -> None:
    schema = _schema(event_type)
    Draft202012Validator.check_schema(schema)
    assert problems_with(schema, _example(event_type)) == []


@pytest.mark.parametrize("event_type", DESCRIBED)
def test_our_own_schema_is_of_one_type_only(event_type: str) -> None:
    event = _example(event_type)
    event["context"]["type"] = "dev.cdevents.build.started.0.3.0"
    assert len(problems_with(_schema(event_type), event)) == 1


def test_every_type_that_we_name_is_a_legal_custom_type() -> None:
    for event_type in PAYLOADS:
        if event_type.startswith("dev.cdeventsx."):
            assert problems(_of_type(event_type)) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"timestamp": "24 November"}, "$.context.timestamp"),
        ({"source": "not a uri"}, "$.context.source"),
        ({"type": "dev.cdeventsx.lockgate-step2.granted.0.1.0"}, "$.context.type"),
        ({"type": "dev.cdeventsx.lockgate-step.granted.0.10.0"}, "$.context.type"),
        ({"version": "0.4.1"}, "$.context"),
        ({"links": [{"linkType": "RELATION"}]}, "$.context.links[0]"),
    ],
)
def test_what_is_no_cdevent_is_found(change: Json, place: str) -> None:
    event = _example("dev.cdeventsx.lockgate-step.granted.0.3.0")
    event["context"] |= change
    assert [problem.split(": ")[0] for problem in problems(event)] == [place]


def test_a_native_event_with_a_field_of_our_own_in_its_content_is_found() -> None:
    event = _example("dev.cdevents.service.deployed.0.3.0")
    event["subject"]["content"]["share"] = 0.1
    assert [problem.split(": ")[0] for problem in problems(event)] == ["$.subject.content"]


def test_a_failed_suite_of_requests_says_so_in_the_official_fields() -> None:
    content = _example("dev.cdevents.testsuiterun.finished.0.3.0")["subject"]["content"]
    assert content == {
        "environment": {"id": "eu-preprod", "source": "/lockgate/deployer-eu"},
        "outcome": "failure",
        "testSuite": {"id": "payments/preprod", "name": "requests of the stage preprod"},
        "severity": "high",
        "reason": "no answer within 2.5s",
    }


def _example(event_type: str) -> Json:
    return load(_file(event_type, ".example.json"))


def _schema(event_type: str) -> Json:
    return load(_file(event_type, ".json"))


def _file(event_type: str, suffix: str) -> Path:
    return SCHEMAS / DESCRIBED[event_type].topic / f"{TypeName.of(event_type).fact}{suffix}"


def _of_type(event_type: str) -> Json:
    event = copy.deepcopy(_example("dev.cdeventsx.lockgate-release.completed.0.1.0"))
    event["context"]["type"] = event_type
    return event
