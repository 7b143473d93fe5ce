"""An idempotent producer that cannot hang: every send has a bound, and one that failed is replaced.

With idempotence a batch never expires inside aiokafka: with the broker dead a send waits for ever (seen), and
after an OutOfOrderSequence it fails for ever (aiokafka#1017). So a timeout or error closes the producer, and the
next send makes a new one. What was sent twice because of it is dropped by the readers' high-water marks.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from lockgate.runtime.batch import Out

SEND_SECONDS = 10.0
STOP_SECONDS = 2.0
MAX_BATCH_BYTES = 900_000

PRODUCER_ERRORS = (KafkaError, TimeoutError, OSError)


class Producer:
    """Sends batches of records in order to one partition of a topic, and returns when they are acknowledged."""

    def __init__(self, bootstrap: str, prefix: str, name: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._name = name
        self._producer: AIOKafkaProducer | None = None

    async def send(self, topic: str, part: int, records: Sequence[Out]) -> None:
        """Raises one of PRODUCER_ERRORS if any record was not acknowledged; all of them are to be sent again."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(await self._started(), self._prefix + topic, part, records)
        except PRODUCER_ERRORS:
            await self.close()
            raise

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(*PRODUCER_ERRORS):
                await asyncio.wait_for(producer.stop(), STOP_SECONDS)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id=self._name,
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                max_batch_size=MAX_BATCH_BYTES,
                max_request_size=8 * MAX_BATCH_BYTES,
                request_timeout_ms=int(SEND_SECONDS * 1000),
            )
            try:
                await producer.start()
            except BaseException:
                with contextlib.suppress(*PRODUCER_ERRORS):
                    await asyncio.wait_for(producer.stop(), STOP_SECONDS)
                raise
            self._producer = producer
        return self._producer

    @staticmethod
    async def _send(producer: AIOKafkaProducer, topic: str, part: int, records: Sequence[Out]) -> None:
        waiting = []
        batch = producer.create_batch()
        for record in records:
            while _append(batch, record) is None:
                if batch.record_count() == 0:
                    raise ValueError(
                        f"a record of {len(record.value or b'')} bytes is larger than a batch may be"
                    )
                waiting.append(await producer.send_batch(batch, topic, partition=part))
                batch = producer.create_batch()
        waiting.append(await producer.send_batch(batch, topic, partition=part))
        for future in waiting:
            await future


def _append(batch: object, record: Out) -> object:
    return batch.append(  # type: ignore[attr-defined]  # aiokafka's BatchBuilder has no types
        key=record.key, value=record.value, timestamp=None, headers=list(record.headers)
    )
