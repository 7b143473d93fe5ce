"""Events at a steady rate beside whatever a run is about, and what became of each of them."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError

from lockgate.messages.artifacts import ArtifactPublished
from tests.support.whole import Whole
from tests.support.written import Written

_TICK = 0.02


async def paced(rate: float, seconds: float = float("inf")) -> AsyncIterator[int]:
    """How many are due at each tick, so that `rate` a second come for so long. What was late comes within a second.

    Whoever could not go on for longer than a second (a broker was away) does not make up for it.
    """
    began = time.monotonic()
    owed, last = 0.0, began
    while last < began + seconds:
        await asyncio.sleep(_TICK)
        now = min(time.monotonic(), began + seconds)
        owed = min(owed + (now - last) * rate, max(rate, 1.0))
        last = now
        yield int(owed)
        owed -= int(owed)


class Unclaimed:
    """Artifacts that no plan claims. Each is answered with a refusal; `sent` are those that the broker has."""

    def __init__(self, whole: Whole, rate: float) -> None:
        self._whole = whole
        self._rate = rate
        self._number = 0
        self.sent: list[str] = []

    async def run(self) -> None:
        """Until it is cancelled."""
        async for due in paced(self._rate):
            await asyncio.gather(*(self._one() for _ in range(due)))

    async def _one(self) -> None:
        self._number += 1
        purl = f"pkg:oci/nobody{self._number}@sha256:{self._number:064x}"
        with contextlib.suppress(KafkaError):  # the broker is away: then it has not got it, or maybe it has
            self.sent.append(await self._whole.send("artifacts", ArtifactPublished.type, purl, {}))

    def lost(self, found: Written) -> list[str]:
        """The ids of those that were not answered."""
        answered = _answers(found)
        return [event for event in self.sent if not answered[event]]

    def wrong(self, found: Written) -> list[str]:
        """What is wrong with the answers: none, or those of two decisions."""
        doubled = [event for event, count in _answers(found).items() if count > 1]
        sentences = []
        if lost := self.lost(found):
            sentences.append(f"{len(lost)} of {len(self.sent)} artifacts were never answered: {lost[:5]}")
        if doubled:
            sentences.append(f"{len(doubled)} artifacts were answered twice: {doubled[:5]}")
        return sentences


def _answers(found: Written) -> Counter[str]:
    """How many refusals there are of each artifact, by its event's id; what was sent again counts once."""
    lines = (line for line in found.lines["releases"] if line.name == "artifact.refused")
    return Counter({line.id: str(line.said["event"]) for line in lines}.values())


@asynccontextmanager
async def beside(*coroutines: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """These run for as long as this is open. If one of them fails, so does this in the end."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    if failed := [error for error in ended if isinstance(error, Exception)]:
        raise failed[0]
