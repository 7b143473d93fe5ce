"""What must hold before a stage of a plan begins: an approval, and a window that is open."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from lockgate.messages.plan_parts import PlanPart
from lockgate.messages.windows import Window


def _window(text: str) -> str:
    Window.parse(text)
    return text


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day: write such as 2026-12-24") from None
    return text


WindowText = Annotated[str, Field(max_length=200), AfterValidator(_window)]
"""Days, times and a zone, such as `weekdays 08:00-17:00 Europe/Berlin`."""
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_day)]


class Before(PlanPart):
    """What must hold before a stage begins; it waits until all of it does."""

    approval: Literal["required"] | None = Field(
        default=None, description="required: it begins once an operator approves it"
    )
    window: list[WindowText] = Field(
        default=[],
        max_length=20,
        exclude_if=lambda windows: not windows,
        description="it begins while one of them is open; what was begun is finished afterwards too",
    )
    closed_on: list[Day] = Field(
        default=[],
        max_length=400,
        exclude_if=lambda days: not days,
        description="days on which no window opens, by the calendar of its zone",
    )

    @field_validator(
        "window",
        mode="before",
        json_schema_input_type=WindowText | Annotated[list[WindowText], Field(max_length=20)],
    )
    @classmethod
    def _one_or_some(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    @property
    def windows(self) -> tuple[Window, ...]:
        return tuple(map(Window.parse, self.window))

    @property
    def closed(self) -> frozenset[date]:
        return frozenset(map(date.fromisoformat, self.closed_on))
