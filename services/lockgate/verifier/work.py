"""The verifier's slow work: measuring one region, and `asking` a check. Reads Prometheus, reports what was measured.

A run begins at the history before the start, whenever it is run: it asks for what lies in the past at once, some
scrapes at a time, and then for each scrape when it is over. So a run that was killed loses nothing; that it doubles
nothing is said in `core.measure`. Each metric is asked for once a scrape, unless there was no answer.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

from lockgate.verifier.asking import open_asking
from lockgate.verifier.core.checks import Ask
from lockgate.verifier.core.measure import Counted, Measure, Unavailable
from lockgate.verifier.gathering import BOTH, Gathering
from lockgate.verifier.grid import Grid
from lockgate.verifier.presets import Preset, preset_of, query
from lockgate.verifier.prometheus import Prometheus, Samples, Series, open_prometheus
from lockgate.verifier.prometheus import Unavailable as NoAnswer
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.evidence import BASELINE, PILOT
from lockgate.verifier.telling import Telling, WithHistory, telling, too_far

Report = Callable[[dict[str, Any]], Awaitable[None]]
WorkFunction = Callable[[dict[str, Any], Report], Awaitable[dict[str, Any]]]

AT_ONCE = 12
"""So many scrapes of the past are asked for together, which bounds the answer; fewer if it was too large."""
AGAIN = 300.0
"""Seconds after which a problem is told again, so that the core knows that it is still measured."""
READERS = 4
"""So many regions read a long time before the release at once in a process: days of samples, which take memory and a core."""
ONCE_MORE = 60.0
"""Seconds after which such a history is read once more, if it had too little: Prometheus may have just been started."""
LATEST = 5.0
"""Seconds that a sample may take to be found, if the plan does not say how many; a quarter of the scrape interval if that
is less.
"""


_READING = Unavailable(reason="what lies in the past is read still", reading=True).model_dump(mode="json")
_LENT = Unavailable(
    reason="nothing was known of the past, and the first scrapes stand in for it", reading=True
)


@asynccontextmanager
async def open_work(settings: Settings) -> AsyncIterator[Mapping[str, WorkFunction]]:
    async with open_prometheus(settings) as prometheus, open_asking(settings) as asking:
        turns = asyncio.Semaphore(READERS)

        async def measure(body: dict[str, Any], report: Report) -> dict[str, Any]:
            return await Measuring(Measure.model_validate(body), prometheus, turns).run(report)

        async def ask(body: dict[str, Any], report: Report) -> dict[str, Any]:
            return await asking(Ask.model_validate(body)).run(report)

        yield {"measure": measure, "ask": ask}


@dataclass(slots=True)
class Measuring:
    """One run of one order. Scrapes are numbered as in evidence."""

    order: Measure
    prometheus: Prometheus
    turns: asyncio.Semaphore = field(default_factory=asyncio.Semaphore)
    """Of those that read a long history."""
    preset: Preset = field(init=False)
    gathering: Gathering = field(init=False)
    telling: Telling = field(init=False)
    name: str = field(default_factory=partial(secrets.token_hex, 8))
    at: int = 0
    """The first scrape that was not read yet."""
    at_once: int = AT_ONCE
    seen: bool = False
    """Whether there ever were samples."""
    looked_again: bool = False
    """Whether the history was read once more, since there was none."""
    problem: Unavailable | None = None
    """Why nothing can be measured just now, as it was reported last."""
    dark: float = 0.0
    """Since when, in seconds since the start."""
    reported: float = 0.0
    """When it was reported last, likewise."""

    def __post_init__(self) -> None:
        self.preset = preset_of(self.order.metrics)
        self._from_the_beginning()

    def _from_the_beginning(self) -> None:
        self.gathering = Gathering(self.order, self.preset)
        self.telling = telling(self.gathering)
        self.at = 0

    @property
    def grid(self) -> Grid:
        return self.gathering.grid

    @property
    def late(self) -> float:
        """Seconds that a sample may take to be found."""
        metrics = self.order.metrics
        return metrics.late or min(metrics.interval / 4, LATEST)

    async def run(self, report: Report) -> dict[str, Any]:
        """Reports each scrape, and what is wrong when nothing can be measured: at once, and every `AGAIN` seconds; returns the
        report with which a verdict is reached, however long that takes, or that there will never be one.
        """
        if (never := too_far(self.order)) is not None:
            return never.model_dump(mode="json")
        if isinstance(self.telling, WithHistory):
            await self._history(report, self.telling)
        while (last := await self._step(report)) is None:
            pass
        return last

    async def _step(self, report: Report) -> dict[str, Any] | None:
        await asyncio.sleep(self._over(self.at) - self._now())
        match await self._next():
            case None:
                pass
            case Counted(digest=digest) as said:
                self.problem = None
                if digest is not None:
                    return said.model_dump(mode="json")
                await report(said.model_dump(mode="json"))
            case Unavailable(for_good=True) as said:
                return said.model_dump(mode="json")
            case Unavailable(reading=True) as said:
                self.problem = None
                await report(said.model_dump(mode="json"))
            case Unavailable(reason=reason):
                if (news := self._away(reason)) is not None:
                    await report(news.model_dump(mode="json"))
                await asyncio.sleep(self.order.metrics.interval)
        return None

    async def _history(self, report: Report, telling: WithHistory) -> None:
        """Reads the long history of a watch or a wave; one that has too little, once more: it may be there a minute later."""
        await self._read_history(report)
        if not await asyncio.to_thread(telling.knows):
            await report(_READING)
            await asyncio.sleep(ONCE_MORE)
            self._from_the_beginning()
            await self._read_history(report)

    async def _read_history(self, report: Report) -> None:
        """Once there is room for another reader. Says every `AGAIN` seconds that it is at it."""
        while not await self._has_turn():
            await report(_READING)
        try:
            said = self._now()
            while self.at < self.grid.history:
                await self._step(report)
                if self._now() - said >= AGAIN:
                    said = self._now()
                    await report(_READING)
        finally:
            self.turns.release()

    async def _has_turn(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN):
                return await self.turns.acquire()
        return False

    async def _next(self) -> Counted | Unavailable | None:
        """Reads what lies in the past; None until all of it is read, and while there is nothing new to judge."""
        past = max(self.at, self._past())
        end, asked = min(self.at + self.at_once - 1, past), self.at_once
        if self.at < self.grid.history:
            end = min(end, self.grid.history - 1)  # what comes next may be much later
        if (problem := await self._read(self.at, end, newest=end == past)) is not None:
            return Unavailable(reason=problem) if self.at_once == asked else None
        self.at = end + 1
        if end < past or end < self.grid.start or self._looks_again():
            return None
        return await asyncio.to_thread(self._judged, end)

    def _looks_again(self) -> bool:
        """Once, where a pilot seems to have no history: a Prometheus that was starting may have it by now."""
        if self.looked_again or not self.gathering.lent or not self.gathering.compared:
            return False
        self.looked_again = True
        self._from_the_beginning()
        return True

    def _away(self, reason: str) -> Unavailable | None:
        """The report of a problem; None if it was reported lately."""
        now, before = self._now(), self.problem
        self.dark = now if before is None else self.dark
        self.problem = Unavailable(reason=reason, too_long=now - self.dark > self.order.metrics.outage)
        if self.problem == before and now - self.reported < AGAIN:
            return None
        self.reported = now
        return self.problem

    async def _read(self, first: int, last: int, *, newest: bool) -> str | None:
        """Reads these scrapes; what is wrong if they cannot be read."""
        found: dict[str, tuple[Series, ...]] = {}
        until = self.grid.edge(last)
        forms = self._forms()
        for metric in dict.fromkeys(chain.from_iterable(forms)):
            try:
                chosen = query(self.preset, metric, self.order)
            except ValueError as error:
                return str(error)
            match await self.prometheus.raw(chosen, until, (last - first + 1) * self.order.step):
                case Samples(series=series):
                    native = metric == self.preset.native
                    found[metric] = tuple(one for one in series if (one.histograms if native else one.points))
                case NoAnswer(reason=reason, too_large=too_large):
                    if too_large and first < last:
                        self.at_once = (last - first + 1) // 2
                    return reason
        lacking = [[metric for metric in form if not found[metric]] for form in forms]
        # that of which most is there; where there is nothing of either, the one that was there before
        form, empty = min(
            zip(forms, lacking, strict=True),
            key=lambda one: (one[0] == tuple(one[1]), len(one[1]) % len(one[0])),
        )
        if self._is_away(len(empty), len(form), last, newest=newest):
            return f"there are no newer samples of {' and '.join(empty)}"
        self.seen = self.seen or not empty
        await asyncio.to_thread(self.gathering.take, first, last, chain.from_iterable(found.values()))
        return None

    def _forms(self) -> Sequence[tuple[str, ...]]:
        """The metrics of each form of the histogram. Where nothing is to be read just now, it may have become the other one."""
        forms, there = self.preset.forms, self.gathering.forms
        first = sorted(forms, key=lambda form: form not in there)
        return [forms[form] for form in first if form in there or self.problem is not None]

    def _is_away(self, empty: int, metrics: int, last: int, *, newest: bool) -> bool:
        """Whether empty answers are an outage, and no gap: of all metrics after there was something, or of one of them.

        What the history does not have may never have been there, and what comes after a gap is to be read.
        """
        if empty == metrics:
            return self.seen and newest
        return empty > 0 and last >= self.grid.start and newest

    def _judged(self, newest: int) -> Counted | Unavailable | None:
        """What the scrapes come to that are not reported yet. Where other pods came, all of them."""
        scrapes = min(self.gathering.scrapes, self.order.scrapes)
        if not scrapes and newest in self.gathering.compared:
            return _LENT
        if scrapes and scrapes == self.telling.end:
            return self._uncompared(newest)
        if (missing := self.gathering.missing) is not None:
            return Unavailable(reason=missing)
        return self.telling.tell(self.name, scrapes) if scrapes else self._uncompared(newest)

    def _uncompared(self, newest: int) -> Unavailable | None:
        """There is no new scrape of all arms. A few are nothing to speak of; they come with the next one."""
        latest = self.gathering.compared[-1] if self.gathering.compared else self.grid.start - 1
        if self.problem is None and newest - latest < self.order.policy["stale"]:
            return None
        named = self.gathering.named
        both = f" of both {named[PILOT]} and {named[BASELINE]}" if self.gathering.arms == BOTH else ""
        return Unavailable(reason=f"no pod{both} was scraped lately")

    def _over(self, index: int) -> float:
        """When the samples of a scrape can be found, in seconds since the start."""
        return self.grid.edge(index) - self.grid.since + self.late

    def _past(self) -> int:
        """The newest scrape whose samples can be found. The history is past."""
        since = self.grid.history + int((self._now() - self.late) // self.order.step)
        return max(since, self.grid.history - 1)

    def _now(self) -> float:
        """Seconds since the start of the verification."""
        return (datetime.now(UTC) - self.order.since).total_seconds()
