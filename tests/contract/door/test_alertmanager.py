"""Debian's Alertmanager and Prometheus fire and resolve into the door, also while the broker behind it is killed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from lockgate.embedded import Kafka
from lockgate.embedded.ports import free_ports
from lockgate.intake.door.callers import Role
from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.runtime.reading import Readable, read
from tests.support.alertmanager import Alertmanager, alertmanager, prometheus
from tests.support.deliveries import TOKENS
from tests.support.doors import House, events_of, records_of
from tests.support.eventually import eventually

pytestmark = pytest.mark.ci

LABELS = {"alertname": "ErrorRateHigh", "service": "payments", "region": "us-east", "severity": "critical"}
SAID = "ErrorRateHigh: 5 % of the requests fail"


@pytest.fixture
async def real(house: House, tmp_path: Path) -> AsyncIterator[Alertmanager]:
    url = f"{house.client.url}/v1/alertmanager"
    async with alertmanager(tmp_path, url, TOKENS[Role.MONITORING]) as made:
        yield made


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


async def bodies(house: House) -> list[IncidentDetected | IncidentResolved]:
    """What a service reads on `anomalies`, each event once and in its order."""
    records = await records_of(house.kafka.bootstrap, house.prefix, "anomalies")
    items = [item for item in map(read, records) if isinstance(item, Readable)]
    found = {item.message.id: item.message.body for item in items}
    return [body for body in found.values() if isinstance(body, IncidentDetected | IncidentResolved)]


async def count(house: House, number: int) -> bool:
    return len(await bodies(house)) == number


async def test_an_alert_that_fires_and_is_resolved_is_an_incident_and_its_end(
    house: House, real: Alertmanager
) -> None:
    began = ago(5)
    await real.post(LABELS, startsAt=began)
    await eventually(partial(count, house, 1))
    await real.post(LABELS, startsAt=began, endsAt=ago(1))
    await eventually(partial(count, house, 2))
    fired, over = await bodies(house)
    assert fired == IncidentDetected(
        incident=fired.incident, service="payments", environment="us-east", description=SAID
    )
    assert over == IncidentResolved(
        incident=fired.incident, service="payments", environment="us-east", description=SAID
    )
    assert fired.incident.startswith("ErrorRateHigh/")


async def test_an_alert_that_fires_while_the_broker_is_dead_is_neither_lost_nor_doubled(
    house: House, real: Alertmanager, broker: Kafka
) -> None:
    await asyncio.to_thread(broker.kill)
    try:
        await asyncio.gather(*(real.post({**LABELS, "region": f"r{n}"}, startsAt=ago(5)) for n in range(5)))
        await eventually(partial(_retried, real), within=60.0)
    finally:
        await asyncio.to_thread(broker.start)
    await eventually(partial(count, house, 5), within=120.0)
    records = await records_of(house.kafka.bootstrap, house.prefix, "anomalies")
    assert len(events_of(records)) == 5
    assert {body.environment for body in await bodies(house)} == {f"r{n}" for n in range(5)}


async def test_a_rule_of_a_real_prometheus_fires_and_is_resolved(
    house: House, real: Alertmanager, tmp_path: Path
) -> None:
    errors = Gauge(
        "errors", "The share of the requests that fail", registry=(registry := CollectorRegistry())
    )
    errors.set(0.2)
    server, thread = start_http_server(free_ports(1)[0], "127.0.0.1", registry)
    try:
        async with prometheus(tmp_path, server.server_port, real, LABELS):
            await eventually(partial(count, house, 1), within=60.0)
            errors.set(0.0)
            await eventually(partial(count, house, 2), within=60.0)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)
    fired, over = await bodies(house)
    assert isinstance(fired, IncidentDetected)
    assert isinstance(over, IncidentResolved)
    assert fired.incident == over.incident
    assert (fired.service, fired.environment, fired.description) == ("payments", "us-east", SAID)


async def _retried(real: Alertmanager) -> bool:
    """Whether it was told 503 and tries again."""
    return await real.metric("alertmanager_notification_requests_failed_total") >= 5
