"""The traffic that a Prometheus shows of an application now, asked for and read as the verifier does.

The address is the operator's own, never a plan's; what reaches a query passes the verifier's allow-list.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

import numpy as np

from lockgate.cli.power.options import ToMeasure
from lockgate.cli.power.traffic import Array, Latency, Traffic
from lockgate.messages.plan import Plan
from lockgate.verifier.core.measure import HISTORY, Measure, Pods
from lockgate.verifier.gathering import Gathering
from lockgate.verifier.presets import Preset, preset_of, query
from lockgate.verifier.prometheus import Prometheus, Samples, Series, Unavailable, open_prometheus
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.evidence import Evidence, parse
from lockgate.verifier.work import AT_ONCE

LEAST_SEEN: Final = 5
"""Scrapes that have to show something."""


class UnmeasuredError(Exception):
    """Why no traffic could be measured."""


async def measured(plan: Plan, regions: Iterable[str], asked: ToMeasure) -> dict[str, Traffic]:
    """Of each region. UnmeasuredError says of which there is none, and why."""
    now = datetime.now(UTC)
    async with open_prometheus(Settings(prometheus=asked.url)) as prometheus:
        return {region: await _region(_order(plan, region, asked, now), prometheus) for region in regions}


def _order(plan: Plan, region: str, asked: ToMeasure, now: datetime) -> Measure:
    """What the verifier would be told to measure, if all of it were history."""
    workload = plan.workload
    step = max(plan.metrics.interval, asked.since / HISTORY)
    return Measure(
        release="",
        stage="check",
        region=region,
        since=now + timedelta(seconds=step),  # the scrape that ends with it is no history
        began=now,
        step=step,
        scrapes=1,
        history=max(LEAST_SEEN, round(asked.since / step)),
        share=1.0,
        metrics=plan.metrics,
        pods=Pods(
            namespace=asked.namespace,
            pilot="",
            baseline=workload.deployment,
            service=workload.service,
            route=workload.route,
        ),
        policy={},
    )


async def _region(order: Measure, prometheus: Prometheus) -> Traffic:
    preset = preset_of(order.metrics)
    gathering = Gathering(order, preset)
    for first in range(0, order.history, AT_ONCE):
        last = min(first + AT_ONCE, order.history) - 1
        until, window = gathering.grid.edge(last), (last - first + 1) * order.step
        found = [await _asked(preset, metric, order, prometheus, until, window) for metric in preset.every]
        gathering.take(first, last, chain.from_iterable(found))
    if (missing := gathering.missing) is not None:
        raise UnmeasuredError(f"{order.region}: {missing}: correct the namespace, the preset or its labels")
    evidence = gathering.evidence(0)
    if isinstance(evidence, str):
        raise UnmeasuredError(f"{order.region}: {evidence}")
    return traffic_of(parse(evidence), order)


async def _asked(  # noqa: PLR0917  # one question is flat
    preset: Preset, metric: str, order: Measure, prometheus: Prometheus, until: float, window: float
) -> tuple[Series, ...]:
    try:
        chosen = query(preset, metric, order)
    except ValueError as error:
        raise UnmeasuredError(f"{order.region}: {error}") from None
    match await prometheus.raw(chosen, until, window):
        case Samples(series=series):
            return series
        case Unavailable(reason=reason):
            raise UnmeasuredError(f"{order.region}: {reason}")


def traffic_of(evidence: Evidence, order: Measure) -> Traffic:
    """Its mean over the scrapes that follow another one. UnmeasuredError if too few of them show any."""
    seen = np.flatnonzero(evidence.seen.any(axis=1))
    if len(seen) < LEAST_SEEN:
        raise UnmeasuredError(
            f"{order.region}: only {len(seen)} of {order.history} scrapes have samples, and {LEAST_SEEN} are needed"
        )
    both = evidence.seen[1:] & evidence.seen[:-1]
    new = np.where(both[..., None], np.diff(evidence.counters, axis=0), 0.0)
    every = new.sum(axis=(0, 1))
    requests, errors, slower = float(every[0]), float(every[1]), every[2:]
    if requests <= 0:
        raise UnmeasuredError(f"{order.region}: there were no requests: look further back, with --since")
    seconds = float(both.any(axis=1).sum()) * order.step
    within = tuple(float(one) for one in 1.0 - (slower + 0.5) / (requests + 1.0))
    return Traffic(
        requests=requests / seconds,
        errors=errors / requests,
        latency=Latency(evidence.bounds, within),
        bounds=evidence.bounds,
        pods=int(np.median(evidence.seen[seen].sum(axis=1))),
        bursts=bursts(new[..., 0], new[..., 1]),
    )


def bursts(requests: Array, errors: Array) -> float:
    """By moments: how far errors are from what their scrape's rate lets expect, beyond chance. A scrape's rate is that of all its
    pods, so what they share is not in it.

    Both moments are without bias: a square of what was counted has chance in it, so that of what is expected is taken from
    the products of different pods.
    """
    sums, counted = requests.sum(axis=1), errors.sum(axis=1)
    part = requests / np.maximum(sums, 1.0)[:, None]
    twice, thrice = (part**2).sum(axis=1), (part**3).sum(axis=1)
    apart = 1.0 - twice  # 0 where there is only one pod
    beyond = ((errors - part * counted[:, None]) ** 2).sum(axis=1) - counted * apart
    square = (counted**2 - (errors**2).sum(axis=1)) / np.where(apart > 0, apart, np.inf)
    weight = float((square * (twice - 2.0 * thrice + twice**2)).sum())
    return max(0.0, float(beyond.sum()) / weight) if weight > 0 else 0.0
