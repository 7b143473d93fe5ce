"""Evidence of a region whose rollout is over, beside regions that are not deployed yet, with a reference before it."""

from typing import Any

import numpy as np

from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.regions import Regions
from lockgate.verifier.statistics.verification import Verification

WATCH, WINDOWS, ROLLOUT = 20, 9, 4
BEGAN = WATCH * WINDOWS
START = BEGAN + ROLLOUT
POLICY = {"deadline": WATCH, "soak": 12, "min_strata": 5, "stale": 10}
BOUNDS = [0.01, 0.1, 0.5]


def watched(
    seed: int,
    *,
    errors: float = 1.0,
    slower: float = 1.0,
    usual: float = 1.6,
    cpu: float = 1.0,
    requests: float = 1000,
) -> Any:
    """`errors`, `slower` and `cpu`: factors since the rollout; `usual`: how many more errors the region has anyway. Both
    have the same incidents; the region drifts a little by itself. `requests`: of a pod in a scrape.
    """
    rng = np.random.default_rng((5, seed))
    length = START + WATCH
    shared = np.exp(_waves(rng, length, 0.3))
    own = np.exp(_waves(rng, length, 0.05))
    after = np.arange(length) >= BEGAN
    rate = 0.01 * shared * usual * own * np.where(after, errors, 1.0)
    slow = 0.05 * np.where(after, slower, 1.0)
    pods = [
        _pod(rng, f"b-{index}", "baseline", 0.01 * shared, np.full(length, 0.05), slice(None), usual=requests)
        for index in range(4)
    ]
    level = np.where(after, cpu, 1.0) * 1.4
    pods += [
        _pod(rng, f"{name}-{index}", "pilot", rate, slow, rows, level, usual=requests)
        for name, rows in (("old", slice(0, BEGAN)), ("new", slice(BEGAN, None)))
        for index in range(2)
    ]
    return {
        "schema": "lockgate.evidence/1",
        "scrape_seconds": 60,
        "start": START,
        "weight": [0.0] * START + [1 / 3] * WATCH,
        "bounds": BOUNDS,
        "policy": dict(POLICY),
        "pods": pods,
    }


LONE_BEGAN = 60 + 23 * WATCH
LONE_START = LONE_BEGAN + ROLLOUT


def lonely(
    seed: int,
    *,
    errors: float = 1.0,
    slower: float = 1.0,
    cpu: float = 1.0,
    scrapes: int = WATCH,
    watch: int = WATCH,
) -> Any:
    """A region of three pods with nothing beside it, after 23 watches without any deployment."""
    rng = np.random.default_rng((6, seed))
    began = 60 + 23 * watch
    start = began + ROLLOUT
    length = start + scrapes
    after = np.arange(length) >= began
    rate = 0.01 * np.exp(_waves(rng, length, 0.15)) * np.where(after, errors, 1.0)
    slow, level = 0.05 * np.where(after, slower, 1.0), np.where(after, cpu, 1.0)
    return {
        "schema": "lockgate.evidence/1",
        "scrape_seconds": 60,
        "start": start,
        "weight": [1.0] * length,
        "bounds": BOUNDS,
        "policy": dict(POLICY),
        "pods": [_pod(rng, f"p-{index}", "pilot", rate, slow, slice(None), level) for index in range(3)],
    }


_TIMES = [0.3, 0.2, 0.4, 0.08, 0.012, 0.006, 0.002]
"""How many requests come into each bucket."""


def busy(seed: int, scrapes: int) -> Any:
    """A region of a pod with a lot of traffic beside two others, of which nothing can be shown in so many scrapes: what is
    measured of it takes as many digits as it ever does.
    """
    rng = np.random.default_rng((7, seed))
    start = 6 * scrapes + ROLLOUT
    length = start + scrapes
    policy = {"deadline": scrapes, "soak": scrapes, "min_strata": 3, "stale": 5, "err_margin": 1.06}
    pods = []
    for arm, name in (("baseline", "b-0"), ("baseline", "b-1"), ("pilot", "p-0")):
        buckets = np.cumsum(rng.multinomial(300_000, _TIMES, length), 1)
        errors = rng.binomial(buckets[:, -1], 0.01 * np.exp(_waves(rng, length, 0.1)))
        counts = {"requests": buckets[:, -1], "errors": errors, "buckets": buckets}
        pods.append(
            {"name": name, "arm": arm, **{key: np.cumsum(one, 0).tolist() for key, one in counts.items()}}
        )
    return {
        "schema": "lockgate.evidence/1",
        "scrape_seconds": 60,
        "start": start,
        "weight": [0.0] * start + [1.0] * scrapes,
        "bounds": [0.01, 0.05, 0.1, 0.5, 1.0, 2.5],
        "policy": policy,
        "pods": pods,
    }


def _waves(rng: np.random.Generator, length: int, sd: float) -> Any:
    steps = rng.normal(0, sd, length)
    for i in range(1, length):
        steps[i] = 0.9 * steps[i - 1] + 0.43 * steps[i]
    return steps


def _pod(  # noqa: PLR0917  # a pod is flat
    rng: np.random.Generator,
    name: str,
    arm: str,
    rate: Any,
    slow: Any,
    rows: slice,
    level: Any = 1.0,
    usual: float = 1000,
) -> dict[str, Any]:
    length = len(rate)
    requests = rng.poisson(usual, length)
    errors, tail = rng.binomial(requests, rate), rng.binomial(requests, slow)
    fast = rng.binomial(requests - tail, 0.6)
    cpu = 100.0 * level * np.exp(rng.normal(0, 0.03, length))
    there = np.zeros(length, bool)
    there[rows] = True
    counts = {
        "requests": np.cumsum(requests).tolist(),
        "errors": np.cumsum(errors).tolist(),
        "buckets": np.cumsum(np.stack((requests // 100, fast, requests - tail, requests), 1), 0).tolist(),
    }
    nulled = {
        key: [one if seen else None for one, seen in zip(v, there, strict=True)] for key, v in counts.items()
    }
    gauge = [one if seen else None for one, seen in zip(cpu.tolist(), there, strict=True)]
    return {"name": name, "arm": arm, **nulled, "gauges": {"cpu": gauge}}


def watch(given: Any) -> Verification:
    parsed = parse(given)
    run = Verification.of(parsed, BEGAN)
    run.fold(parsed)
    return run


def together(given: dict[str, Any]) -> Regions:
    parsed = {name: parse(one) for name, one in given.items()}
    run = Regions.of(parsed, dict.fromkeys(parsed, BEGAN))
    run.fold(parsed)
    return run
