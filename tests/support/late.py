"""Deployers that are late: one stops right before a write, another does something newer, and then the first one wakes.

What was written after that moment is read from watches on the API server. Nobody may have: the newer one is done, and
whatever the late one still does is old.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.deployer.objects import uid_of
from lockgate.messages.rollbacks import RollbackOrdered
from lockgate.messages.values import Fence, Workload
from lockgate.messages.verdicts import Action, Granted
from tests.support.changing import BLUE_GREEN, GOOD, RUNS, Changing, Steps, canary, changing
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import ROUTELESS, WORKLOAD, artifact, grant, order
from tests.support.places import PATIENCE, Place
from tests.support.watched import Watched
from tests.support.zombie import Zombie

NEXT = digest(number=3)
PODS = 2

STORIES: dict[str, Steps] = {
    "rolling": ((Action.DEPLOY, None),),
    "pilot": ((Action.PILOT, 0.5), (Action.DEPLOY, None)),
    "canary": canary(0.25, 0.5),
    "blue-green": BLUE_GREEN,
}
NEWER = ("release", "pilot", "turn", "retry")
"""What another does meanwhile: the next release or its pilot, the order to go back, or the same step granted again."""

MOST_WRITES = 7
"""No step has more."""


@dataclass(frozen=True, slots=True)
class Late:
    """In `story`, the step after `done` others sleeps before its `nth` write like `before`; `done` beyond all: the order."""

    story: str
    done: int
    newer: str
    before: str = ""
    nth: int = 1
    routed: bool = True

    @property
    def workload(self) -> Workload:
        return WORKLOAD if self.routed else ROUTELESS


def drawn(seed: int) -> Iterator[Late]:
    """The late ones of a seed, without an end; some sleep before a write that never comes."""
    chance = random.Random(seed)
    while True:
        story = chance.choice(list(STORIES))
        done = chance.randint(0, len(STORIES[story]))
        newer = [each for each in NEWER if done < len(STORIES[story]) or each != "turn"]
        yield Late(
            story,
            done,
            chance.choice(newer),
            nth=chance.randint(1, MOST_WRITES),
            routed=chance.random() < 0.6,
        )


async def comes_late(place: Place, zombie: Zombie, late: Late) -> str | None:
    """What the late deployer was about to write; None if it came to no such write. AssertionError if it did harm."""
    async with changing(place, late.workload, PODS) as region:
        grants = list(region.grants(STORIES[late.story]))
        for granted in grants[: late.done]:
            await _steps(region, granted)
        asked = grants[late.done] if late.done < len(grants) else _back("7.2.1", late)
        await zombie.begins(place.region("eu-west"), asked, before=late.before, nth=late.nth)
        if zombie.stopped is None:
            return None
        await _overtaken(region, asked, late)
        mark = await region.seen.now()
        answer = await zombie.wakes()
        assert answer["outcome"] == "fenced", (zombie.stopped, answer)
        found = await harm(region.seen, mark)
        assert found == [], f"it had stopped before {zombie.stopped}: {found}"
        return zombie.stopped


async def harm(seen: Watched, since: int) -> list[str]:
    """What a late one did after the version `since`, as the watches have it.

    Nothing stands in the way of making an object, so a clone may come late. It may not be there any more when its maker has
    answered, and nobody may have been sent to it meanwhile.
    """
    writes = await seen.written(since=since)
    uids = {
        event: {uid_of(each.obj) for each in writes if each.event == event} for event in ("ADDED", "DELETED")
    }
    withdrawn = uids["ADDED"] & uids["DELETED"]
    found = [str(each) for each in writes if uid_of(each.obj) not in withdrawn and not each.is_first_contact]
    before, *after = await seen.samples(since=since)
    if (most := max((each.share for each in after), default=0.0)) > before.share:
        found.append(f"the share of clones rose from {before.share} to {most}")
    return found + await fallen(seen)


async def _overtaken(region: Changing, asked: Granted | RollbackOrdered, late: Late) -> None:
    """Another deployer does what is newer, to its end."""
    if late.newer == "turn":
        await _goes_back(region, _back("7.2.1", late))
    elif late.newer == "retry":
        if isinstance(asked, RollbackOrdered):
            await _goes_back(region, _back("7.2.2", late))
        else:
            await _steps(region, asked.model_copy(update={"fence": grant("7.0.9").fence, "attempt": 2}))
    else:
        action, share = (Action.PILOT, 0.5) if late.newer == "pilot" else (Action.DEPLOY, None)
        given = {"release": "release-8", "artifact": artifact(NEXT), "workload": late.workload}
        await _steps(region, grant("8.0.1", action, share=share, **given))
        if late.newer == "release":
            await region.is_at_rest(NEXT)


async def _steps(region: Changing, granted: Granted) -> None:
    answer = await region.west.step(granted, PATIENCE)
    assert answer["outcome"] in {"deployed", "piloted", "probed"}, answer


async def _goes_back(region: Changing, ordered: RollbackOrdered) -> None:
    answer = await region.west.order(ordered, touched=True, seconds=PATIENCE)
    assert answer == {"outcome": "rolled-back", "digest": RUNS}
    await region.is_at_rest(RUNS)


def _back(at: str, late: Late) -> RollbackOrdered:
    return order(at, digest=RUNS, bad=GOOD, workload=late.workload)


async def fallen(seen: Watched) -> list[str]:
    """Each fence that was lower after a write than before it, as the watches have it."""
    live: dict[tuple[str, str], dict[str, Fence]] = {}
    found = []
    for write in await seen.written():
        before = live.pop((write.kind, write.name), {})
        if write.event == "DELETED":
            continue
        live[write.kind, write.name] = fences = write.fences
        found += [
            f"{write.kind} {write.name}: {key} fell from {fence} to {fences.get(key)}"
            for key, fence in before.items()
            if key not in fences or fences[key].order < fence.order
        ]
    return found
