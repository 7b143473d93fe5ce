"""What operators ask for, as short as a test needs it."""

from typing import Any, TypeVar

from lockgate.messages.operations import Answer, Operation
from lockgate.messages.payload import Payload
from tests.support.desk import Desk

Asked = TypeVar("Asked", bound=Operation)

WHY = "the flag was not ready"


def asked(
    operation: type[Asked], application: str | None = "payments", why: str = WHY, **fields: Any
) -> Asked:
    return operation(application=application, who="ann", why=why, **fields)


def give(desk: Desk, operation: Operation, id_: str | None = None) -> list[Payload]:
    """Hands it over as the door publishes it."""
    return desk.give(operation, key=operation.subject_id(), writer="door", id_=id_)


def answer_in(events: list[Payload]) -> Answer:
    """The one answer among them."""
    (answer,) = (event for event in events if isinstance(event, Answer))
    return answer


def answer(desk: Desk, operation: Operation) -> Answer:
    return answer_in(give(desk, operation))
