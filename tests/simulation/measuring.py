"""The verifier's work in the simulated world: what is measured of a pilot, by the kind of version."""

import json
from functools import cache
from typing import Any

from lockgate.verifier.core.measure import Counted, Measure, Unavailable
from lockgate.verifier.statistics.evidence import Evidence, parse
from lockgate.verifier.statistics.record import settled, told
from lockgate.verifier.statistics.verification import Verification
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Runs
from tests.simulation.surroundings import Surroundings, Work
from tests.support.verification import PER_SCRAPE, PILOT_PER_SCRAPE, pod, steady

MANY = 100
"""So many times the traffic of `tests.support.verification` that ten scrapes are enough to pass."""
DIGEST = "0" * 64
"""Of the samples, which nobody keeps here."""


def measure(around: Surroundings, order: Measure) -> Work:
    """Scrape by scrape, from the start whenever it is run, as the real work does."""
    since, dark, done = around.seconds(order.since), 0.0, 0
    evidence = _evidence(_kind(around, order), order.scrapes, json.dumps(order.policy))
    run, verification = f"{around.clock():.6f}", Verification.of(evidence)
    while True:
        yield max(since + (done + 1) * order.step - around.clock(), 0.0)
        if not around.metrics():
            dark = dark or around.clock()
            no_answer = Unavailable(reason="Prometheus does not answer").model_dump(mode="json")
            if around.clock() > dark + order.metrics.outage:
                return no_answer
            yield no_answer
            yield 60.0
            continue
        first, dark = done, 0.0
        done = min(int((around.clock() - since) / order.step + 1e-6), order.scrapes)
        said = _counted(verification, evidence, run, first, done)
        if said.digest is not None:
            return said.model_dump(mode="json")
        yield said.model_dump(mode="json")


def _counted(verification: Verification, evidence: Evidence, run: str, first: int, end: int) -> Counted:
    assert verification.measuring is not None
    block = verification.measuring.fold(evidence, evidence.start + end)
    over = verification.judge(block).verdict != "running"
    return Counted(
        run=run,
        first=first,
        end=end,
        settled=settled(verification.setup) if first == 0 else None,
        told=told(verification.setup, block),
        digest=DIGEST if over else None,
    )


def _kind(around: Surroundings, order: Measure) -> Kind:
    clusters = around.clusters[order.region].runs.items()
    runs = (runs for name, runs in clusters if order.pods.pilot.startswith(name))
    return around.kind_of(next(runs, Runs()).share)


@cache
def _evidence(kind: Kind, scrapes: int, policy: str) -> Evidence:
    evidence = steady(scrapes, policy=json.loads(policy))
    length, worse = len(evidence["weight"]), 40 if kind is Kind.BAD_PILOT else 1
    evidence["pods"] = [pod(f"b-{index}", "baseline", _times(PER_SCRAPE, 1), length) for index in range(3)]
    if kind is not Kind.UNMEASURED:
        evidence["pods"].append(pod("p-0", "pilot", _times(PILOT_PER_SCRAPE, worse), length))
    return parse(evidence)


def _times(step: dict[str, Any], worse: int) -> dict[str, Any]:
    return {
        "requests": MANY * step["requests"],
        "errors": MANY * worse * step["errors"],
        "buckets": [MANY * count for count in step["buckets"]],
    }
