"""Topics that are not as they must be are a clear error at the start."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource
from aiokafka.errors import UnknownTopicOrPartitionError

from lockgate.messages.topics import ANOMALIES, RELEASES, Topic
from lockgate.runtime.kafka_topics import TopicError, ensure_topics
from lockgate.runtime.subscription import KAFKA_ERRORS
from tests.support.toy_world import PARTITIONS, World, said


async def make(
    world: World, topic: Topic, config: dict[str, str] | None = None, *, partitions: int = PARTITIONS
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka.bootstrap)
    await admin.start()
    try:
        wanted = {**topic.config, **(config or {})}
        await admin.create_topics([NewTopic(world.prefix + topic.name, partitions, 1, topic_configs=wanted)])
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"cleanup.policy": "compact"},
            "cleanup.policy=compact: compaction destroys history; set it to delete",
        ),
        (
            {"message.timestamp.type": "CreateTime"},
            "message.timestamp.type=CreateTime: set it to LogAppendTime",
        ),
        ({"max.message.bytes": "1000"}, "max.message.bytes=1000: at least 1048576 are needed"),
        ({"retention.ms": "1000"}, "retention.ms=1000: at least 7776000000 are needed, or -1"),
    ],
)
async def test_a_topic_with_other_settings(world: World, config: dict[str, str], sentence: str) -> None:
    await make(world, RELEASES, config)
    with pytest.raises(TopicError, match=f"the topic {world.prefix}releases has {sentence}"):
        await ensure_topics(world.settings(), [RELEASES, ANOMALIES])


async def test_a_broker_that_does_not_know_a_new_topic_yet_says_nothing_about_its_settings(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one of several brokers answers then; a single one answers so about a topic that is not there at all."""
    await make(world, RELEASES)
    asked = AIOKafkaAdminClient.describe_configs

    async def too_early(admin: AIOKafkaAdminClient, resources: list[ConfigResource]) -> object:
        unknown = [ConfigResource(each.resource_type, f"{each.name}-unknown") for each in resources]
        return await asked(admin, unknown)

    with monkeypatch.context() as patch:
        patch.setattr(AIOKafkaAdminClient, "describe_configs", too_early)
        with pytest.raises(
            UnknownTopicOrPartitionError, match=r"the settings of the topic .* cannot be read"
        ):
            await ensure_topics(world.settings(), [RELEASES])
    assert issubclass(UnknownTopicOrPartitionError, KAFKA_ERRORS)  # so that a service asks again
    await ensure_topics(world.settings(), [RELEASES])


async def test_a_topic_that_is_kept_for_ever_is_right(world: World) -> None:
    await make(world, RELEASES, {"retention.ms": "-1"})
    await ensure_topics(world.settings(), [RELEASES])


async def test_topics_of_different_partition_counts(world: World) -> None:
    await make(world, RELEASES, partitions=3)
    with pytest.raises(TopicError, match=r"different partition counts: .*'releases': 3.*They must be equal"):
        await ensure_topics(world.settings(), [RELEASES, ANOMALIES])


async def test_a_partition_count_that_is_not_the_settings(world: World) -> None:
    await make(world, RELEASES, partitions=3)
    with pytest.raises(TopicError, match=r"have 3 partitions, .* was told 2.* Set LOCKGATE_PARTITIONS=3"):
        await ensure_topics(world.settings(), [RELEASES])


async def test_topics_that_are_missing_and_may_not_be_made(world: World) -> None:
    with pytest.raises(
        TopicError, match=f"these topics are missing: {world.prefix}releases. Create them, or set"
    ):
        await ensure_topics(world.settings(create_topics=False), [RELEASES])


async def test_a_service_ends_with_that_error(world: World) -> None:
    await make(world, RELEASES, {"cleanup.policy": "compact"})
    with pytest.raises(TopicError, match=r"cleanup\.policy"):
        await world.serving()


async def test_a_topic_that_was_made_anew_is_noticed_and_not_passed_over(world: World) -> None:
    first = await world.serving()
    await world.send(said(1), said(2), said(3))
    await world.hears("verifier 1", "verifier 2", "verifier 3")
    await first.leave()
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([world.prefix + "verdicts"])
    finally:
        await admin.close()
    second = world.start()
    with pytest.raises(
        TopicError, match=r"verdicts .* it was handled up to 3 already: it was deleted and made again"
    ):
        await asyncio.wait_for(second.task, 30.0)
