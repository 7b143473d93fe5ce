"""Creates the topics that are missing and checks those that are there. Auto-creation is off everywhere.

A topic that is missing or has other settings than it must have is a clear error at the start, not a surprise
months later. Talks to Kafka's admin API.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidReplicationFactorError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from lockgate.messages.topics import Topic
from lockgate.runtime.settings import ProcessSettings

ADMIN_SECONDS = 20.0


class TopicError(Exception):
    """A topic is missing or not as it must be. The message names it and says what to do."""


def lost(topic: str, part: int, position: int, handled: int) -> TopicError:
    """What to raise when a partition does not have what was handled from it."""
    return TopicError(
        f"the topic {topic} (partition {part}) goes on at offset {position}, but it was handled up to {handled}"
        " already: it was deleted and made again, or the broker lost records. Restore the topic, or set the"
        " offsets in the service's database by hand"
    )


async def ensure_topics(settings: ProcessSettings, topics: Iterable[Topic]) -> None:
    """Makes sure that the topics are there and right. TopicError if they are not.

    Kafka's errors if it is away, or not yet able to hold them: then it is worth another try.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka, request_timeout_ms=int(ADMIN_SECONDS * 1000)
    )
    async with asyncio.timeout(ADMIN_SECONDS * 2):
        await admin.start()
        try:
            await _ensure(admin, settings, tuple(topics))
        finally:
            await admin.close()


async def _ensure(admin: AIOKafkaAdminClient, settings: ProcessSettings, topics: tuple[Topic, ...]) -> None:
    there = set(await admin.list_topics())
    missing = [topic for topic in topics if settings.topic_prefix + topic.name not in there]
    if missing and not settings.create_topics:
        names = ", ".join(settings.topic_prefix + topic.name for topic in missing)
        raise TopicError(
            f"these topics are missing: {names}. Create them, or set LOCKGATE_CREATE_TOPICS=true"
        )
    await _create(admin, settings, missing)
    await _check(admin, settings, topics)


async def _create(admin: AIOKafkaAdminClient, settings: ProcessSettings, topics: list[Topic]) -> None:
    new = [
        NewTopic(
            settings.topic_prefix + topic.name,
            settings.partitions,
            settings.replication,
            topic_configs=topic.config,
        )
        for topic in topics
    ]
    if not new:
        return
    response = await admin.create_topics(new)
    for name, code, *rest in response.topic_errors:
        error = for_code(code)
        if error is InvalidReplicationFactorError:  # also while brokers are starting, or too busy to be heard
            raise error(f"{name} needs {settings.replication} brokers at work, and there are fewer: {rest}")
        if code and error is not TopicAlreadyExistsError:
            raise TopicError(f"the topic {name} could not be created: {error.__name__} {rest}")


async def _check(admin: AIOKafkaAdminClient, settings: ProcessSettings, topics: tuple[Topic, ...]) -> None:
    names = {settings.topic_prefix + topic.name: topic for topic in topics}
    described = await _described(admin, names)
    counts = {names[t["topic"]].name: len(t["partitions"]) for t in described}
    if len(set(counts.values())) > 1:
        raise TopicError(
            f"the topics have different partition counts: {counts}. They must be equal, so that one replica reads"
            " the same applications on all of them: recreate the odd ones"
        )
    if (count := next(iter(counts.values()), settings.partitions)) != settings.partitions:
        raise TopicError(
            f"the topics have {count} partitions, and the service was told {settings.partitions}: it would look"
            f" for an application on the wrong one. Set LOCKGATE_PARTITIONS={count}"
        )
    await _check_configs(admin, names)


async def _described(admin: AIOKafkaAdminClient, names: dict[str, Topic]) -> list[dict[str, Any]]:
    """A topic that was created a moment ago may not be known to the broker that is asked: ask again."""
    for _ in range(50):
        described: list[dict[str, Any]] = await admin.describe_topics(list(names))
        if all(t["error_code"] == 0 and t["partitions"] for t in described):
            return described
        await asyncio.sleep(0.1)
    missing = [t["topic"] for t in described if t["error_code"] != 0]
    raise UnknownTopicOrPartitionError(f"the broker does not know them yet, or they were deleted: {missing}")


async def _check_configs(admin: AIOKafkaAdminClient, names: dict[str, Topic]) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    for response in await admin.describe_configs(resources):
        for code, message, _type, name, entries in response.resources:
            if code:  # another broker than the one that made it may not know it yet
                raise for_code(code)(f"the settings of the topic {name} cannot be read: {message}")
            if problem := _problem(names[name], {entry[0]: entry[1] for entry in entries}):
                raise TopicError(f"the topic {name} has {problem}")


def _problem(topic: Topic, found: dict[str, str]) -> str | None:
    """What is wrong with the settings of a topic, and what to do."""
    policy, stamped = found.get("cleanup.policy"), found.get("message.timestamp.type")
    if policy != "delete":
        return f"cleanup.policy={policy}: compaction destroys history; set it to delete"
    if stamped != "LogAppendTime":
        return (
            f"message.timestamp.type={stamped}: set it to LogAppendTime, so that no producer's clock decides"
            " what is kept"
        )
    if int(found.get("max.message.bytes", 0)) < topic.max_message_bytes:
        return f"max.message.bytes={found.get('max.message.bytes')}: at least {topic.max_message_bytes} are needed"
    if 0 <= int(found.get("retention.ms", -1)) < topic.retention_ms:
        return f"retention.ms={found.get('retention.ms')}: at least {topic.retention_ms} are needed, or -1"
    return None
