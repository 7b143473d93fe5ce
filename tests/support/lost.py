"""Changes of version in which the answer of every write is lost: each is done once all the same, as watches show."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.changing import GOOD, RUNS, changing
from tests.support.cutting import Cutting, cutting
from tests.support.deployer import ROUTELESS, WORKLOAD
from tests.support.late import PODS, STORIES, fallen
from tests.support.places import PATIENCE, Place
from tests.support.watched import Watched


@dataclass(frozen=True, slots=True)
class Lost:
    """`back_after` so many steps of `story` comes the order to go back; None: it never does."""

    story: str
    routed: bool = True
    back_after: int | None = None
    half: bool = False


def drawn(seed: int) -> Iterator[Lost]:
    """Those of a seed, without an end."""
    chance = random.Random(seed)
    while True:
        story = chance.choice(list(STORIES))
        back = chance.choice([None, *range(1, len(STORIES[story]) + 1)])
        yield Lost(story, chance.random() < 0.6, back, chance.random() < 0.5)


async def loses_answers(place: Place, lost: Lost) -> int:
    """How many writes were done, each without an answer. AssertionError if one was done twice or is missing."""
    region, workload = place.region("eu-west"), WORKLOAD if lost.routed else ROUTELESS
    async with (
        cutting(region, half=lost.half) as proxy,
        changing(place, workload, PODS, through=proxy.through) as changed,
    ):
        for granted in list(changed.grants(STORIES[lost.story]))[: lost.back_after]:
            answer = await changed.west.step(granted, PATIENCE)
            assert answer["outcome"] in {"piloted", "probed", "deployed"}, answer
        if lost.back_after is not None:
            answer = await changed.back()
            assert answer == {"outcome": "rolled-back", "digest": RUNS}, answer
        await changed.is_at_rest(GOOD if lost.back_after is None else RUNS)
        assert await once_each(changed.seen, proxy) == []
        return len(proxy.lost)


async def once_each(seen: Watched, proxy: Cutting) -> list[str]:
    """What was done more than once, or had no effect, or an effect that nobody asked for."""
    effects = await seen.written()
    found = [
        f"done {proxy.done.count(what)} times: {what}"
        for what in set(proxy.lost)
        if proxy.done.count(what) > 1
    ]
    if len(effects) != len(proxy.done):
        found.append(f"{len(proxy.done)} writes had {len(effects)} effects: {proxy.done} and {effects}")
    return found + await fallen(seen)
