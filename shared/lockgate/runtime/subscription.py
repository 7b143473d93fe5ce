"""The consumer of a service's topics: made, started, and stopped within a bound.

FastStream's broker makes and owns the consumer; the records are taken from it raw, since its parser trips over
hostile headers and its batches wait when they need not (docs/decisions/0002). Talks to Kafka.
"""

from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from lockgate.runtime import header_names
from lockgate.runtime.bounded import begin, close
from lockgate.runtime.settings import RuntimeSettings

log = structlog.get_logger()

STOP_SECONDS = 5.0
HEARTBEAT_SECONDS = 0.5  # with the next one a member learns that another has left or come
START_SECONDS = 60.0  # of a group in which others are slow to give back what they have

KAFKA_ERRORS: tuple[type[Exception], ...] = (KafkaError, TimeoutError, OSError)


class Subscription:
    """One member of a service's consumer group, on all its topics (full names)."""

    def __init__(
        self,
        settings: RuntimeSettings,
        group: str,
        topics: tuple[str, ...],
        listener: ConsumerRebalanceListener,
    ) -> None:
        header_names.install()
        self._broker = KafkaBroker(
            settings.kafka.split(","),  # FastStream takes a text for one broker's address
            client_id=group,
            allow_auto_create_topics=False,
            consumer_only=True,  # else it starts a producer and an admin client that nobody uses
            logger=None,
            request_timeout_ms=10_000,
        )
        self._subscriber = self._broker.subscriber(
            *topics,
            group_id=group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            listener=listener,
            partition_assignment_strategy=(RangePartitionAssignor,),
            # Handlers are short; a long outage of PostgreSQL must not cost the membership (aiokafka#1187).
            max_poll_interval_ms=3_600_000,
            session_timeout_ms=int(settings.session_seconds * 1000),
            heartbeat_interval_ms=int(1000 * min(HEARTBEAT_SECONDS, settings.session_seconds / 10)),
            max_partition_fetch_bytes=2 << 20,  # some batches: the next answer comes while these are handled
            fetch_max_bytes=16 << 20,
        )

    @property
    def consumer(self) -> Any:
        """The aiokafka consumer; there once started."""
        return self._subscriber.consumer

    @property
    def member(self) -> str:
        """Its id in the group, as the broker gave it; empty while it has none."""
        if self.consumer is None:
            return ""
        member: str = self.consumer._coordinator.member_id  # noqa: SLF001  # aiokafka has no other way to tell
        return member

    async def start(self) -> None:
        """One of KAFKA_ERRORS if the broker is away; then it can be tried again."""
        try:
            await begin(self._broker.start(), START_SECONDS)
        except BaseException:
            await self.stop(STOP_SECONDS)
            raise

    async def stop(self, seconds: float) -> None:
        """Leaves the group, or ends without: leaving hangs while the broker is away."""
        consumer = self.consumer
        if trouble := await close(self._broker.stop(), seconds):
            log.warning("the consumer did not leave its group", trouble=trouble)
            if consumer is not None:
                await _abandon(consumer)


async def _abandon(consumer: Any) -> None:
    """Ends the tasks of a consumer whose broker does not answer."""
    for part in (consumer._fetcher, consumer._client):  # noqa: SLF001  # aiokafka has no way to stop without an answer
        if part is not None:
            await close(part.close(), 1.0)
