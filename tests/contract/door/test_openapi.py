"""The OpenAPI document: as committed, complete, without dangling references, and true of the real payloads."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lockgate.intake.door.answers import Code
from lockgate.intake.door.openapi import document, main, written
from lockgate.intake.door.routes import DOCUMENT, ROUTES, WHO
from tests.support.cdevents import SCHEMAS
from tests.support.deliveries import payload

SAMPLES = {
    "github/registry_package": ("/v1/github", "application/json"),
    "github/package": ("/v1/github", "application/json"),
    "harbor/pushed": ("/v1/harbor", "application/json"),
    "harbor/pushed-cloudevents": ("/v1/harbor", "application/cloudevents+json"),
    "alertmanager/firing": ("/v1/alertmanager", "application/json"),
    "alertmanager/resolved": ("/v1/alertmanager", "application/json"),
    "grafana/firing": ("/v1/grafana", "application/json"),
}


def test_the_committed_document_is_that_of_the_routes() -> None:
    assert (SCHEMAS / "openapi.json").read_bytes() == written(), (
        "run `make schemas` and commit what it writes"
    )


def test_it_is_written_where_it_differs_and_said_so(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "openapi.json"
    assert main([str(file)]) == 0
    assert json.loads(file.read_bytes()) == document()
    assert main([str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n", "the second time there was nothing to write"


def test_every_route_is_described_with_its_answers() -> None:
    paths = document()["paths"]
    assert paths.keys() == {*(route.path for route in ROUTES), WHO, DOCUMENT}
    for route in ROUTES:
        post = paths[route.path]["post"]
        assert post["requestBody"]["content"].keys() == route.bodies.keys()
        assert {"200", "202", "400", "401", "403", "413", "415", "422", "429", "503"} <= post[
            "responses"
        ].keys()


def test_no_answer_is_a_500() -> None:
    assert {code.status for code in Code if code.status >= 500} == {503}


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    for reference in references(whole):
        found = whole
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_every_security_scheme_that_is_named_is_there() -> None:
    whole = document()
    named = {
        name
        for path in whole["paths"].values()
        for each in path.values()
        for need in each["security"]
        for name in need
    }
    assert named == whole["components"]["securitySchemes"].keys()


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_documented_payloads_are_as_it_says(sample: str) -> None:
    path, media = SAMPLES[sample]
    assert problems(path, media, payload(sample)) == []


@pytest.mark.parametrize("sample", ["harbor/pushed", "alertmanager/firing", "github/package"])
def test_what_is_no_payload_is_not_as_it_says(sample: str) -> None:
    path, media = SAMPLES[sample]
    broken = {
        name: value for name, value in payload(sample).items() if name not in {"type", "alerts", "action"}
    }
    assert problems(path, media, broken) != []


def problems(path: str, media: str, body: Any) -> list[str]:
    whole = document()
    schema = whole["paths"][path]["post"]["requestBody"]["content"][media]["schema"]
    validator = Draft202012Validator({**schema, "components": whole["components"]})
    return [error.message for error in validator.iter_errors(body)]


def references(part: Any) -> Iterator[str]:
    match part:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for value in part.values():
                yield from references(value)
        case list():
            for value in part:
                yield from references(value)
        case _:
            pass
