"""The official CDEvents 0.5.1 schemas and conformance files, and a validator for custom types derived from them."""

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
OFFICIAL = ROOT / "tests" / "data" / "cdevents-0.5.1"
CONFORMANCE = sorted(OFFICIAL.glob("conformance/*.json"))
CUSTOM_TYPE = r"^dev\.cdeventsx\.[a-zA-Z0-9]+-[a-zA-Z]+\.[a-zA-Z]+\.[0-9]\.[0-9]\.[0-9]$"

FORMATS = FormatChecker(formats=())
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_URI_REFERENCE = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def _is_date_time(text: object) -> bool:
    return not isinstance(text, str) or _DATE_TIME.fullmatch(text) is not None


def _is_uri_reference(text: object) -> bool:
    return not isinstance(text, str) or _URI_REFERENCE.fullmatch(text) is not None


FORMATS.checks("date-time")(_is_date_time)
FORMATS.checks("uri-reference")(_is_uri_reference)


def load(file: Path) -> Json:
    found: Json = json.loads(file.read_bytes())
    return found


def problems(event: Json) -> list[str]:
    """What the official schema of the event's type, native or custom, has against it; empty if nothing."""
    return _problems(_official(event["context"]["type"]), event)


def problems_with(schema: Json, event: Json) -> list[str]:
    """What one schema has against an event."""
    return _problems(Draft202012Validator(schema, format_checker=FORMATS), event)


def _problems(validator: Draft202012Validator, event: Json) -> list[str]:
    found = sorted(validator.iter_errors(event), key=lambda error: error.json_path)
    return [f"{error.json_path}: {error.message}" for error in found]


@cache
def _official(event_type: str) -> Draft202012Validator:
    native = event_type.startswith("dev.cdevents.")
    schema = _native_schemas()[event_type] if native else _custom_schema()
    return Draft202012Validator(schema, registry=_registry(), format_checker=FORMATS)


@cache
def _native_schemas() -> dict[str, Json]:
    schemas = [load(file) for file in sorted(OFFICIAL.glob("schemas/*.json"))]
    return {s["properties"]["context"]["properties"]["type"]["enum"][0]: s for s in schemas}


@cache
def _custom_schema() -> Json:
    """A native type's schema with the pattern of custom types, and any object as its content."""
    schema = copy.deepcopy(_native_schemas()["dev.cdevents.service.deployed.0.3.0"])
    schema["$id"] = "https://cdevents.dev/0.5.1/schema/custom"
    schema["properties"]["context"]["properties"]["type"] = {"type": "string", "pattern": CUSTOM_TYPE}
    schema["properties"]["subject"]["properties"]["content"] = {"type": "object"}
    return schema


@cache
def _registry() -> "Registry[Any]":
    files = sorted(OFFICIAL.glob("schemas/**/*.json"))
    resources = [Resource.from_contents(load(file)) for file in files]
    return Registry().with_resources([(r.id() or "", r) for r in resources])
