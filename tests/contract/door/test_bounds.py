"""What one may have of the door, so that nobody keeps the others out: requests, memory, connections, time and lines of the log."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp
import pytest
import structlog

from lockgate.intake.door import connections, server
from lockgate.intake.door.callers import Role
from lockgate.intake.door.judging import Judged, judged
from lockgate.intake.door.limits import Bounds, Rate
from tests.support.cdevents import SCHEMAS
from tests.support.deliveries import bearer, body_of, signed
from tests.support.doors import Client, Shelf, opened_door
from tests.support.eventually import eventually

BODY = body_of("github/registry_package")
ALERTS = body_of("alertmanager/firing")
ARTIFACT = (SCHEMAS / "artifacts" / "artifact.published.example.json").read_bytes()
HOSTS = b"POST /v1/events HTTP/1.1\r\nHost: door\r\n"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def client(shelf: Shelf) -> AsyncIterator[Client]:
    async with opened_door(shelf.publish) as client:
        yield client


async def test_one_who_asks_too_often_waits_and_keeps_nobody_else_out(shelf: Shelf) -> None:
    async with opened_door(shelf.publish, rate=Rate(per_second=0.01, burst=2)) as client:
        mine = [(await client.post("/v1/events", ARTIFACT, bearer(Role.CI))).status for _ in range(3)]
        assert mine == [202, 202, 429]
        last = await client.post("/v1/events", ARTIFACT, bearer(Role.CI))
        assert int(last.headers["Retry-After"]) > 90
        assert (await client.post("/v1/alertmanager", ALERTS, bearer(Role.MONITORING))).status == 202
        strangers = [(await client.post("/v1/events", ARTIFACT, {})).status for _ in range(3)]
        assert strangers == [401, 401, 429]
        assert (await client.post("/nowhere", b"", {})).status == 429, "the same stranger"


async def test_more_at_once_than_memory_is_for_are_told_to_come_again(shelf: Shelf) -> None:
    shelf.gate = asyncio.Event()
    async with opened_door(shelf.publish, bounds=Bounds(held=2 * len(ARTIFACT) + 1)) as client:
        asking = [asyncio.create_task(client.post("/v1/events", ARTIFACT, bearer(Role.CI))) for _ in range(3)]
        done, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().status for task in done] == [503]
        shelf.gate.set()
        assert [answer.status for answer in await asyncio.gather(*waiting)] == [202, 202]


async def test_what_strangers_only_promise_to_send_keeps_nobody_out(client: Client, shelf: Shelf) -> None:
    head = f"Host: door\r\nX-Hub-Signature-256: sha256={'0' * 64}\r\nTransfer-Encoding: chunked\r\n\r\n"
    strangers = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(70)]
    for _, writer in strangers:
        writer.write(b"POST /v1/github HTTP/1.1\r\n" + head.encode() + b"1\r\n \r\n")
        await writer.drain()
    assert (await client.post("/v1/events", ARTIFACT, bearer(Role.CI))).status == 202
    assert (await client.post("/v1/github", BODY, signed(BODY))).status == 202
    for _, writer in strangers:
        writer.close()


async def test_what_strangers_send_has_room_of_its_own(shelf: Shelf) -> None:
    async with opened_door(
        shelf.publish, bounds=Bounds(unverified=len(BODY), unverified_each=1 << 20)
    ) as client:
        for _ in range(3):
            assert (await client.post("/v1/github", BODY, signed(BODY))).status == 202, "and gives it back"
        larger = BODY + b" "
        answer = await client.post("/v1/github", larger, signed(larger))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert (await client.post("/v1/events", ARTIFACT + b" " * len(BODY), bearer(Role.CI))).status == 202


async def test_one_address_has_only_so_many_connections_and_gets_them_back(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened_door(shelf.publish, bounds=Bounds(connections=8)) as client:
        two = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(2)]
        for _, writer in two:
            writer.write(HOSTS)
        third, other = await asyncio.open_connection("127.0.0.1", client.port)
        assert await _ends(third), "the third is one too many"
        other.close()
        for reader, writer in two:
            writer.write(b"\r\n")
            assert (await reader.readline()).split()[1] == b"401"
            writer.close()
        await eventually(partial(_published, client))
    gc.collect()  # a task that failed unseen says so when it is collected
    assert caplog.records == []


async def test_a_connection_that_asks_for_nothing_ends(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ASK_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(HOSTS + b"X:")
    assert await _ends(reader)
    writer.close()


async def test_a_large_delivery_is_judged_beside_the_others(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[bool] = []

    def seen(*given: Any) -> Judged:
        where.append(threading.current_thread() is threading.main_thread())
        return judged(*given)

    monkeypatch.setattr(server, "judged", seen)
    for body in (ARTIFACT, ARTIFACT + b" " * (64 << 10)):
        assert (await client.post("/v1/events", body, bearer(Role.CI))).status == 202
    assert where == [True, False]


async def test_strangers_do_not_flood_the_log_and_what_is_no_http_is_not_in_it(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logs:
        for _ in range(60):
            assert (await client.post("/v1/events", ARTIFACT, {})).status == 401
        assert (await client.post("/v1/plans", ARTIFACT, bearer(Role.CI))).status == 403
    told = [entry["code"] for entry in logs if entry["log_level"] == "info"]
    assert 20 <= told.count("unauthenticated") < 40
    assert told[-1] == "forbidden"
    assert await client.raw(HOSTS + b"Authorization: Bearer lgd_SECRET\x01TAIL\r\n\r\n") == 400
    assert "lgd_SECRET" not in caplog.text
    assert caplog.records == []


async def _ends(reader: asyncio.StreamReader) -> bool:
    """Whether a connection ends without an answer."""
    try:
        async with asyncio.timeout(5.0):
            return await reader.read() == b""
    except ConnectionError:
        return True


async def _published(client: Client) -> bool:
    try:
        return (await client.post("/v1/events", ARTIFACT, bearer(Role.CI))).status == 202
    except aiohttp.ClientError:
        return False
