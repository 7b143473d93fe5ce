"""What a plan is made of, and the dummy requests that several of its parts have."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lockgate.messages.values import Duration


def _kebab(name: str) -> str:
    return name.replace("_", "-")


MOST_TIMES = 2000


class PlanPart(BaseModel):
    """A part of a plan. Unknown fields are refused, so that a misspelt safeguard is no silent one."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=_kebab, populate_by_name=True)


class Expectation(PlanPart):
    status: int = Field(default=200, ge=100, le=599)


class Request(PlanPart):
    """A dummy request sent in pre-production or to a green side: exactly one of get, post, put and delete names its path."""

    get: str | None = None
    post: str | None = None
    put: str | None = None
    delete: str | None = None
    body: Any = Field(default=None, alias="json", description="sent as JSON")
    expect: Expectation = Expectation()
    within: Duration = Field(default=5.0, gt=0, le=60, description="longest time for an answer")
    times: int = Field(
        default=1,
        ge=1,
        le=MOST_TIMES,
        exclude_if=lambda times: times == 1,
        description="in pre-production: how often it is sent; one that is sent once has to be answered as expected",
    )

    @model_validator(mode="after")
    def _one_method(self) -> Self:
        paths = [path for path in (self.get, self.post, self.put, self.delete) if path is not None]
        if len(paths) != 1:
            raise ValueError("a request names exactly one of get, post, put, delete, such as {get: /healthz}")
        if (
            not paths[0].startswith("/")
            or any(ord(c) < 33 or ord(c) > 126 for c in paths[0])
            or len(paths[0]) > 1024
        ):
            raise ValueError(
                f"{paths[0]!r} is no path: it starts with / and has printable ASCII without blanks"
            )
        if ".." in paths[0].split("?")[0].split("/"):
            raise ValueError(f"{paths[0]!r} may not contain '..'")
        return self

    @property
    def method(self) -> str:
        return next(m for m in ("get", "post", "put", "delete") if getattr(self, m) is not None).upper()

    @property
    def path(self) -> str:
        return str(self.get or self.post or self.put or self.delete)
