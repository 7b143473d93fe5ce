"""What an operator wants done, as a JSON object: what `lockgate pause` and its like send. Pure.

Who asks is whoever was authenticated, and nothing in the body says it. Whether it can be done is for the service that
decides it to say, on `releases` or `verdicts`.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from lockgate.intake.door.answers import Code, Refused
from lockgate.intake.door.delivery import Delivery, Options, Translated, cdevent, draft, parsed, plain
from lockgate.intake.door.sources.keys import id_of
from lockgate.messages.operations import OPERATIONS, Operation
from lockgate.messages.values import EVERY

SOURCE: Final = "operations"


class OperationObject(BaseModel):
    """An operation; schemas/operations says what else each takes."""

    model_config = ConfigDict(extra="allow")

    operation: Literal[
        "pause", "resume", "abort", "rollback", "mark", "fix", "approve", "reject", "promote", "retry", "skip"
    ]
    why: str


def translate(delivery: Delivery, _options: Options) -> Translated:
    """The operation in the caller's name."""
    given = parsed(delivery.body)
    if not isinstance(given, dict):
        raise _unreadable('an operation is a JSON object, such as {"operation": "pause", "why": "…"}')
    name, kind = given.get("operation"), _kind(given.get("operation"))
    fields = {field: value for field, value in given.items() if field != "operation"}
    takes = [field for field in kind.model_fields if field != "who"]
    if unknown := sorted(fields.keys() - set(takes)):
        raise _unreadable(f"{name} has no {plain(unknown[0], 80)!r}: it takes {', '.join(takes)}")
    if "why" not in fields:
        raise _unreadable("`why` is missing: say it to whoever is on call next")
    application = fields.get("application")
    about = application if isinstance(application, str) and application else EVERY
    subject = {"id": about, "content": {**fields, "who": delivery.caller}}
    event = cdevent(kind.type, id_of(delivery, SOURCE, about), SOURCE, delivery.at, subject)
    return Translated(drafts=(draft(kind.topic, kind.type, event),))


def _kind(name: Any) -> type[Operation]:
    kind = OPERATIONS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise _unreadable(f"`operation` must be one of {', '.join(OPERATIONS)}")
    return kind


def _unreadable(detail: str) -> Refused:
    return Refused(Code.UNREADABLE, detail)
