"""The OpenAPI 3.1 document, made from the table of routes and the models. `python -m lockgate.intake.door.openapi FILE` writes it.

Of what others send it describes only what is read; everything else in it is let pass. Pure but for `main`.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from lockgate.intake.door.answers import PROBLEM_TYPE, Code, Problem, Receipt, Whoami
from lockgate.intake.door.callers import Scheme
from lockgate.intake.door.routes import DOCUMENT, JSON, ROUTES, WHO, YAML, Route
from lockgate.intake.door.sources.cloudevents import BATCH

Json = dict[str, Any]

VERSION: Final = "1.0.0"
_TOKEN: Final = "token"  # noqa: S105  # the name of the scheme
_ALWAYS: Final = (Code.UNAUTHENTICATED, Code.TOO_MANY, Code.UNAVAILABLE)
_OF_BODIES: Final = (
    *(Code.MALFORMED, Code.FORBIDDEN, Code.TIMEOUT),
    *(Code.TOO_LARGE, Code.MEDIA_TYPE, Code.UNREADABLE),
)


def document() -> Json:
    """The whole document, as plain data."""
    refs, definitions = models_json_schema(
        [(model, "validation") for model in _models()], ref_template="#/components/schemas/{model}"
    )
    schemas = {model: refs[model, "validation"] for model in _models()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lockgate's door",
            "version": VERSION,
            "description": "Authenticates, translates and publishes to Lockgate's inlets. 202 means that the broker"
            " acknowledged. The same delivery sent again is the same event, so whatever is answered by 503 can be"
            " repeated without harm.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            **{route.path: {"post": _post(route, schemas)} for route in ROUTES},
            WHO: {"get": _whoami(schemas)},
            DOCUMENT: {"get": _itself()},
        },
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": _security_schemes(),
            "responses": {code.code: _problem(code, schemas) for code in Code},
        },
    }


def _models() -> tuple[type[BaseModel], ...]:
    bodies = (model for route in ROUTES for model in route.bodies.values())
    return tuple(dict.fromkeys((*bodies, Receipt, Problem, Whoami)))


def _post(route: Route, schemas: dict[type[BaseModel], Json]) -> Json:
    security: list[Json] = [{_TOKEN: []}] if route.tokens else []
    return {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"For the roles {', '.join(sorted(route.roles))}. At most {route.most_bytes} bytes.",
        "security": [*security, *({scheme.name.lower(): []} for scheme in route.schemes)],
        **({"parameters": [_header(*each) for each in route.headers.items()]} if route.headers else {}),
        "requestBody": {
            "required": True,
            "content": {
                media: {"schema": _body(media, schemas[model])} for media, model in route.bodies.items()
            },
        },
        "responses": {
            "202": _receipt("All that is named was published and acknowledged.", schemas),
            "200": _receipt("Nothing was to be published, for the reasons that are named.", schemas),
            **_problems((*_ALWAYS, *_OF_BODIES)),
        },
    }


def _body(media: str, schema: Json) -> Json:
    """A plan in YAML is a text to who makes a request; what it must say is the plan's schema."""
    if media == BATCH:
        return {"type": "array", "items": schema}
    return (
        {"type": "string", "description": "a plan as schemas/plan.json has it"} if media == YAML else schema
    )


def _header(name: str, meaning: str) -> Json:
    return {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}


def _receipt(description: str, schemas: dict[type[BaseModel], Json]) -> Json:
    return {"description": description, "content": {JSON: {"schema": schemas[Receipt]}}}


def _whoami(schemas: dict[type[BaseModel], Json]) -> Json:
    return {
        "operationId": "caller",
        "summary": "Who is asking, and what they may do",
        "security": [{_TOKEN: []}],
        "responses": {
            "200": {"description": "The caller.", "content": {JSON: {"schema": schemas[Whoami]}}},
            **_problems(_ALWAYS),
        },
    }


def _itself() -> Json:
    return {
        "operationId": "document",
        "summary": "This document",
        "security": [],
        "responses": {
            "200": {"description": "The document.", "content": {JSON: {"schema": {"type": "object"}}}},
            **_problems((Code.TOO_MANY, Code.UNAVAILABLE)),
        },
    }


def _problems(codes: Iterable[Code]) -> Json:
    ordered = sorted(codes, key=lambda code: code.status)
    return {str(code.status): {"$ref": f"#/components/responses/{code.code}"} for code in ordered}


def _problem(code: Code, schemas: dict[type[BaseModel], Json]) -> Json:
    wait = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}
    return {
        "description": code.title,
        **({"headers": wait} if code in {Code.TOO_MANY, Code.UNAVAILABLE} else {}),
        "content": {PROBLEM_TYPE: {"schema": schemas[Problem]}},
    }


def _security_schemes() -> Json:
    signed = "HMAC-SHA256 over the raw body, in hexadecimal"
    return {
        _TOKEN: {"type": "http", "scheme": "bearer", "description": "made by `lockgate door token`"},
        **{
            scheme.name.lower(): {
                "type": "apiKey",
                "in": "header",
                "name": scheme.value,
                "description": signed,
            }
            for scheme in Scheme
        },
    }


def written() -> bytes:
    """The document as it lies in `schemas/`."""
    return (json.dumps(document(), indent=2, ensure_ascii=False) + "\n").encode()


def main(arguments: list[str]) -> int:
    """Writes it, to the file that is named or to schemas/openapi.json."""
    file = Path(arguments[0]) if arguments else Path("schemas/openapi.json")
    if not file.exists() or file.read_bytes() != written():
        file.write_bytes(written())
        sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
