"""How long verdicts take, in processor time, so that whatever else the machine does counts little."""

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.record import told
from lockgate.verifier.statistics.state import dump, load
from lockgate.verifier.statistics.verification import Verification, verify
from tests.bench.figures import Figure

AT_ONCE = 1000


def times(given: dict[str, Any]) -> Iterator[Figure]:
    """Milliseconds of processor time for 60 scrapes of 10 pods and 4 metrics, and for one more; and for one more of a
    thousand verifications, which have to be done within an interval of 15 s.
    """
    parsed = parse(given)
    yield Figure("verdict-whole", _usual(lambda: verify(given)), "ms")
    yield Figure("verdict-60-scrapes", _usual(lambda: Verification.of(parsed).fold(parsed)), "ms")
    one, steps = Verification.of(parsed), []
    scrapes = [parse(*_scrape(given, parsed.start + step, one)) for step in range(60)]
    for scrape in scrapes:
        began = time.process_time()
        one.fold(scrape)
        steps.append((time.process_time() - began) * 1000)
    yield Figure("verdict-one-scrape", statistics.median(steps), "ms")
    yield from _together(given)


def _together(given: dict[str, Any]) -> Iterator[Figure]:
    """A thousand at once: each reads one more scrape that has come as JSON, judges it and says what it measured."""
    whole = parse(given)
    history = parse(*_part(given, 0, whole.start))
    runs = [Verification.of(history) for _ in range(AT_ONCE)]
    rounds = []
    for step in range(3):
        raw = _scrape(given, whole.start + step, runs[0])
        began = time.process_time()
        for run in runs:
            run.fold(parse(*raw))
            json.dumps(told(run.setup, run.blocks[-1]))
        rounds.append(time.process_time() - began)
    yield Figure("verdict-1000-at-once", statistics.median(rounds), "s of 15")
    kept = json.dumps(dump(runs[0]))
    yield Figure("verdict-state", len(kept) / 1024, "KiB")
    yield Figure("verdict-state-loading", _usual(lambda: load(json.loads(kept))), "ms")


def _scrape(given: dict[str, Any], at: int, run: Verification) -> tuple[dict[str, Any], int, tuple[str, ...]]:
    """Arguments of `parse` for one scrape alone."""
    return *_part(given, at, at + 1), run.setup.gauges


def _part(given: dict[str, Any], first: int, end: int) -> tuple[dict[str, Any], int]:
    pods = [
        {
            name: {gauge: series[first:end] for gauge, series in value.items()}
            if isinstance(value, dict)
            else value[first:end]
            if isinstance(value, list)
            else value
            for name, value in pod.items()
        }
        for pod in given["pods"]
    ]
    return {**given, "weight": given["weight"][first:end], "pods": pods}, first


def _usual(action: Any) -> float:
    """Milliseconds of processor time, the median of some times."""
    times = []
    for _ in range(20):
        began = time.process_time()
        action()
        times.append((time.process_time() - began) * 1000)
    return statistics.median(times)
