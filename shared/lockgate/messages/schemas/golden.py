"""Golden files: the bytes of one event of every type and version ever published, with what they mean beside them.

`schemas/golden/TOPIC/FACT.VERSION.json` is the event as it lies on the topic and never changes.
`….expected.json` is written by hand: what a reader must get from it. For a new type or version that a service
writes, `make schemas` makes the event from the expectation, once; what comes from outside is written by hand.
"""

import json
from pathlib import Path
from typing import Any

from lockgate.messages.inlet import Inlet
from lockgate.messages.message import Message, cause_ids, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.schemas.names import DESCRIBED, READABLE, TypeName, payload_of
from lockgate.messages.values import Cause

FOLDER = "golden"


class GoldenError(Exception):
    """A golden file or its expectation is missing; the text says which and what to write."""


def path_of(event_type: str) -> Path:
    """The golden file of a type and version, within `schemas/`."""
    fact, version = TypeName.of(event_type)
    return Path(FOLDER, payload_of(event_type).topic, f"{fact}.{version}.json")


def expectation_of(event_type: str) -> Path:
    """The hand-written meaning beside it."""
    return path_of(event_type).with_suffix(".expected.json")


def bytes_of(schemas: Path, event_type: str) -> bytes:
    """The golden event's bytes. GoldenError if there is no such file and none can be made."""
    file = schemas / path_of(event_type)
    return file.read_bytes() if file.exists() else _made(schemas, event_type)


def events(schemas: Path) -> dict[str, bytes]:
    """Every golden event, by type; missing ones are made from their expectations."""
    return {name: bytes_of(schemas, name) for name in READABLE}


def message_of(expected: dict[str, Any], payload: type[Payload]) -> Message[Payload]:
    """The message that an expectation describes. Only for what services write."""
    writer, key, number = expected["writer"], expected["key"], expected["number"]
    after = tuple(Cause(*cause) for cause in expected["after"])
    return Message(
        body=payload.model_validate(expected["body"]),
        id=event_id(writer, key, number),
        source=expected["source"],
        key=key,
        at=expected["at"],
        writer=writer,
        number=number,
        after=after,
        links=cause_ids(after),
    )


def _made(schemas: Path, event_type: str) -> bytes:
    payload, file = payload_of(event_type), schemas / expectation_of(event_type)
    if issubclass(payload, Inlet) or event_type not in DESCRIBED:
        raise GoldenError(
            f"{event_type} has no golden file: write {schemas / path_of(event_type)} by hand, as a producer sends it"
        )
    if not file.exists():
        raise GoldenError(
            f"{event_type} has no golden file: write {file} by hand (as those beside it), then run `make schemas`"
        )
    return encode(message_of(json.loads(file.read_bytes()), payload))[1]
