"""The whole system of a test run, once: real Kafka and PostgreSQL, the sandbox, each service its own process."""

import asyncio
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from lockgate.cli.local.child import Child, Launch
from lockgate.cli.local.kubeconfig import Clusters
from lockgate.cli.local.system import LocalSystem, Servers, Shape
from lockgate.embedded.ports import free_ports
from lockgate.embedded.process import Guarded
from lockgate.messages.releases import RegionAccepted
from tests.support.forking import Forking
from tests.support.plans import DEPLOYERS, PILOTED, TRIED
from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.story import Story
from tests.support.telling import Telling, Told

KILLED = 128 + 9

ACCEPTED = 120.0
"""Seconds until every region is registered and accepted, were it a thousand of them."""

STARTED = 180.0
"""Seconds that a process may take to start on a machine with other work; how soon releases go on is judged apart."""

CHECKED = "/{application}/{stage}?of={digest}"
"""What the check of stages is asked for; nobody is there until a test is."""

SESSION = "3"
"""Seconds after which a killed service's partitions go to the next one: the tests kill often."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The running system, what it says, and a client that writes to the inlets."""

    local: LocalSystem
    telling: Telling
    producer: AIOKafkaProducer
    kafka: KafkaUnderTest
    postgres: PostgresUnderTest

    @property
    def prefix(self) -> str:
        return self.local.shape.prefix

    @property
    def check_port(self) -> int:
        """Where the check `smoke` is looked for."""
        url = json.loads(self.local.shape.environment["LOCKGATE_CHECKS"])["smoke"]["url"]
        return int(url.removesuffix(CHECKED).rpartition(":")[2])

    def story(self, application: str) -> Story:
        """An application that nobody else has."""
        return Story(f"{application}-{secrets.token_hex(4)}", self.local.sandbox, self.telling, self.send)

    async def send(
        self,
        topic: str,
        kind: str,
        subject: str,
        content: Mapping[str, Any],
        custom: Mapping[str, Any] | None = None,
    ) -> str:
        """A CDEvent on an inlet; returns its id."""
        event = cdevent(kind, subject, content) | ({"customData": custom} if custom else {})
        value, headers = json.dumps(event).encode(), [("content-type", b"application/json")]
        await self.producer.send_and_wait(self.prefix + topic, value, headers=headers)
        return str(event["context"]["id"])

    def service(self, name: str) -> Child:
        return self.local.children[name]

    async def kill(self, name: str) -> None:
        """SIGKILL to a service that is alive and ready; proves that this is what ended it.

        What it had said until then is heard when this returns.
        """
        child = self.service(name)
        assert child.running, f"{name} had ended before it was to be killed: {child.log}"
        assert child.ready(), f"{name} was not at work when it was to be killed: {child.log}"
        child.kill()
        assert child.exit_status == KILLED, f"{name} ended by itself, with status {child.exit_status}"
        await self.telling.catch_up()

    async def restart(self, name: str) -> None:
        child = self.service(name)
        child.start()
        await asyncio.to_thread(child.wait_ready, STARTED)

    async def mend(self) -> None:
        """Starts again what a failed test left dead, so that it fails no other one."""
        for name, child in list(self.local.children.items()):
            if name in {*self.local.shape.deployers, "intake", "verifier", "rollback", "ledger"}:
                child.resume()
                if not child.running:
                    await self.restart(name)


def cdevent(kind: str, subject: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "context": {
            "specversion": "0.5.1",
            "id": str(uuid.uuid4()),
            "source": "/tests",
            "type": kind,
            "timestamp": datetime.now(UTC).isoformat(),
        },
        "subject": {"id": subject, "content": dict(content)},
    }


def shaped(
    deployers: Mapping[str, tuple[str, ...]],
    *,
    trials: Mapping[str, str] = MappingProxyType({}),
    more: Mapping[str, str] = MappingProxyType({}),
    scrape: float = 0.5,
) -> Shape:
    """What is started. `more` are settings of all services, `scrape` the seconds between two looks at all pods."""
    return Shape(
        deployers,
        sandbox={"scrape_seconds": scrape, "rate": 0, "usual_errors": 0.02},
        environment={
            "LOCKGATE_LEDGER_SIGN_EVERY": "1s",
            "LOCKGATE_LEDGER_LOOK_EVERY": "1s",
            "LOCKGATE_SESSION_SECONDS": SESSION,
            "LOCKGATE_CHECKS": json.dumps(
                {"smoke": {"url": f"http://127.0.0.1:{free_ports(1)[0]}{CHECKED}"}}
            ),
            **more,
        },
        prefix=f"story-{secrets.token_hex(4)}.",
        trials=trials,
    )


@asynccontextmanager
async def opened(
    kafka: KafkaUnderTest | None,
    servers: Servers | None = None,
    *,
    tolerant: bool = False,
    postgres: PostgresUnderTest | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
    shape: Shape | None = None,
    clusters: Clusters | None = None,
    launch: Launch = Guarded,
) -> AsyncIterator[Whole]:
    """The whole system, started and stopped; without servers on embedded ones of its own. `tolerant`: see Telling.

    `more` are settings of all services, `shape` is another one than the stories have, `clusters` are real ones in place of the
    sandbox, `launch` starts the processes.
    """
    shape = shape or shaped(DEPLOYERS, trials={TRIED: PILOTED}, more=more)
    local = LocalSystem(shape, servers=servers, clusters=clusters, launch=launch)
    await asyncio.to_thread(local.start)
    try:
        bootstrap = local.servers.kafka
        async with (
            _producer(bootstrap) as producer,
            Telling(bootstrap, shape.prefix, tolerant=tolerant) as telling,
        ):
            await telling.first(_accepts(shape.regions), ACCEPTED)
            kafka = kafka or KafkaUnderTest(bootstrap, local.kafka)
            postgres = postgres or PostgresUnderTest(local.servers.postgres, local.postgres)
            yield Whole(local, telling, producer, kafka, postgres)
    finally:
        await asyncio.to_thread(local.stop)


@asynccontextmanager
async def _producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@pytest.fixture(scope="session")
async def started_whole(kafka: KafkaUnderTest, postgres: PostgresUnderTest) -> AsyncIterator[Whole]:
    servers = Servers(kafka.bootstrap, postgres.fresh_database())
    with Forking() as forking:
        async with opened(kafka, servers, postgres=postgres, launch=forking.launch) as whole:
            yield whole


def _accepts(regions: Iterable[str]) -> Callable[[Told], bool]:
    """Whether the last of the regions is accepted: a plan that names one before that is refused."""
    left = set(regions)

    def accepted(told: Told) -> bool:
        if isinstance(told.body, RegionAccepted):
            left.discard(told.body.place.region)
        return not left

    return accepted


@pytest.fixture
async def whole(started_whole: Whole) -> AsyncIterator[Whole]:
    """The system with every service at work, before and after each test."""
    yield started_whole
    await started_whole.mend()
