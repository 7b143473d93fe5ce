"""The JSON Schema (draft 2020-12) of the whole CDEvent of each type, and that of the plan for editors."""

import re
from typing import Any

from pydantic import BaseModel, create_model
from pydantic.json_schema import GenerateJsonSchema

from lockgate.messages.cdevent import InletEnvelope, Subject, envelope_of
from lockgate.messages.inlet import Inlet
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.schemas.names import TypeName, description, title
from lockgate.messages.values import DURATION_PATTERN

Json = dict[str, Any]

_GENERIC = re.compile(r"^(Subject|CustomPayload)_.*_$")
_OFFICIAL = "of the CDEvents specification 0.5.1 says what lies in `subject.content`"


class _Untitled(GenerateJsonSchema):
    """Without a title for each field: pydantic makes them from the names, so they say nothing more."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def event_schema(payload: type[Payload]) -> Json:
    """What today's readers accept of this type, which whatever is written of it fulfils."""
    name = TypeName.of(payload.type)
    made = _schema(_envelope(payload))
    context = {"$ref": "#/$defs/Context", "properties": {"type": {"const": payload.type}}}
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": f"urn:lockgate:{payload.topic}:{name.fact}:{name.version}",
        "title": title(payload),
        "description": description(payload),
        "type": "object",
        "required": made["required"],
        "properties": {
            **made["properties"],
            "context": {**context, "required": ["specversion"]},
        },
        **_comment(payload, name),
        "$defs": made["$defs"],
    }


def plan_schema() -> Json:
    """The plan as people write it: names with hyphens, durations as 10m, shares as 10%."""
    made = _without_bare_durations(_schema(Plan))
    # Events may gain fields in a workload; in a plan as written an unknown one is refused there too.
    made["$defs"]["Workload"]["additionalProperties"] = False
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": "urn:lockgate:plan",
        "title": "Plan of a Lockgate application",
        **{name: value for name, value in made.items() if name not in {"title", "$defs"}},
        "$defs": made["$defs"],
    }


def _without_bare_durations(part: Any) -> Any:
    """People write a duration with its unit; a bare number is for events."""
    if isinstance(part, list):
        return [_without_bare_durations(each) for each in part]
    if not isinstance(part, dict):
        return part
    texts = [option for option in part.get("anyOf", ()) if option.get("pattern") == DURATION_PATTERN]
    if not texts:
        return {name: _without_bare_durations(value) for name, value in part.items()}
    default = {"default": f"{part['default']:g}s"} if "default" in part else {}
    return {**{name: value for name, value in part.items() if name != "anyOf"}, **texts[0], **default}


def _envelope(payload: type[Payload]) -> type[BaseModel]:
    if not issubclass(payload, Inlet):
        return envelope_of(payload)
    if payload.type.startswith("dev.cdevents."):
        return InletEnvelope
    content: Any = Subject[payload]  # type: ignore[valid-type]  # made at run time, one per payload
    return create_model("CustomInlet", __base__=InletEnvelope, subject=(content, ...))


def _comment(payload: type[Payload], name: TypeName) -> Json:
    if not payload.native:
        return {}
    return {"$comment": f"The schema of {name.fact} {_OFFICIAL}."}


def _schema(model: type[BaseModel]) -> Json:
    made: Json = _renamed(model.model_json_schema(schema_generator=_Untitled))
    made["$defs"] = {name: made["$defs"][name] for name in sorted(made["$defs"])}
    return made


def _renamed(part: Any) -> Any:
    """Generic models get the plain name of what they are, and lose the title that repeats their parameters."""
    if isinstance(part, list):
        return [_renamed(each) for each in part]
    if not isinstance(part, dict):
        return part
    renamed = {_plain(name): _renamed(value) for name, value in part.items()}
    if isinstance(reference := renamed.get("$ref"), str):
        head, _, last = reference.rpartition("/")
        renamed["$ref"] = f"{head}/{_plain(last)}"
    if "[" in str(renamed.get("title", "")):
        del renamed["title"]
    return renamed


def _plain(name: str) -> str:
    match = _GENERIC.match(name)
    return match[1] if match else name
