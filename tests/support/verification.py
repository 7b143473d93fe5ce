"""Evidence of a small production that is the same in every scrape, to be changed by a test where it matters."""

import copy
from collections.abc import Callable
from typing import Any

from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.measured import Block
from lockgate.verifier.statistics.verification import Verification

HISTORY = 30
BOUNDS = [0.025, 0.1, 0.5]
PER_SCRAPE = {"requests": 1000, "errors": 10, "buckets": [10, 600, 950, 1000]}
"""Of each baseline pod. 40 % are slower than 0.1 s and 5 % slower than 0.5 s; 99 % than 0.025 s, too many to compare."""
PILOT_PER_SCRAPE = {"requests": 300, "errors": 3, "buckets": [3, 180, 285, 300]}

Evidence = dict[str, Any]


def steady(scrapes: int = 60, baseline: int = 3, policy: Evidence | None = None) -> Evidence:
    """`scrapes` after the start; all pods count the same in each scrape, so nothing is ever over-dispersed."""
    length = HISTORY + scrapes
    pods = [pod(f"b-{index}", "baseline", PER_SCRAPE, length) for index in range(baseline)]
    pods.append(pod("p-0", "pilot", PILOT_PER_SCRAPE, length))
    return {
        "schema": "lockgate.evidence/1",
        "scrape_seconds": 60,
        "start": HISTORY,
        "weight": [0.0] * HISTORY + [0.1] * scrapes,
        "bounds": list(BOUNDS),
        "policy": policy or {},
        "pods": pods,
    }


def pod(name: str, arm: str, step: dict[str, Any], length: int) -> Evidence:
    """A pod whose counters grow by `step` in each scrape; a pilot's do from the start on."""
    times = [index + 1 if arm == "baseline" else max(index - HISTORY + 1, 0) for index in range(length)]
    return {
        "name": name,
        "arm": arm,
        "requests": [step["requests"] * k for k in times],
        "errors": [step["errors"] * k for k in times],
        "buckets": [[count * k for count in step["buckets"]] for k in times],
    }


def the_pilot(evidence: Evidence) -> Evidence:
    found: Evidence = next(one for one in evidence["pods"] if one["arm"] == "pilot")
    return found


def cut(evidence: Evidence, scrapes: int) -> Evidence:
    """The evidence as it was after so many scrapes since the start."""
    length = evidence["start"] + scrapes
    earlier = copy.deepcopy(evidence)
    earlier["weight"] = earlier["weight"][:length]
    for one in earlier["pods"]:
        for key, value in one.items():
            if isinstance(value, list):
                one[key] = value[:length]
            elif isinstance(value, dict):
                one[key] = {name: series[:length] for name, series in value.items()}
    return earlier


def each_count(evidence: Evidence, change: Callable[[str, int], int]) -> Evidence:
    """The same with each counter changed by pod."""
    changed = copy.deepcopy(evidence)
    for one in changed["pods"]:
        for key in ("requests", "errors"):
            one[key] = [None if value is None else change(one["name"], value) for value in one[key]]
        one["buckets"] = [
            None if row is None else [change(one["name"], value) for value in row] for row in one["buckets"]
        ]
    return changed


def measured(evidence: Evidence) -> Block:
    """What the samples come to, judged by nobody."""
    parsed = parse(evidence)
    run = Verification.of(parsed)
    assert run.measuring is not None
    return run.measuring.fold(parsed, parsed.scrapes)
