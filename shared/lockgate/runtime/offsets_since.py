"""Where a topic's partitions have what was written since a time. Talks to Kafka."""

from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnknownError


async def offsets_since(
    client: AIOKafkaConsumer, places: Collection[TopicPartition], at: int, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Place -> the offset of its first record of this time (ms) or later; its end if none is so late.

    A broker opens the batch that it finds there, and answers with an unexpected error where somebody wrote one that does not
    inflate. Such a place is read from its beginning.
    """
    try:
        told = await client.offsets_for_times(dict.fromkeys(places, at))
    except UnknownError:
        if len(places) == 1:
            return dict(await client.beginning_offsets(places))
        alone = [await offsets_since(client, [place], at, ends) for place in places]
        return {place: offset for each in alone for place, offset in each.items()}
    return {place: told[place].offset if told.get(place) else ends[place] for place in places}
