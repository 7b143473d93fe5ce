"""Whatever is sent to the door, it answers, never with a 5xx but 503, and publishes only what a service can read.

With a shelf that takes everything a 503 could only be a defect of the door, so here there is none of that either.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.intake.door.answers import Refused
from lockgate.intake.door.callers import Role
from lockgate.intake.door.delivery import Delivery, Options
from lockgate.intake.door.judging import Judged, judged
from lockgate.intake.door.routes import ROUTES, Route
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read
from tests.support.deliveries import NOW, TOKENS, caller, payload, signed
from tests.support.doors import Client, Shelf, opened_door

OPERATOR = caller(Role.OPERATOR)
SAMPLES = (
    *("github/registry_package", "github/package", "github/ping", "harbor/pushed", "harbor/pulled"),
    *("harbor/pushed-cloudevents", "alertmanager/firing", "alertmanager/resolved", "grafana/firing"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
MEDIA = st.sampled_from(
    [*dict.fromkeys(media for route in ROUTES for media in route.bodies), "text/plain", ""]
)
LATIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A real payload with something in it replaced or left out; any JSON; or any bytes."""
    kind = draw(st.sampled_from(["mutated", "mutated", "mutated", "json", "bytes", "cut"]))
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    if kind == "json":
        return json.dumps(draw(JSON)).encode()
    body = payload(draw(st.sampled_from(SAMPLES)))
    if kind == "cut":
        raw = json.dumps(body).encode()
        return raw[: draw(st.integers(0, len(raw)))]
    for _ in range(draw(st.integers(0, 3))):
        _mutate(body, draw)
    return json.dumps(body).encode()


def _mutate(part: Any, draw: st.DrawFn) -> None:
    """Walks somewhere into the payload and changes what is there."""
    keys = list(part) if isinstance(part, dict) else list(range(len(part)))
    if not keys:
        return
    key = draw(st.sampled_from(keys))
    if isinstance(part[key], dict | list) and draw(st.booleans()):
        _mutate(part[key], draw)
    elif isinstance(part, dict) and draw(st.booleans()):
        del part[key]
    else:
        part[key] = draw(JSON)


@given(
    st.sampled_from(ROUTES),
    bodies(),
    st.dictionaries(
        st.sampled_from(
            ["content-type", "x-github-event", "idempotency-key", "ce-id", "ce-specversion", "ce-type"]
        ),
        LATIN,
        max_size=4,
    ),
    MEDIA,
)
@settings(max_examples=400, deadline=None)
def test_every_delivery_is_refused_with_a_reason_or_made_into_events_that_can_be_read(
    route: Route, body: bytes, headers: dict[str, str], media: str
) -> None:
    named = {"x-github-event": "package", **headers, "content-type": media}
    made = outcome(route, Delivery(named, body, "op", NOW, "fresh"))
    if isinstance(made, Refused):
        assert made.code.status in {400, 403, 422}
        assert len(made.problem.model_dump_json()) < 20_000
        return
    for each in made.outgoing:
        item = read(Record(each.told.topic, 0, 0, each.key.encode(), each.headers, each.value))
        assert isinstance(item, Readable)
    for ignored in made.ignored:
        assert ignored.why


def outcome(route: Route, delivery: Delivery) -> Judged | Refused:
    try:
        return judged(route, OPERATOR, delivery, Options())
    except Refused as refused:
        return refused


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with opened_door(Shelf().publish) as client:
        yield client


REQUESTS = st.builds(
    lambda method, path, headers, body: (
        b"%b %b HTTP/1.1\r\nHost: door\r\nConnection: close\r\n%b\r\n%b"
        % (
            method.encode(),
            path.encode(),
            b"".join(f"{n}: {v}\r\n".encode("latin-1") for n, v in headers),
            body,
        )
    ),
    st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "HEAD", "OPTIONS"]),
    st.sampled_from(
        [*(route.path for route in ROUTES), "/", "/v1/caller", "/openapi.json", "/%00", "*", "/v1/events?a=b"]
    ),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "Content-Length",
                    "Transfer-Encoding",
                    "Content-Encoding",
                    "Expect",
                    "Authorization",
                    "Content-Type",
                ]
            )
            | LATIN.filter(lambda text: text.isalnum()),
            st.sampled_from(
                [
                    "0",
                    "5",
                    "-1",
                    "99999999999",
                    "chunked",
                    "gzip",
                    "100-continue",
                    f"Bearer {TOKENS[Role.OPERATOR]}",
                ]
            )
            | LATIN,
        ),
        max_size=5,
    ),
    st.binary(max_size=60) | bodies(),
)


@given(request=REQUESTS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_request_on_the_wire_is_answered_and_never_by_a_5xx(
    client: Client, request: bytes
) -> None:
    status = await client.raw(request, half_closed=True)
    assert status == 0 or 100 <= status < 500, request


@given(body=bodies())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_signed_delivery_is_answered_and_never_by_a_5xx(client: Client, body: bytes) -> None:
    answer = await client.post("/v1/github", body, signed(body))
    assert answer.status in {200, 202, 400, 422}
