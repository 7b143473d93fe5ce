"""kill -9 of a deployer right before any of its writes; another one goes on with the step, or is ordered back.

Watches on the API server say what there was meanwhile: never fewer ready pods than a roll-out may take away, never a larger
share than the step's, and at the end all old or all new.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.messages.values import Workload
from lockgate.messages.verdicts import Action, Granted
from tests.support.changing import GOOD, RUNS, Changing, changing
from tests.support.deployer import ROUTELESS, WORKLOAD
from tests.support.late import MOST_WRITES, STORIES
from tests.support.places import PATIENCE, Place
from tests.support.zombie import zombie

PODS = 4
MAY_MISS = 1
"""Of so many pods, what their Deployment's own roll-out takes away: a quarter."""


@dataclass(frozen=True, slots=True)
class Kill:
    """In `story`, the deployer of the step after `done` others dies before its `nth` write. `back`: then comes the order."""

    story: str
    done: int
    nth: int
    back: bool = False
    routed: bool = True

    @property
    def workload(self) -> Workload:
        return WORKLOAD if self.routed else ROUTELESS

    @property
    def granted(self) -> Action:
        return STORIES[self.story][self.done][0]

    @property
    def may_miss(self) -> int:
        """A clone makes up for what a roll-out takes away, but for a pilot's, and where production is taken back as well."""
        rolls_alone = self.story in {"rolling", "pilot"} or (self.back and self.granted is Action.DEPLOY)
        return MAY_MISS if rolls_alone else 0


def every() -> Iterator[Kill]:
    """Each write of each step of each strategy, and some that a step does not come to."""
    for story, routed, back in itertools.product(STORIES, (True, False), (False, True)):
        for done, nth in itertools.product(range(len(STORIES[story])), range(1, MOST_WRITES + 1)):
            yield Kill(story, done, nth, back, routed)


async def survives(place: Place, kill: Kill) -> str | None:
    """What the dead deployer was about to write; None if it came to no such write. AssertionError if anything was wrong."""
    async with changing(place, kill.workload, PODS) as region, zombie() as victim:
        grants = list(region.grants(STORIES[kill.story]))
        for granted in grants[: kill.done]:
            await _done(region, granted)
        mark = await region.seen.now()
        await victim.begins(place.region("eu-west"), grants[kill.done], nth=kill.nth)
        if victim.stopped is None:
            return None
        await victim.is_killed()
        if kill.back:
            answer = await region.back()
            assert answer == {"outcome": "rolled-back", "digest": RUNS}
        else:
            for granted in grants[kill.done :]:
                await _done(region, granted)
        await region.is_at_rest(RUNS if kill.back else GOOD)
        await _is_sound(region, kill, mark)
        return victim.stopped


async def _done(region: Changing, granted: Granted) -> None:
    answer = await region.west.step(granted, PATIENCE)
    assert answer["outcome"] in {"piloted", "probed", "deployed"}, answer


async def _is_sound(region: Changing, kill: Kill, mark: int) -> None:
    fewest = await region.fewest()
    assert fewest >= PODS - kill.may_miss, f"{fewest} of {PODS} pods were ready"
    granted = (
        STORIES[kill.story][kill.done : kill.done + 1] if kill.back else STORIES[kill.story][kill.done :]
    )
    if not kill.routed and granted[-1][0] is Action.DEPLOY:
        return  # pods are the share, and those of production come and go in its roll-out
    before, *after = [sample.share for sample in await region.seen.samples(since=mark)]
    most = max([before, *(share for _, share in granted if share is not None)])
    assert max(after) <= most, f"{max(after)} went to a clone, and {most} is the most that was granted"
