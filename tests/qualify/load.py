"""A service fed at a steady rate, then at a peak; its lag each second, and whether anything was lost. And releases a second.

The service is the toy of tests/support/toy.py: a process of its own, with the decisions, commits and journal of any
service. The lag is what the broker knows of it: ends of partitions less the offsets that its group has committed (a
service tells them once a second, so a second's events are always missing). Then the whole system carries as many
releases as it can, of several applications side by side: that is a figure, and no bound.
"""

import asyncio
import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from lockgate.messages.message import encode
from lockgate.runtime.service import partition_of
from tests.bench.worlds import a_world
from tests.qualify.progress import say
from tests.support.audit import decided_twice, numbering
from tests.support.crashes import PATIENCE
from tests.support.feed import beside, paced
from tests.support.plans import REST, watch, wave
from tests.support.story import Story
from tests.support.toy import toy
from tests.support.toy_world import PARTITIONS, World, said
from tests.support.whole import Whole, opened
from tests.support.written import Written, written

KEYS = 20
EACH = 25
"""KEYS keys take turns until each has had so many events, then come others: the toy's row lists all that was handled."""

DRAINED_WITHIN = 120.0
IN_TIME = 0.98
"""This part of the rate must have been fed, or the run says nothing."""

RELEASES_SECONDS = 60.0
SHOWN = 60
"""So many values of a series are kept: each the highest of its share."""


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    load = os.getloadavg()[0]
    with a_world() as world:
        fed, violations = uvloop.run(_fed(world, numbers))
    carried, wrong = asyncio.run(_carried(numbers["applications"]))
    return {
        "load_before": round(load, 1),
        "steady": fed[0],
        "peak": fed[1],
        "releases": carried,
        "violations": violations + wrong,
    }


# --- one service --------------------------------------------------------------------------------------------------


@dataclass
class Lag:
    """Records that are on the topic and not known to be handled, once a second."""

    world: World
    consumer: AIOKafkaConsumer
    series: list[int] = field(default_factory=list)

    async def now(self) -> int:
        places = [TopicPartition(self.world.prefix + "verdicts", part) for part in range(PARTITIONS)]
        ends = await self.consumer.end_offsets(places)
        return sum([ends[place] - (await self.consumer.committed(place) or 0) for place in places])

    async def sample(self) -> None:
        async for due in paced(1.0):
            if due:
                self.series.append(await self.now())

    async def drained(self) -> float:
        """Seconds until it is 0. AssertionError if it is not in time."""
        began = time.monotonic()
        while lag := await self.now():
            took = time.monotonic() - began
            assert took < DRAINED_WITHIN, f"there is a lag of {lag} records, {took:.0f} s after the last one"
            await asyncio.sleep(0.1)
        return time.monotonic() - began


async def _fed(world: World, numbers: Mapping[str, int]) -> tuple[list[dict[str, Any] | None], list[str]]:
    """The figures of both rates, and what was wrong."""
    figures: list[dict[str, Any] | None] = []
    violations: list[str] = []
    await (await world.serving(toy())).leave()  # makes the topics
    await world.process()
    group = f"{world.prefix}rollback"
    consumer = AIOKafkaConsumer(
        bootstrap_servers=world.kafka.bootstrap, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    sent = 0
    try:
        async with world.producer(linger_ms=5) as producer:
            for rate, seconds in (
                (numbers["rate"], numbers["seconds"]),
                (numbers["peak"], numbers["burst"]),
            ):
                lag = Lag(world, consumer)
                try:
                    made, found = await _at(producer, lag, rate, seconds, sent)
                    figures.append(found)
                except (AssertionError, TimeoutError) as error:
                    figures.append({"lag_each_second": _reduced(lag.series)})
                    violations.append(f"{rate} events/s: {error}")
                    break
                sent += made
                violations += [f"{rate} events/s: {sentence}" for sentence in _too_slow(rate, seconds, made)]
                say(f"{rate} events/s for {seconds} s: {found}")
        violations += await _lost_for_good(world, sent)
    finally:
        await consumer.stop()
        await world.close()
    return [*figures, None][:2], violations


async def _at(
    producer: AIOKafkaProducer, lag: Lag, rate: int, seconds: int, before: int
) -> tuple[int, dict[str, Any]]:
    """How many events were sent, and the figures. `before` are those of an earlier rate."""
    number, began, waiting = before, time.monotonic(), set[Any]()
    async with beside(lag.sample()):
        async for due in paced(rate, seconds):
            for _ in range(due):
                future = await _send(producer, lag.world, number)
                waiting.add(future)
                future.add_done_callback(waiting.discard)
                number += 1
        await asyncio.gather(*waiting)
        took = time.monotonic() - began
        drained = await lag.drained()
    return number - before, {
        "events": number - before,
        "events_per_second": round((number - before) / took, 1),
        "highest_lag": max(lag.series, default=0),
        "seconds_until_no_lag": round(drained, 1),
        "lag_each_second": _reduced(lag.series),
    }


async def _send(producer: AIOKafkaProducer, world: World, number: int) -> Any:
    key, count = key_of(number)
    headers, value = encode(said(count, key=key))
    part = partition_of(key, PARTITIONS)
    return await producer.send(
        world.prefix + "verdicts", value, key=key.encode(), partition=part, headers=list(headers)
    )


def key_of(number: int) -> tuple[str, int]:
    """The key of an event, and the how many-eth of this key it is."""
    block, within = divmod(number, KEYS * EACH)
    return f"app-{block}-{within % KEYS}", within // KEYS + 1


def _too_slow(rate: int, seconds: int, made: int) -> list[str]:
    wanted = rate * seconds
    if made >= IN_TIME * wanted:
        return []
    return [f"void: the generator made {made} events, not {wanted}; the machine was too busy"]


async def _lost_for_good(world: World, sent: int) -> list[str]:
    """An event that is handled counts no more as lag, and its answer may wait for the relay yet: what is missing is looked for
    again for as long as the lag may take.
    """
    until = time.monotonic() + DRAINED_WITHIN
    while (wrong := await _lost(world, sent)) and time.monotonic() < until:
        say(f"not all there yet: {wrong[0]}")
    return wrong


async def _lost(world: World, sent: int) -> list[str]:
    """What is missing or wrong on the topics that the service writes."""
    names = ("rollbacks", "rollback.journal")
    found = _by_key(await written(world.kafka.bootstrap, world.prefix, names))
    wanted = Counter(key_of(number)[0] for number in range(sent))
    wrong: list[str] = []
    for key, events in wanted.items():
        theirs = found[key]
        for name, what in zip(names, ("answer", "decision"), strict=True):
            wrong += numbering(theirs.lines.get(name, []), key, what)
            if (there := len({line.value for line in theirs.lines.get(name, [])})) != events:
                wrong.append(f"{key}: {events} events were sent, and {there} on {name} follow from them")
        wrong += decided_twice(theirs, key)
    return wrong[:20]


def _by_key(found: Written) -> dict[str, Written]:
    """What was written, key by key, so that each line is looked at once."""
    keys: dict[str, Written] = defaultdict(Written)
    for name, lines in found.lines.items():
        for line in lines:
            keys[line.key].lines.setdefault(name, []).append(line)
    return keys


def _reduced(series: list[int]) -> list[int]:
    step = max(1, -(-len(series) // SHOWN))
    return [max(series[at : at + step]) for at in range(0, len(series), step)]


# --- the whole system ---------------------------------------------------------------------------------------------


async def _carried(applications: int) -> tuple[dict[str, Any], list[str]]:
    """How many releases a second are completed when each application has one under way all the time."""
    took: list[float] = []
    async with opened(None) as whole:
        stories = [whole.story("carried") for _ in range(applications)]
        await asyncio.gather(*(story.begins(wave("rest", *REST), watch("1s")) for story in stories))
        began = time.monotonic()
        try:
            until = began + RELEASES_SECONDS
            await asyncio.gather(*(_releases(whole, story, until, took) for story in stories))
        except AssertionError as error:
            return {}, [f"releases: {error}"[:2000]]
        seconds = time.monotonic() - began
    figures = {
        "applications": applications,
        "completed": len(took),
        "releases_per_second": round(len(took) / seconds, 2),
        "median_seconds_of_one": round(statistics.median(took), 2),
        "longest_seconds_of_one": round(max(took), 2),
    }
    say(f"releases: {figures}")
    return figures, []


async def _releases(whole: Whole, story: Story, until: float, took: list[float]) -> None:
    number = 1
    while time.monotonic() < until:
        number += 1
        began = time.monotonic()
        await story.completes(await story.announces(f"v{number}"), within=PATIENCE)
        took.append(time.monotonic() - began)
    assert story.digests() == story.everywhere(f"v{number}"), f"{story.application} does not run v{number}"
    assert whole.telling.dead == [], "there are dead letters"
