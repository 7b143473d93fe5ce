"""An idempotent producer that cannot hang: every send has a bound, and one that failed is replaced.

With idempotence a batch never expires inside aiokafka: with the broker dead a send waits for ever (seen), and
after an OutOfOrderSequence it fails for ever (aiokafka#1017). So a timeout or error closes the producer, and the
next send makes a new one. What was sent twice because of it is dropped by the readers' high-water marks.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from lockgate.runtime.batch import Out
from lockgate.runtime.bounded import begin, close

SEND_SECONDS = 10.0
STOP_SECONDS = 2.0
MAX_BATCH_BYTES = 900_000  # what topics for events take at least; records are joined up to here
MAX_RECORD_BYTES = 4_000_000  # a journal record or a dead letter alone may be larger; their topics take 4 MiB

PRODUCER_ERRORS = (KafkaError, TimeoutError, OSError)


class Producer:
    """Sends batches of records in order to one partition of a topic, and returns when they are acknowledged."""

    def __init__(self, bootstrap: str, prefix: str, name: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._name = name
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def connect(self) -> None:
        """Before several sends at the same time, so that they have one client. One of PRODUCER_ERRORS if the broker is away."""
        await self._started()

    async def send(self, topic: str, part: int, records: Sequence[Out]) -> int:
        """Returns an offset up to which all of them lie on the topic; 0 if the broker does not say.

        Raises one of PRODUCER_ERRORS if any record was not acknowledged; all of them are to be sent again.
        """
        end = 0
        producer = await self._started()
        try:
            for joined in _joined(records):
                async with asyncio.timeout(SEND_SECONDS):
                    end = await self._send(producer, self._prefix + topic, part, joined)
        except PRODUCER_ERRORS:
            if (
                self._producer is producer
            ):  # else another send that failed has seen to it, and a new one may be at work
                await self.close()
            raise
        return end

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:  # several sends at the same time have one client
            if self._producer is None:
                self._producer = await self._made()
            return self._producer

    async def _made(self) -> AIOKafkaProducer:
        made = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._name,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=MAX_RECORD_BYTES,
            max_request_size=2 * MAX_RECORD_BYTES,
            request_timeout_ms=int(SEND_SECONDS * 1000),
        )
        return await start_producer(made, SEND_SECONDS)

    @staticmethod
    async def _send(producer: AIOKafkaProducer, topic: str, part: int, records: Sequence[Out]) -> int:
        """One batch, acknowledged before the next is sent: one that fails is never overtaken."""
        batch = producer.create_batch()
        for record in records:
            if not _append(batch, record):
                raise ValueError(
                    f"a record for {topic} has {_size(record)} bytes: more than a batch may have"
                )
        sent = await (await producer.send_batch(batch, topic, partition=part))
        first: int = sent.offset  # negative where the broker had these already
        return first + len(records) if first >= 0 else 0


async def start_producer(producer: AIOKafkaProducer, seconds: float) -> AIOKafkaProducer:
    """Starts it within so many seconds; one that does not start leaves nothing behind."""
    try:
        await begin(producer.start(), seconds)
    except BaseException:
        await stop_producer(producer)
        raise
    return producer


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stops it in order, or its client alone: flushing hangs while the broker is away."""
    if await close(producer.stop(), STOP_SECONDS):
        await close(producer.client.close(), STOP_SECONDS)


def _joined(records: Sequence[Out]) -> Iterator[list[Out]]:
    """The records in order, in groups of at most MAX_BATCH_BYTES, or of one that is larger."""
    group: list[Out] = []
    size = 0
    for record in records:
        if group and size + _size(record) > MAX_BATCH_BYTES:
            yield group
            group, size = [], 0
        group.append(record)
        size += _size(record)
    if group:
        yield group


def _size(record: Out) -> int:
    size = len(record.key or b"") + len(record.value or b"") + 50
    for name, value in record.headers:
        size += len(name) * 4 + len(value) + 10
    return size


def _append(batch: Any, record: Out) -> bool:
    added = batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers))
    return added is not None
