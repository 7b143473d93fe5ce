"""Random payloads of every event type, made from their models field by field (hypothesis)."""

import inspect
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lockgate.messages.environments import Egress, Environment, Overrides
from lockgate.messages.flags import Flag, FlagKey
from lockgate.messages.message import Message, cause_ids, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.plan_parts import Request
from lockgate.messages.values import Cause, Digest, Duration, Name, ObjectName, Sentence, Share

QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
"""For properties that run with every `make test`: the same examples each time, however slow the machine is."""

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
REQUESTS = st.sampled_from(
    [
        Request(get="/healthz"),
        Request(post="/pay", body={"amount": 1}, within=2.5),
        Request(delete="/carts/7?force=true", body=[None, "x"]),
    ]
)


KEYS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", fullmatch=True)

_STRATEGIES = (
    "rolling",
    {"canary": ["25%", 0.5]},
    {"blue-green": {"keep": "10m", "requests": [{"get": "/"}]}},
)


def plan(strategy: Any = "rolling", **changes: Any) -> Plan:
    """A small valid plan."""
    wave = {"name": "all", "kind": "wave", "regions": ["eu-west", "us-east"], "max-parallel": 2}
    wave["strategy"] = strategy
    raw = {
        "application": "payments",
        "artifact": "pkg:oci/payments",
        "workload": {"deployment": "payments", "container": "app", "service": "payments"},
        "stages": [wave, {"name": "watch", "kind": "watch", "for": "2h"}],
    }
    return Plan.model_validate(raw | changes)


_VALUES: tuple[tuple[Any, st.SearchStrategy[Any]], ...] = (
    (Name, NAMES),
    (ObjectName, st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", fullmatch=True)),
    (Digest, st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)),
    (Sentence, TEXT),
    (Duration, st.integers(0, 90 * 86400).map(float) | st.floats(0, 90 * 86400)),
    (Share, st.floats(0, 1, exclude_min=True)),
    (
        Plan,
        st.builds(
            plan, strategy=st.sampled_from(_STRATEGIES), metrics=st.builds(dict, interval=st.floats(0.5, 300))
        ),
    ),
    (Request, REQUESTS),
    (
        Environment,
        st.builds(
            Environment,
            replicas=st.integers(1, 20),
            overrides=st.builds(Overrides, configmaps=st.dictionaries(NAMES, NAMES, max_size=2)),
            egress=st.sampled_from([[], [Egress(cidr="10.20.0.0/16", ports=[5432])]]),
        ),
    ),
    (FlagKey, KEYS),
    (Flag, st.builds(Flag, flag=KEYS, configmap=st.none() | NAMES, off=KEYS, wait=st.floats(0, 3600))),
    (Any, JSON),
    (NoneType, st.none()),
    (bool, st.booleans()),
    (str, TEXT),
    (int, st.integers(-(2**53), 2**53)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
)


def payloads(payload: type[Payload]) -> st.SearchStrategy[Payload]:
    """Every instance of an event type that its fields allow."""
    return _model(payload)


def messages(payload: type[Payload]) -> st.SearchStrategy[Message[Payload]]:
    """The same as a writer sends them."""
    causes = st.lists(st.builds(Cause, NAMES, NAMES, st.integers(1, 2**53)), max_size=3).map(tuple)
    times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # bounds are naive by hypothesis
    return st.builds(
        _message,
        body=payloads(payload),
        writer=NAMES,
        key=NAMES,
        number=st.integers(1, 2**53),
        at=times,
        after=causes,
    )


def _message(
    *, body: Payload, writer: str, key: str, number: int, at: datetime, after: tuple[Cause, ...]
) -> Message[Payload]:
    return Message(
        body=body,
        id=event_id(writer, key, number),
        source=f"/lockgate/{writer}",
        key=key,
        at=at.isoformat(),
        writer=writer,
        number=number,
        after=after,
        links=cause_ids(after),
    )


def _model(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    return st.builds(model, **{name: _field(model, name, info) for name, info in model.model_fields.items()})


def _field(model: type[BaseModel], name: str, info: FieldInfo) -> st.SearchStrategy[Any]:
    """A field's type, cut to the bounds that pydantic keeps beside it."""
    declared = next(found[name] for part in model.__mro__ if name in (found := inspect.get_annotations(part)))
    limits = {
        key: getattr(m, key)
        for m in info.metadata
        for key in ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
        if hasattr(m, key)
    }
    if set(get_args(declared)) in ({int, NoneType}, {float, NoneType}) and limits:
        return st.none() | _number(next(t for t in get_args(declared) if t is not NoneType), limits)
    if declared in {int, float}:
        return _number(declared, limits)
    if declared is str and limits.get("pattern"):
        return st.from_regex(limits["pattern"].rstrip("$").lstrip("^"), fullmatch=True)
    if declared is str:
        return TEXT.filter(lambda text: len(text) >= limits.get("min_length", 0))
    return _type(declared)


def _number(kind: Any, limits: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind is int:
        return st.integers(limits.get("ge", -(2**53)), limits.get("le", 2**53))
    low, high = limits.get("ge", limits.get("gt", -1e12)), limits.get("le", limits.get("lt", 1e12))
    return st.floats(low, high, exclude_min="gt" in limits, exclude_max="lt" in limits)


def _type(annotation: Any) -> st.SearchStrategy[Any]:
    for known, strategy in _VALUES:
        if annotation is known or (get_origin(known) is Annotated and annotation == known):
            return strategy
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation)
    return _generic(get_origin(annotation), get_args(annotation))


def _generic(origin: Any, inner: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is Annotated and inner[0] is str:
        return _text(inner[1:])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in {Union, UnionType}:
        return st.one_of(*(_type(each) for each in inner))
    if origin is tuple:
        return st.lists(_type(inner[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_type(inner[0]), _type(inner[1]), max_size=3)
    raise TypeError(f"no strategy for {origin}[{inner}]: add it to tests/support/payloads.py")


def _text(constraints: tuple[Any, ...]) -> st.SearchStrategy[str]:
    """Text of a pattern, no longer than it may be."""
    pattern = next((m.pattern for m in constraints if getattr(m, "pattern", None)), "")
    most = next((m.max_length for m in constraints if getattr(m, "max_length", None)), 1000)
    letters = st.characters(codec="utf-8")
    found = st.from_regex(
        pattern.removeprefix("^").removesuffix("$"), fullmatch=pattern.startswith("^"), alphabet=letters
    )
    return found.filter(lambda text: len(text) <= most)
