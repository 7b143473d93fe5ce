"""The small values that events are made of: names, digests, fences, durations, shares.

Every name that can reach a cluster, a query or a URL is checked here, once, against an allow-list.
"""

import re
from typing import Annotated, Any, Final, NamedTuple, Self
from urllib.parse import parse_qs

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""A DNS label (RFC 1123): applications, regions, stages, deployers, namespaces and Kubernetes objects."""

ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
"""A DNS subdomain: the name of a Deployment or Service."""

RouteName = Annotated[
    str, StringConstraints(pattern=r"^(virtualservice/)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
]
"""A route as kubectl names it: `virtualservice/payments` of Istio; without a kind it is an HTTPRoute of the Gateway API."""

MetricName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$")]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]{0,192}_bucket$")]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$")]
LabelValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]
"""What may be asked of Prometheus: nothing that could end a quote or mean something in a pattern, but the dot."""

_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
Digest = Annotated[str, StringConstraints(pattern=_DIGEST.pattern)]
_DIGITS = 64


def digest_problem(text: str) -> str | None:
    """What is wrong with a digest, and what to write; None if nothing is."""
    if _DIGEST.fullmatch(text):
        return None
    algorithm, _, digits = text.partition(":")
    if algorithm.lower() != "sha256":
        return f"a digest is sha256: and {_DIGITS} hexadecimal digits"
    if len(digits) != _DIGITS:
        return f"{_DIGITS} hexadecimal digits are needed after sha256:, got {len(digits)}"
    if wrong := next((c for c in digits if c not in "0123456789abcdefABCDEF"), ""):
        return f"{wrong!a} is no hexadecimal digit"
    return "write the digest in lower case"


Sentence = Annotated[str, StringConstraints(max_length=2000)]
"""Text for people. It is shown and stored, and never interpreted."""

EVERY = "*"
"""The key of what belongs to no single application."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION_PATTERN: Final = r"^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$"
_DURATION = re.compile(DURATION_PATTERN)
_PERCENT = re.compile(r"^([0-9]+(?:\.[0-9]+)?)%$")


def parse_duration(value: Any) -> Any:
    """Seconds of "90s", "10m", "1.5h"; a number is seconds already. ValueError says how to write it."""
    if isinstance(value, str):
        if match := _DURATION.fullmatch(value):
            return float(match[1]) * _UNITS[match[2]]
        raise ValueError(f"{value!r} is no duration: write a number and a unit, such as 90s, 10m or 2h")
    return value


def write_duration(seconds: float) -> str:
    """The inverse of `parse_duration`, in the largest unit of which it is a whole number."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds * 1000:g}ms" if 0 < seconds < 1 else f"{seconds:g}s"


AS_WRITTEN: Final = {"written": "by people"}
"""The context of a validation of what people wrote: there a number without a unit is no duration. In events, which
programs write, it is seconds."""

_LONGEST_BARE = 10**9  # a larger number is out of range with any unit


def _duration(value: Any, info: ValidationInfo) -> Any:
    bare = isinstance(value, int | float) and not isinstance(value, bool)
    if bare and info.context == AS_WRITTEN and 0 <= value < _LONGEST_BARE:
        units = f"{value:g}s, {value:g}m or {value:g}h"
        raise ValueError(f"{value:g} has no unit: write {units}, whichever is meant")
    return parse_duration(value)


def parse_share(value: Any) -> Any:
    """A fraction of "10%"; a number is a fraction already. ValueError says how to write it."""
    if isinstance(value, str):
        if match := _PERCENT.fullmatch(value):
            return float(match[1]) / 100
        raise ValueError(f"{value!r} is no share: write a percentage, such as 10%")
    return value


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    Field(ge=0, le=90 * 86400),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}]}
    ),
]
"""Seconds; written by people as 90s, 10m, 2h."""

Share = Annotated[
    float,
    BeforeValidator(parse_share),
    Field(gt=0, le=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"type": "string", "pattern": _PERCENT.pattern},
            ]
        }
    ),
]
"""A fraction of 1; written by people as 10%."""


class Value(BaseModel):
    """An immutable part of an event. Unknown fields are ignored: minor versions only add."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Fence(Value):
    """Orders everything that may be written to a region for an application; compared as a tuple."""

    number: int = Field(ge=0, description="of the release, in the order of execution")
    turn: int = Field(ge=0, description="the coordinator's: +1 with each halt, order and resumption")
    grant: int = Field(ge=0, description="of the grant, or of the order within its turn")

    @property
    def order(self) -> tuple[int, int, int]:
        return (self.number, self.turn, self.grant)

    def __str__(self) -> str:
        return f"{self.number}.{self.turn}.{self.grant}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of str(). ValueError if the text is not three whole numbers joined by dots."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError(f"{text!r} is no fence: expected NUMBER.TURN.GRANT, such as 7.0.3")
        return cls(number=int(parts[0]), turn=int(parts[1]), grant=int(parts[2]))


NO_FENCE = Fence(number=0, turn=0, grant=0)
"""Below every fence that is ever given: what an object carries at first contact."""


MOST_PURL: Final = 1024
"""Characters of a package URL."""


class Artifact(Value):
    """An immutable build output, named by digest, that CI announced as ready."""

    purl: str = Field(max_length=MOST_PURL)
    digest: Digest
    tag: str | None = Field(default=None, max_length=128, description="for people only; never deployed by")

    @property
    def forward_only(self) -> bool:
        """Whether CI said, by `rollback=unsafe` in the package URL, that what it leaves behind an older version cannot run on."""
        query = self.purl.partition("#")[0].partition("?")[2]
        return parse_qs(query).get("rollback") == ["unsafe"]

    @property
    def fixes(self) -> frozenset[str]:
        """The versions, by digest or tag, that CI said this one fixes: `fixes=1.42.0,1.42.1` in the package URL."""
        query = self.purl.partition("#")[0].partition("?")[2]
        return frozenset(
            name for text in parse_qs(query).get("fixes", ()) for name in text.split(",") if name
        )

    @property
    def label(self) -> str:
        return self.tag or self.digest[7:19]


class Workload(Value):
    """The Deployment of a region that exists already, and what belongs to it."""

    deployment: ObjectName
    container: Name
    service: Name
    route: RouteName | None = None

    @property
    def is_by_http_route(self) -> bool:
        return self.route is not None and "/" not in self.route


class Place(Value):
    """Where a region is, and the one deployer that serves it."""

    region: Name
    deployer: Name
    cluster: str = Field(max_length=128, description="the UID of the cluster's kube-system namespace")
    namespace: Name


class Cause(NamedTuple):
    """An event that must be read before the one that carries this: its writer, key and number."""

    writer: str
    key: str
    number: int
