"""A hostile run from its beginning to its end: good announcements alone, then among hostile records, then the checks."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import psutil  # type: ignore[import-untyped]  # psutil ships no types

from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted, ReleaseQueued, ReleaseSuperseded
from tests.support.eventually import eventually
from tests.support.hostile_check import (
    answers,
    everything_wrong,
    letters_written,
    percentile,
    seconds,
    watched,
)
from tests.support.hostile_run import Drawn, writing
from tests.support.plans import REST, watch, wave
from tests.support.story import Story
from tests.support.whole import Whole

APPLICATIONS = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How much is written: good announcements alone and mixed, a second; hostile records among the latter.

    In so many rounds of alone and mixed, so that whatever else the machine does weighs on both.
    """

    alone: int
    mixed: int
    rate: float
    hostile: int
    patience: float = 90.0
    """Seconds until everything that was written is dealt with."""
    rounds: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """`wrong` are sentences. Times are those of the good announcements' answers, in seconds."""

    figures: dict[str, Any]
    wrong: list[str]


async def hostile_run(
    whole: Whole, size: Size, seed: int, source: Callable[[Random], Iterator[Drawn]]
) -> Outcome:
    """The whole run. The services must be the same processes at its end, and ready."""
    good, hostile = Random(f"{seed} good"), Random(f"{seed} hostile")  # neither's pace changes the other
    stories = [whole.story("target") for _ in range(APPLICATIONS)]
    for story in stories:
        await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch())
    before = {name: child.pid for name, child in whole.local.children.items()}
    async with writing(whole, good, hostile, [story.application for story in stories]) as writer:
        drawn, worked = source(hostile), _worked(whole)
        for _ in range(size.rounds):
            await writer.alone(size.alone // size.rounds, size.rate)
            await writer.mixed(size.mixed // size.rounds, size.rate, drawn, size.hostile // size.rounds)
    written = writer.written
    wrong: list[str] = []
    try:
        await letters_written(whole, written.hostile, size.patience)
        await _ended(stories, size.patience)
    except AssertionError as error:
        wrong.append(str(error))
    found = await answers(whole, written.hostile)
    wrong += await everything_wrong(whole, written, found)
    try:
        await watched(whole, stories[0].application)
    except AssertionError as error:
        wrong.append(f"the command line: {error}"[:1000])
    wrong += await _processes(whole, before)
    alone, mixed = seconds(found, written.alone), seconds(found, written.mixed)
    figures: dict[str, Any] = {
        "hostile": len(written.hostile),
        "kinds": len({sent.kind for sent in written.hostile}),
        "fates": dict(sorted(Counter(str(sent.fate) for sent in written.hostile).items())),
        "good_alone": len(alone),
        "good_mixed": len(mixed),
        "rounds": size.rounds,
        "good_per_second": size.rate,
        "hostile_per_second": round(size.hostile / (size.mixed / size.rate)),
        **{
            f"{name}_{label}_ms": round(1000 * percentile(times, part))
            for name, times in (("alone", alone), ("mixed", mixed))
            for label, part in (("p50", 0.5), ("p99", 0.99))
        },
        "cpu_seconds": {name: round(now - worked[name], 1) for name, now in _worked(whole).items()},
        "p99_ratio": round(percentile(mixed, 0.99) / max(0.001, percentile(alone, 0.99)), 2),
    }
    return Outcome(figures, wrong)


def _worked(whole: Whole) -> Mapping[str, float]:
    """Seconds of a core that each process has used so far."""
    times = {name: psutil.Process(child.pid).cpu_times() for name, child in whole.local.children.items()}
    return {name: used.user + used.system for name, used in times.items()}


async def _ended(stories: list[Story], within: float) -> None:
    """Every release that was queued meanwhile has an end."""

    def over(story: Story) -> bool:
        ends = (ReleaseCompleted, ReleaseClosed, ReleaseSuperseded)
        ended = sum(len(story.heard(kind)) for kind in ends)
        queued = len(story.heard(ReleaseQueued))
        assert ended == queued > 0, (
            f"{story.application}: {ended} of {queued} releases have ended\n{story.so_far()}"
        )
        return True

    for story in stories:
        await eventually(lambda story=story: over(story), within=within)  # type: ignore[misc]  # mypy cannot infer it


async def _processes(whole: Whole, before: dict[str, int]) -> list[str]:
    """Every process is the one that it was, and ready."""
    wrong = []
    for name, child in whole.local.children.items():
        if not child.running or child.pid != before.get(name):
            wrong.append(f"{name} ended or was started anew; its log is {child.log}")
        elif name != "sandbox" and not await asyncio.to_thread(child.ready):
            wrong.append(f"{name} is not ready")
    return wrong
