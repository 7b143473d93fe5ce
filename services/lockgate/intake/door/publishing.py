"""Writes to the inlets, and says when the broker has acknowledged it. One producer for all requests, replaced when it fails.

Not idempotent on purpose: such a producer never gives up a batch, and fails for ever after some errors (see
`runtime.producer`). What is written twice because of that is the same event twice, and the readers' tables of ids drop
the second.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from lockgate.intake.door.delivery import Outgoing
from lockgate.runtime.producer import MAX_BATCH_BYTES, start_producer, stop_producer

log = structlog.get_logger()

SEND_SECONDS = 5.0
"""With what closing a failed producer takes, less than senders wait for an answer (GitHub: 10 s)."""

ERRORS = (KafkaError, TimeoutError, OSError)


class AwayError(Exception):
    """Kafka did not acknowledge. Nothing, a part or all may lie there; the same delivery again is no harm."""


class Publisher:
    """Publishes records until closed. `open` lets it: before that all is away."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self.is_open = False

    def open(self) -> None:
        """Once the topics are there and as they must be."""
        self.is_open = True

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Returns when all are acknowledged by all replicas in sync. AwayError if that is not so within SEND_SECONDS."""
        if not self.is_open:
            raise AwayError("the topics were not seen yet")
        producer = None
        sent: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(SEND_SECONDS):
                producer = await self._started()
                for record in records:
                    sent.append(await self._send(producer, record))  # noqa: PERF401  # what was sent is kept on failure
                await asyncio.gather(*sent)
        except ERRORS as error:
            for future in sent:
                future.cancel()
            log.warning(
                "not acknowledged; the sender is told to try again", error=repr(error), records=len(records)
            )
            await self._replace(producer)
            raise AwayError(repr(error)) from None

    async def close(self) -> None:
        self.is_open = False
        await self._replace(self._producer)

    async def _send(self, producer: AIOKafkaProducer, record: Outgoing) -> "asyncio.Future[object]":
        topic = self._prefix + record.told.topic
        future: asyncio.Future[object] = await producer.send(
            topic, record.value, key=record.key.encode(), headers=list(record.headers)
        )
        return future

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                made = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    client_id="lockgate-door",
                    acks="all",
                    linger_ms=0,
                    max_batch_size=MAX_BATCH_BYTES,
                    request_timeout_ms=int(SEND_SECONDS * 1000),
                )
                self._producer = await start_producer(made, SEND_SECONDS)
            return self._producer

    async def _replace(self, producer: AIOKafkaProducer | None) -> None:
        """Whoever finds it failing first closes it; what others have in it fails with it, and is sent again by their senders."""
        if producer is not None and producer is self._producer:
            self._producer = None
            await stop_producer(producer)
