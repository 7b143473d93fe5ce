"""The door and a real broker: what was answered by 202 lies there, and what was not can be sent again without harm."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from lockgate.embedded import Kafka
from lockgate.intake.door.callers import Role
from lockgate.intake.door.publishing import Publisher
from tests.support.deliveries import bearer, body_of, payload, signed
from tests.support.doors import Answer, House, accepted, opened_door
from tests.support.eventually import eventually
from tests.support.servers import KafkaUnderTest


def alerts(number: int) -> bytes:
    """A group of one alert, which no other number has."""
    group = payload("alertmanager/firing")
    group["alerts"] = [{**group["alerts"][0], "fingerprint": f"{number:016x}"}]
    return json.dumps(group).encode()


async def test_deliveries_of_every_source_lie_on_their_topics(house: House) -> None:
    hub = body_of("github/package")
    answers = [
        await house.client.post("/v1/github", hub, signed(hub, "package")),
        await house.client.post("/v1/harbor", body_of("harbor/pushed"), bearer(Role.CI)),
        await house.client.post("/v1/alertmanager", body_of("alertmanager/firing"), bearer(Role.MONITORING)),
        await house.client.post("/v1/grafana", body_of("grafana/firing"), bearer(Role.MONITORING)),
    ]
    assert [answer.status for answer in answers] == [202] * 4
    assert len(await house.events("artifacts")) == 2
    assert len(await house.events("anomalies")) == 2


async def test_the_same_delivery_a_hundred_times_is_one_event_to_every_reader(house: House) -> None:
    body = alerts(1)
    sent = [house.client.post("/v1/alertmanager", body, bearer(Role.MONITORING)) for _ in range(100)]
    assert {answer.status for answer in await asyncio.gather(*sent)} == {202}
    assert len(await house.events("anomalies")) == 1


@pytest.mark.parametrize("also_silent", [False, True], ids=["killed", "silent and then killed"])
async def test_a_broker_that_is_killed_in_mid_request_loses_nothing_and_doubles_nothing(
    house: House, broker: Kafka, monkeypatch: pytest.MonkeyPatch, *, also_silent: bool
) -> None:
    assert (await monitored(house, 0)).status == 202
    handed_over = asyncio.Event()
    send = Publisher._send

    async def seen(*arguments: Any) -> Any:
        future = await send(*arguments)
        handed_over.set()
        return future

    monkeypatch.setattr(Publisher, "_send", seen)
    if also_silent:
        broker.pause()  # so the request is certainly on its way when the broker dies
    asking = [asyncio.create_task(monitored(house, number)) for number in range(1, 21)]
    await handed_over.wait()
    await asyncio.to_thread(broker.kill)
    try:
        answers = [await task for task in asking]
        assert {answer.status for answer in answers} <= ({503} if also_silent else {202, 503})
        assert (await monitored(house, 21)).status == 503, "while it is away"
    finally:
        await asyncio.to_thread(broker.start)
    for number in range(22):
        await eventually(partial(accepted, partial(monitored, house, number)))  # as Alertmanager retries
    assert len(await house.events("anomalies")) == 22


async def test_a_broker_that_is_away_is_answered_for_by_503_and_soon(house: House, broker: Kafka) -> None:
    await asyncio.to_thread(broker.kill)
    try:
        async with asyncio.timeout(15.0):
            answers = await asyncio.gather(*(monitored(house, number) for number in range(10)))
        assert {(answer.status, answer.headers["Retry-After"]) for answer in answers} == {(503, "5")}
        assert {answer.body["code"] for answer in answers} == {"unavailable"}
    finally:
        await asyncio.to_thread(broker.start)
    await eventually(partial(accepted, partial(monitored, house, 3)))
    assert len(await house.events("anomalies")) == 1


async def test_before_the_topics_were_seen_nothing_is_published(kafka: KafkaUnderTest) -> None:
    publisher = Publisher(kafka.bootstrap, "nowhere.")
    async with opened_door(publisher.publish) as client:
        answer = await client.post("/v1/alertmanager", alerts(1), bearer(Role.MONITORING))
        assert answer.status == 503


async def monitored(house: House, number: int) -> Answer:
    return await house.client.post("/v1/alertmanager", alerts(number), bearer(Role.MONITORING))
