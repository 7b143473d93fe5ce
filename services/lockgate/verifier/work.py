"""The verifier's slow work: measuring a pilot. Reads Prometheus, reports counts, decides nothing.

A run begins at the start of the verification, whenever it is run: it asks for the slices that lie in the past at once,
one after the other, and then for each slice as it ends. So a run that was killed loses nothing and doubles nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lockgate.verifier.core.measure import PATIENCE, Counted, Measure, Unavailable
from lockgate.verifier.presets import PRESETS, Preset, query, scrapes
from lockgate.verifier.prometheus import Prometheus, Samples, open_prometheus
from lockgate.verifier.prometheus import Unavailable as NoAnswer
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.strata import Strata

Report = Callable[[dict[str, Any]], Awaitable[None]]
WorkFunction = Callable[[dict[str, Any], Report], Awaitable[dict[str, Any]]]

ANCHOR = 4
"""So many intervals before the start are asked for as well: a pod's last sample there is where it counts from."""


@asynccontextmanager
async def open_work(settings: Settings) -> AsyncIterator[Mapping[str, WorkFunction]]:
    async with open_prometheus(settings) as prometheus:

        async def measure(body: dict[str, Any], report: Report) -> dict[str, Any]:
            return await Measuring(Measure.model_validate(body), prometheus).run(report)

        yield {"measure": measure}


@dataclass(slots=True)
class Measuring:
    """One run of one order. `patience`: seconds after the end for metrics that do not answer then."""

    order: Measure
    prometheus: Prometheus
    patience: float = PATIENCE
    strata: dict[str, Strata] = field(init=False)
    done: dict[str, float] = field(init=False)
    """Up to where each region was read, in seconds since the start."""

    def __post_init__(self) -> None:
        self.strata = {region: Strata() for region in self.order.regions}
        self.done = dict.fromkeys(self.order.regions, -ANCHOR * self.order.interval)

    async def run(self, report: Report) -> dict[str, Any]:
        """Reports each slice; returns the last report. Metrics that do not answer are asked again and reported."""
        preset = PRESETS.get(self.order.preset)
        if preset is None:
            return _dump(Unavailable(reason=f"there is no metric preset {self.order.preset!r}"))
        edges, problem = self._edges(), ""
        while edges:
            await asyncio.sleep(max(edges[0] - self._now(), 0.0))
            said = await self._read(preset, edges[0])
            if isinstance(said, Counted):
                edges, problem = edges[1:], ""
                if not edges:
                    return _dump(said)
                if (
                    said.until > 0 and self._now() < edges[0]
                ):  # not for each slice of a past that is caught up
                    await report(_dump(said))
            elif self._now() > self.order.duration + self.patience:
                return _dump(said)
            else:
                if said.reason != problem:
                    await report(_dump(said))
                problem = said.reason
                await asyncio.sleep(self.order.interval)
        return _dump(Unavailable(reason="the verification has no duration"))

    def _edges(self) -> list[float]:
        """The ends of the slices, in seconds since the start: 0 first, for the anchors, and the end last."""
        size, duration = self.order.slice, self.order.duration
        whole = [size * number for number in range(int(duration / size) + 1)]
        return [*(edge for edge in whole if edge < duration), duration]

    async def _read(self, preset: Preset, edge: float) -> Counted | Unavailable:
        for region in self.order.regions:
            if (problem := await self._read_region(preset, region, edge)) is not None:
                return Unavailable(reason=f"region {region}: {problem}")
        closed = {region: tuple(strata.closed) for region, strata in self.strata.items()}
        return Counted(until=edge, strata=closed)

    async def _read_region(self, preset: Preset, region: str, edge: float) -> str | None:
        """Reads a region up to the edge, unless it was read so far already; what is wrong if it cannot be."""
        window, pods = edge - self.done[region], self.order.regions[region]
        if window <= 0:
            return None
        try:
            chosen = query(preset, region, pods)
        except ValueError as error:
            return str(error)
        match await self.prometheus.raw(chosen, self.order.since.timestamp() + edge, window):
            case Samples(series=series):
                self.strata[region].slice(edge, scrapes(preset, pods, series))
                self.done[region] = edge
                return None
            case NoAnswer(reason=reason):
                return reason

    def _now(self) -> float:
        """Seconds since the start of the verification."""
        return (datetime.now(UTC) - self.order.since).total_seconds()


def _dump(said: Counted | Unavailable) -> dict[str, Any]:
    return said.model_dump(mode="json")
