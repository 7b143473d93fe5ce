"""The door over HTTP: what is judged before the body is read, what is answered when, and that no secret is logged."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import structlog

from lockgate.intake.door import server
from lockgate.intake.door.callers import Role, Scheme
from lockgate.intake.door.openapi import document
from tests.support.cdevents import SCHEMAS, load
from tests.support.deliveries import SECRET, TOKENS, bearer, body_of, signature, signed
from tests.support.doors import Client, Shelf, opened_door

BODY = body_of("github/registry_package")
ALERTS = body_of("alertmanager/firing")
ARTIFACT = (SCHEMAS / "artifacts" / "artifact.published.example.json").read_bytes()
HOSTS = b"POST /v1/events HTTP/1.1\r\nHost: door\r\n"
KNOWN = f"Authorization: Bearer {TOKENS[Role.CI]}\r\nContent-Type: application/json\r\n".encode()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def client(shelf: Shelf) -> AsyncIterator[Client]:
    async with opened_door(shelf.publish) as client:
        yield client


async def test_what_was_published_is_answered_by_its_receipt(client: Client, shelf: Shelf) -> None:
    answer = await client.post("/v1/events", ARTIFACT, bearer(Role.CI))
    context = load(SCHEMAS / "artifacts" / "artifact.published.example.json")["context"]
    (published,) = answer.body["published"]
    assert (answer.status, answer.body["ignored"]) == (202, [])
    assert (published["topic"], published["id"], published["type"]) == (
        "artifacts",
        context["id"],
        context["type"],
    )
    assert [each.value for each in shelf.lies] == [ARTIFACT]


async def test_nothing_is_answered_before_the_broker_has_it(client: Client, shelf: Shelf) -> None:
    shelf.gate = asyncio.Event()
    asking = asyncio.create_task(client.post("/v1/events", ARTIFACT, bearer(Role.CI)))
    done, _ = await asyncio.wait({asking}, timeout=0.3)
    assert not done
    shelf.gate.set()
    assert (await asking).status == 202


async def test_while_kafka_is_away_the_answer_is_503_and_when_to_try_again(
    client: Client, shelf: Shelf
) -> None:
    shelf.away = True
    answer = await client.post("/v1/alertmanager", ALERTS, bearer(Role.MONITORING))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.body["code"] == "unavailable"
    shelf.away = False
    assert (await client.post("/v1/alertmanager", ALERTS, bearer(Role.MONITORING))).status == 202
    assert len(shelf.lies) == 1


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/github", BODY, signed(BODY)),
        ("/v1/harbor", body_of("harbor/pushed"), bearer(Role.CI)),
        ("/v1/alertmanager", ALERTS, bearer(Role.MONITORING)),
        ("/v1/grafana", body_of("grafana/firing"), bearer(Role.MONITORING)),
        ("/v1/events", ARTIFACT, bearer(Role.CI)),
    ],
)
async def test_the_same_delivery_a_hundred_times_is_one_event(
    client: Client, shelf: Shelf, path: str, body: bytes, headers: Mapping[str, str]
) -> None:
    for number in range(100):
        told = await client.post(path, body, {**headers, "X-GitHub-Delivery": str(number)})
        assert told.status == 202
    assert len(shelf.events) == 1
    assert len({each.value for each in shelf.lies}) == 1, "to the byte"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        signature(BODY)[:-2],
        signature(BODY, b"somebody else's secret"),
        signature(BODY + b" "),
        "sha1=" + hashlib.sha1(BODY, usedforsecurity=False).hexdigest(),
    ],
)
async def test_a_wrong_missing_truncated_or_foreign_signature_publishes_nothing(
    client: Client, shelf: Shelf, header: str | None
) -> None:
    headers = {**signed(BODY), Scheme.GITHUB: header or ""}
    if header is None:
        del headers[Scheme.GITHUB]
    answer = await client.post("/v1/github", BODY, headers)
    assert (answer.status, answer.body["code"], shelf.lies) == (401, "unauthenticated", [])
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_signature_is_over_the_bytes_and_not_over_what_they_say(client: Client, shelf: Shelf) -> None:
    same = json.dumps(json.loads(BODY)).encode()
    assert (await client.post("/v1/github", same, signed(BODY))).status == 401
    assert (await client.post("/v1/github", same, signed(same))).status == 202
    assert len(shelf.lies) == 1


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.VIEWER, "/v1/events", 403),
        (Role.MONITORING, "/v1/harbor", 403),
        (Role.CI, "/v1/alertmanager", 403),
        (Role.CI, "/v1/plans", 403),
        (Role.MONITORING, "/v1/events", 403),
    ],
)
async def test_a_role_opens_its_own_paths_alone(
    client: Client, shelf: Shelf, role: Role, path: str, status: int
) -> None:
    answer = await client.post(path, ARTIFACT, bearer(role))
    assert (answer.status, answer.body["status"], shelf.lies) == (status, status, [])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: 400\r\n", 401),
        (b"Authorization: Bearer nonsense\r\nContent-Length: 400\r\n", 401),
        (KNOWN + b"Content-Length: 1048577\r\n", 413),
        (KNOWN + b"Content-Length: 999999999999999999\r\n", 413),
        (KNOWN + b"Content-Encoding: gzip\r\nContent-Length: 400\r\n", 415),
        (KNOWN.replace(b"application/json", b"text/html") + b"Content-Length: 400\r\n", 415),
        (
            KNOWN.replace(TOKENS[Role.CI].encode(), TOKENS[Role.VIEWER].encode())
            + b"Content-Length: 400\r\n",
            403,
        ),
    ],
)
async def test_what_the_headers_tell_is_answered_without_a_byte_of_the_body(
    client: Client, headers: bytes, status: int
) -> None:
    async with asyncio.timeout(5.0):
        assert await client.raw(HOSTS + headers + b"\r\n") == status


async def test_a_body_that_says_nothing_of_its_length_is_read_up_to_the_bound(
    client: Client, shelf: Shelf
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3000):
            yield b" " * 1000

    try:
        answer = await client.post("/v1/events", endless(), bearer(Role.CI))
    except OSError:  # it was answered and closed while this still wrote
        pass
    else:
        assert answer.status == 413
    assert (
        await client.raw(HOSTS + KNOWN + b"Transfer-Encoding: chunked\r\n\r\n" + _chunk(1 << 20) + _chunk(1))
        == 413
    )
    assert shelf.lies == []


async def test_a_body_that_does_not_come_is_not_waited_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2)
    assert await client.raw(HOSTS + KNOWN + b"Content-Length: 400\r\n\r\n{") == 408


async def test_a_body_that_breaks_off_publishes_nothing(client: Client, shelf: Shelf) -> None:
    length = f"Content-Length: {len(ARTIFACT)}\r\n\r\n".encode()
    assert await client.raw(HOSTS + KNOWN + length + ARTIFACT[:-1], half_closed=True) in {0, 400}
    assert (await client.post("/v1/events", ARTIFACT, bearer(Role.CI))).status == 202
    assert len(shelf.lies) == 1


async def test_a_compressed_body_is_refused_whatever_it_inflates_to(client: Client, shelf: Shelf) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    answer = await client.post("/v1/events", bomb, {**bearer(Role.CI), "Content-Encoding": "gzip"})
    assert (answer.status, answer.body["code"], shelf.lies) == (415, "media-type", [])


async def test_who_waits_to_be_asked_for_the_body_is_asked_once_it_would_be_read(client: Client) -> None:
    waits = f"Expect: 100-continue\r\nContent-Length: {len(ARTIFACT)}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(HOSTS + KNOWN + waits)
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(ARTIFACT)
    assert (await reader.readline()).split()[1] == b"202"
    writer.close()
    assert await client.raw(HOSTS + waits) == 401


async def test_a_defect_of_ours_is_503_so_that_nothing_is_lost(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("seen nowhere but in the log")

    monkeypatch.setattr(server, "judged", broken)
    answer = await client.post("/v1/events", ARTIFACT, bearer(Role.CI))
    assert (answer.status, "a defect of Lockgate" in answer.body["detail"]) == (503, True)
    assert "seen nowhere" not in str(answer.body)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/v1/event", 404),
        ("POST", "/v1/events/", 404),
        ("POST", "/../etc/passwd", 404),
        ("GET", "/v1/events", 405),
        ("DELETE", "/v1/plans", 405),
        ("POST", "/openapi.json", 405),
        ("PATCH", "/v1/events", 405),
    ],
)
async def test_what_is_not_there_is_said_as_a_problem(
    client: Client, method: str, path: str, status: int
) -> None:
    answer = await client.ask(method, path, bearer(Role.CI))
    assert (answer.status, answer.body["status"]) == (status, status)
    assert ("Allow" in answer.headers) == (status == 405)


async def test_the_document_is_there_for_everybody(client: Client) -> None:
    answer = await client.ask("GET", "/openapi.json", {})
    assert (answer.status, answer.body) == (200, document())


async def test_a_caller_can_ask_who_it_is(client: Client) -> None:
    answer = await client.ask("GET", "/v1/caller", bearer(Role.MONITORING))
    assert (answer.status, answer.body) == (
        200,
        {
            "name": "a-monitoring",
            "role": "monitoring",
            "applications": [],
            "packages": [],
            "paths": ["/v1/events", "/v1/alertmanager", "/v1/grafana"],
        },
    )
    assert (await client.ask("GET", "/v1/caller", {})).status == 401


async def test_nothing_that_opens_the_door_is_in_an_answer_or_in_the_log(client: Client) -> None:
    with structlog.testing.capture_logs() as logs:
        answers = [
            await client.post(
                "/v1/events", ARTIFACT, {**bearer(Role.CI), "Authorization": f"Bearer x{TOKENS[Role.CI]}"}
            ),
            await client.post("/v1/plans", ARTIFACT, bearer(Role.CI)),
            await client.post("/v1/github", BODY, {**signed(BODY), Scheme.GITHUB: signature(BODY + b" ")}),
            await client.post("/v1/github", BODY, signed(BODY, "push")),
            await client.ask("GET", "/v1/caller", bearer(Role.CI)),
        ]
    said = f"{logs}{[(answer.headers, answer.body) for answer in answers]}"
    assert [entry["event"] for entry in logs] == ["refused", "refused", "refused", "ignored"]
    for secret in (*TOKENS.values(), SECRET.decode(), signature(BODY), signature(BODY + b" ")):
        assert secret not in said


async def test_what_was_published_is_told_with_who_asked_for_it(client: Client) -> None:
    with structlog.testing.capture_logs() as logs:
        await client.post("/v1/events", ARTIFACT, bearer(Role.CI))
    context = json.loads(ARTIFACT)["context"]
    (entry,) = logs
    assert (entry["event"], entry["caller"], entry["route"]) == ("published", "a-ci", "events")
    assert entry["events"] == [f"artifacts {context['source']} {context['id']}"]


def _chunk(size: int) -> bytes:
    return b"%x\r\n%b\r\n" % (size, b" " * size)
