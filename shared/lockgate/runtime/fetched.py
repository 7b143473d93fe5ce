"""What a consumer fetched becomes what the engine takes: each record is read here, once. Used by the reader."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.runtime.checks import Record
from lockgate.runtime.engine import AT_ONCE
from lockgate.runtime.reading import Item, read
from lockgate.runtime.record_hash import printable_headers


async def items_of(found: Mapping[Any, Sequence[Any]], prefix: str) -> list[Item]:
    """Of all partitions, in the order of each. Between many of them others get their turn."""
    items: list[Item] = []
    for raw in (raw for of_part in found.values() for raw in of_part):
        items.append(read(_record(raw, prefix)))
        if len(items) % AT_ONCE == 0:
            await asyncio.sleep(0)
    return items


def _record(raw: Any, prefix: str) -> Record:
    topic = raw.topic.removeprefix(prefix)
    return Record(topic, raw.partition, raw.offset, raw.key, printable_headers(raw.headers), raw.value)
