"""The shape of a plan, read from the JSON Schema of its model: which fields are where, and how to write each.

Pure. The one place that puts a field's type into words; `problems` puts the words into sentences.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Any, Final

from lockgate.messages.plan import Plan

EXAMPLES: Final = {
    "application": "application: payments",
    "artifact": "artifact: pkg:oci/payments",
    "workload": "workload: {deployment: payments, container: app, service: payments}",
    "deployment": "deployment: payments",
    "container": "container: app",
    "service": "service: payments",
    "signers": "signers: [{identity: https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/*, "
    "issuer: https://token.actions.githubusercontent.com}]",
    "builders": "builders: [https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/*]",
    "sources": "sources: [https://github.com/acme/payments]",
    "stages": "stages: [{name: all, kind: wave, regions: [eu-west]}, {name: watch, kind: watch, for: 2h}]",
    "name": "name: first",
    "kind": "kind: wave",
    "regions": "regions: [eu-west]",
    "share": "share: 10%",
    "after": "after: {verify: 60m}",
    "requests": "requests: [{get: /healthz}]",
    "verify": "verify: 60m",
    "for": "for: 2h",
    "keep": "keep: 10m",
    "http": "http: smoke",
}
"""How each field that a plan must have is written."""


class Kind(Enum):
    DURATION = auto()
    SHARE = auto()
    NAME = auto()
    OBJECT_NAME = auto()
    ROUTE = auto()
    PACKAGE = auto()
    METRIC = auto()
    BUCKETS = auto()
    LABEL = auto()
    LABEL_VALUE = auto()
    FLAG = auto()
    TEXT = auto()
    WHOLE_NUMBER = auto()
    NUMBER = auto()
    TRUTH = auto()
    LIST = auto()
    FIELDS = auto()
    ANYTHING = auto()


_PHRASES: Final = {
    Kind.DURATION: "a duration, a number and a unit, such as 90s, 10m or 2h",
    Kind.SHARE: "a share, such as 10%",
    Kind.NAME: "a name of at most 63 lower-case letters, digits and dashes, such as eu-west",
    Kind.OBJECT_NAME: "the name of a Kubernetes object, lower-case letters, digits, dashes and dots, such as payments",
    Kind.ROUTE: "the name of an HTTPRoute, such as payments, or of a VirtualService, such as virtualservice/payments",
    Kind.PACKAGE: "a package URL without version, such as pkg:oci/payments",
    Kind.METRIC: "the name of a counter, letters, digits and underscores, such as http_requests_total",
    Kind.BUCKETS: "the name of a histogram's buckets, such as http_request_duration_seconds_bucket",
    Kind.LABEL: "the name of a label, letters, digits and underscores, such as code",
    Kind.LABEL_VALUE: "letters, digits and . _ / -, beginning with a letter or digit, such as 5",
    Kind.FLAG: "the key of a flag or variant, letters, digits and . _ -, such as new-checkout",
    Kind.TEXT: "a text (in quotes if it looks like a number)",
    Kind.WHOLE_NUMBER: "a whole number, such as 2",
    Kind.NUMBER: "a number, such as 1.5",
    Kind.TRUTH: "true or false",
    Kind.LIST: "a list, such as [eu-west, us-east]",
    Kind.FIELDS: "fields with values, such as {name: value}",
    Kind.ANYTHING: "another value",
}

_SAMPLES: Final = (
    ("10%", Kind.SHARE),
    ("pkg:oci/payments", Kind.PACKAGE),
    ("a:b", Kind.METRIC),
    ("a:b_bucket", Kind.BUCKETS),
    ("A/b", Kind.LABEL_VALUE),
    ("A-b", Kind.FLAG),
    ("a_b", Kind.LABEL),
    ("virtualservice/a", Kind.ROUTE),
    ("a.b", Kind.OBJECT_NAME),
    ("a-b", Kind.NAME),
    ("90s", Kind.DURATION),
)
"""Texts that tell the patterns apart: in this order, the first that a pattern allows names its kind."""

_TYPES: Final = {
    "string": Kind.TEXT,
    "integer": Kind.WHOLE_NUMBER,
    "number": Kind.NUMBER,
    "boolean": Kind.TRUTH,
    "array": Kind.LIST,
    "object": Kind.FIELDS,
}


@dataclass(frozen=True)
class Json:
    """A place in the shape of a plan, as JSON Schema; empty where anything goes."""

    schema: dict[str, Any]

    def matches(self, text: str) -> bool:
        """Whether a text fits the pattern of this place."""
        return re.search(self.schema.get("pattern", ""), text) is not None


@cache
def _plan() -> dict[str, Any]:
    return Plan.model_json_schema()


def at(loc: tuple[str | int, ...]) -> Json:
    """The place that pydantic's location names: field names, positions, and kinds of stages."""
    schema = _plan()
    for part in loc:
        schema = _resolved(_below(schema, part))
    return Json(schema)


def _below(schema: dict[str, Any], part: str | int) -> dict[str, Any]:
    found = schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
    for option in [] if found else map(_resolved, schema.get("oneOf", ())):
        if part in option.get("properties", {}):
            found = option  # the name of a strategy, which pydantic puts in
    if not found and isinstance(part, str):
        reference = schema.get("discriminator", {}).get("mapping", {}).get(part)
        found = (
            {"$ref": reference} if reference else schema.get("properties", {}).get(part.replace("_", "-"), {})
        )
    return dict(found)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """What is referred to, also where it may be left out."""
    names = [option["$ref"] for option in (schema, *schema.get("anyOf", ())) if "$ref" in option]
    return dict(_plan()["$defs"][names[0].removeprefix("#/$defs/")]) if len(names) == 1 else schema


def fields(place: Json) -> tuple[str, ...]:
    """The fields that can be written at a place."""
    return tuple(place.schema.get("properties", {}))


def kind_of(place: Json) -> Kind:
    """What is written at a place."""
    if "discriminator" in place.schema:
        return Kind.FIELDS
    options = [place.schema, *place.schema.get("anyOf", ())]
    for sample, kind in _SAMPLES:
        if any("pattern" in option and Json(option).matches(sample) for option in options):
            return kind
    types = (_TYPES.get(option.get("type", "")) for option in options)
    return next((kind for kind in types if kind is not None), Kind.ANYTHING)


def phrase(place: Json) -> str:
    """How to write what belongs at a place."""
    kind = kind_of(place)
    if kind is Kind.LIST and kind_of(Json(_resolved(place.schema.get("items", {})))) is Kind.SHARE:
        return "a list of shares, such as [25%, 50%, 100%]"
    return _PHRASES[kind]
