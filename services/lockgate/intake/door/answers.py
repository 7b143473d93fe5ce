"""What the door answers: a receipt for what it published, or a problem that says what to do. Pure.

A problem is a JSON object as RFC 9457 defines it. Its code comes from a closed list, and so does its status: the only
one of 500 or more is 503, since that is what senders such as Alertmanager try again.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_TYPE: Final = "application/problem+json"


class Code(Enum):
    """Why a request was not served: the code, the HTTP status, and a title that never changes."""

    MALFORMED = ("malformed", 400, "The request cannot be read")
    UNAUTHENTICATED = ("unauthenticated", 401, "It is not known who asks")
    FORBIDDEN = ("forbidden", 403, "Whoever asks may not do this")
    NOT_FOUND = ("not-found", 404, "There is nothing at this path")
    METHOD = ("method-not-allowed", 405, "This path takes another method")
    TIMEOUT = ("timeout", 408, "The body did not arrive in time")
    TOO_LARGE = ("too-large", 413, "The body is too large")
    MEDIA_TYPE = ("media-type", 415, "The body is of another type than is read here")
    UNREADABLE = ("unreadable", 422, "What was delivered is not what was expected")
    TOO_MANY = ("too-many", 429, "Too many requests")
    UNAVAILABLE = ("unavailable", 503, "Nothing can be published at the moment")

    def __init__(self, code: str, status: int, title: str) -> None:
        self.code = code
        self.status = status
        self.title = title


class Problem(BaseModel):
    """Why nothing was published, and what to do (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(
        pattern="^urn:lockgate:door:", description="stands for the code; nothing is to be fetched there"
    )
    title: str = Field(description="the kind of problem, the same for all of its kind")
    status: int = Field(ge=400, le=503, description="the HTTP status")
    detail: str = Field(description="what is wrong with this request, and what to do")
    code: str = Field(
        description="from a closed list", json_schema_extra={"enum": [code.code for code in Code]}
    )
    errors: tuple[str, ...] = Field(default=(), description="every single problem, where there are several")


class Refused(Exception):  # noqa: N818  # an answer, not a defect
    """Ends the handling of a request with a problem."""

    def __init__(
        self, code: Code, detail: str, errors: tuple[str, ...] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    @property
    def problem(self) -> Problem:
        code = self.code
        return Problem(
            type=f"urn:lockgate:door:{code.code}",
            title=code.title,
            status=code.status,
            detail=self.detail,
            code=code.code,
            errors=self.errors,
        )

    @classmethod
    def for_seconds(cls, code: Code, detail: str, seconds: int) -> Self:
        """With the header that says after how many seconds to try again."""
        return cls(code, detail, headers={"Retry-After": str(max(1, seconds))})


class Published(BaseModel):
    """One event that lies on a topic now, or lay there already if the same was delivered before."""

    model_config = ConfigDict(frozen=True)

    topic: str
    type: str
    source: str
    id: str = Field(description="with `source` what makes it the same event as another")
    subject: str


class Ignored(BaseModel):
    """A part of the delivery from which no event was made."""

    model_config = ConfigDict(frozen=True)

    what: str
    why: str


class Receipt(BaseModel):
    """What was made of a delivery; all that is `published` was acknowledged by the broker."""

    model_config = ConfigDict(frozen=True)

    published: tuple[Published, ...] = ()
    ignored: tuple[Ignored, ...] = ()


class Whoami(BaseModel):
    """Who is asking, and what they may do."""

    model_config = ConfigDict(frozen=True)

    name: str
    role: str
    applications: tuple[str, ...] = Field(description="the only ones; empty for all")
    packages: tuple[str, ...] = Field(
        description="the only ones; empty for all, or for those of the applications"
    )
    paths: tuple[str, ...] = Field(description="where they may deliver")
