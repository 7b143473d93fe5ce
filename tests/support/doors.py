"""A door in this process, over real HTTP, with whatever publishes for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web
from aiokafka import AIOKafkaConsumer

from lockgate.intake.door.callers import Caller
from lockgate.intake.door.delivery import Options, Outgoing
from lockgate.intake.door.limits import Bounds, Limiter, Rate
from lockgate.intake.door.publishing import AwayError
from lockgate.intake.door.server import Door, Rules
from lockgate.runtime.checks import Record
from lockgate.runtime.inlet_id import inlet_id
from lockgate.runtime.reading import Readable, read
from tests.support.deliveries import CALLERS
from tests.support.servers import KafkaUnderTest

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]


@dataclass
class Shelf:
    """What would be on the topics. `away`: nothing is taken at the moment; `gate`: until this is open."""

    lies: list[Outgoing] = field(default_factory=list)
    away: bool = False
    gate: asyncio.Event | None = None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise AwayError("nobody is there")
        self.lies += records

    @property
    def events(self) -> set[tuple[str, str]]:
        """What is an event of its own to a reader."""
        return {(each.told.source, each.told.id) for each in self.lies}


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Client:
    """A sender. `port` is the door's."""

    session: aiohttp.ClientSession
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def post(self, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        return await self.ask("POST", path, headers, body)

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Answer:
        async with self.session.request(method, self.url + path, data=body, headers=headers) as answer:
            is_json = "json" in answer.headers.get("content-type", "")
            return Answer(
                answer.status, answer.headers, await answer.json() if is_json else await answer.read()
            )

    async def raw(self, request: bytes, *, half_closed: bool = False) -> int:
        """Sends bytes as they are; the status of the answer, or 0 if the connection ends without one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            await writer.drain()
            if half_closed:
                writer.write_eof()
            line = await reader.readline()
            return int(line.split()[1]) if line else 0
        except ConnectionError:
            return 0
        finally:
            writer.close()


@asynccontextmanager
async def opened_door(
    publish: Publish,
    *,
    callers: Sequence[Caller] = CALLERS,
    rate: Rate = Rate(1e6, 1e6),  # noqa: B008  # frozen
    options: Options = Options(),  # noqa: B008  # frozen
    bounds: Bounds = Bounds(),  # noqa: B008  # frozen
) -> AsyncIterator[Client]:
    """A door that answers on a free port, and a client of it."""
    runner = Door(Rules(tuple(callers), Limiter(rate), options, bounds), publish).runner()
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield Client(session, runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def accepted(ask: Callable[[], Awaitable[Answer]]) -> bool:
    """Whether a delivery is published at this try, as for a sender that tries again."""
    return (await ask()).status == 202


async def records_of(bootstrap: str, prefix: str, topic: str) -> list[Record]:
    """All records of a topic, from its beginning to its end now."""
    consumer = AIOKafkaConsumer(
        prefix + topic, bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(30.0):
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[Record] = []
            for place, end in ends.items():
                while await consumer.position(place) < end:
                    for raws in (await consumer.getmany(place, timeout_ms=200)).values():
                        found += (
                            Record(topic, r.partition, r.offset, r.key, tuple(r.headers), r.value)
                            for r in raws
                        )
            return found
    finally:
        await consumer.stop()


def events_of(records: Sequence[Record]) -> set[tuple[str, str]]:
    """What a service makes of them: each event once, by the very reader and the very id that it uses."""
    items = [read(record) for record in records]
    assert [item for item in items if not isinstance(item, Readable)] == [], "no dead letters"
    return {inlet_id(item.message) for item in items if isinstance(item, Readable)}


class House(NamedTuple):
    """A door, and the broker behind it with topics of their own."""

    client: Client
    kafka: KafkaUnderTest
    prefix: str

    async def events(self, topic: str) -> set[tuple[str, str]]:
        return events_of(await records_of(self.kafka.bootstrap, self.prefix, topic))
