"""Laws of verdicts that hold for any evidence: prefixes, orders, origins, parts, and the same bytes elsewhere."""

import copy
import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.verification import Verification, encode, recompute, verify
from tests.bench.scenarios import by, leak
from tests.bench.traffic import World, evidence
from tests.bench.traffic import steady as level
from tests.support.cdevents import ROOT
from tests.support.verification import HISTORY, cut, each_count, steady, the_pilot

WORLDS = {
    "good": World(),
    "failing": World(error_factor=by(2.5)),
    "slow": World(latency=by(1.2, 20)),
    "leaking": World(memory=leak(0.015), missing=0.1),
    "full of gaps": World(missing=0.45),
    "bursty": World(bursty=True, real=False),
    "a third": World(share=level(1 / 3), missing=0.1),
}
ELSEWHERE = [
    {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4 ASIMDHP"},
    {"OPENBLAS_NUM_THREADS": "3", "PYTHONHASHSEED": "5", "TZ": "Pacific/Chatham"},
]
AGAIN = """
import json, sys
from lockgate.verifier.statistics.verification import encode, recompute, verify
given = json.loads(sys.stdin.buffer.read())
sys.stdout.buffer.write(encode({"verify": verify, "recompute": recompute}[sys.argv[1]](given)))
"""

any_world = pytest.mark.parametrize("name", WORLDS)


@cache
def made(name: str) -> dict[str, Any]:
    return evidence(WORLDS[name], (2026, list(WORLDS).index(name)), {"min_strata": 5, "stale": 20})


def copied(name: str) -> dict[str, Any]:
    return copy.deepcopy(made(name))


@cache
def verdict(name: str) -> bytes:
    return encode(verify(made(name)))


def without_digest(encoded: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encoded)
    del found["evidence"]["sha256"]
    return found


def test_the_worlds_come_to_different_ends() -> None:
    ends = {name: json.loads(verdict(name))["verdict"] for name in WORLDS}
    assert (ends["failing"], ends["slow"], ends["leaking"]) == ("fail", "fail", "fail")
    assert {"pass", "fail"} < {*ends.values(), "running"}


@any_world
def test_a_verdict_is_the_same_when_later_scrapes_are_cut_off(name: str) -> None:
    at = json.loads(verdict(name))["at"]
    assert encode(verify(cut(made(name), at))) == verdict(name)
    if at > 1:
        assert verify(cut(made(name), at - 1))["verdict"] == "running"


@any_world
def test_scrape_by_scrape_is_the_same_as_at_once(name: str) -> None:
    run = Verification.of(parse(cut(made(name), 1)))
    for scrapes in range(1, 61):
        outcome = run.fold(parse(cut(made(name), scrapes)))
    digest = json.loads(verdict(name))["evidence"]["sha256"]
    assert encode(run.result(outcome, digest)) == verdict(name)


def test_scrape_by_scrape_ends_at_the_deadline_also_when_the_last_scrapes_failed() -> None:
    given = steady(policy={"soak": 60})
    pilot = the_pilot(given)
    for key in ("requests", "errors", "buckets"):
        pilot[key][-3:] = [None] * 3
    run = Verification.of(parse(cut(given, 1)))
    outcomes = [run.fold(parse(cut(given, scrapes))) for scrapes in range(1, 61)]
    assert outcomes[-2].verdict == "running"
    assert outcomes[-1] == Verification.of(parse(given)).fold(parse(given))
    assert (outcomes[-1].verdict, outcomes[-1].at) == ("inconclusive", 60)


def test_scrape_by_scrape_is_the_same_where_the_weight_changes_between_two_scrapes_of_the_pilot() -> None:
    given = steady(4)
    the_pilot(given)["requests"][HISTORY + 1] = None
    given["weight"][HISTORY + 1] = 0.05
    run = Verification.of(parse(cut(given, 1)))
    for scrapes in range(1, 5):
        outcome = run.fold(parse(cut(given, scrapes)))
    whole = verify(given)
    assert whole["evidence"]["measured"]["share"][0] == ["0.1", "0", "0.1"]
    assert run.result(outcome, whole["evidence"]["sha256"]) == whole


def test_bounds_of_a_pod_are_no_series_however_many_they_are() -> None:
    given = steady(30)
    given["bounds"] = [0.01 * (index + 1) for index in range(60)]
    for one in given["pods"]:
        one["bounds"] = list(given["bounds"])
        one["buckets"] = [[row[1]] * 60 + [row[-1]] for row in one["buckets"]]
    the_pilot(given)["errors"] = [10 * count for count in the_pilot(given)["errors"]]
    whole = verify(given)
    earlier = cut(given, whole["at"])
    for one in earlier["pods"]:
        one["bounds"] = list(given["bounds"])
    assert whole["at"] < 30
    assert verify(earlier) == whole


def test_pods_of_the_pilot_that_appear_after_a_verdict_change_nothing_in_it() -> None:
    given = steady()
    given["pods"].append(copy.deepcopy(the_pilot(given)) | {"name": "p-1"})
    rng = np.random.default_rng(6)
    for one in given["pods"]:
        one["gauges"] = {"cpu": (100 * np.exp(rng.normal(0, 0.01, len(given["weight"])))).tolist()}
    for one in given["pods"][-2:]:
        for key in ("requests", "errors", "buckets"):
            one[key][: HISTORY + 10] = [None] * (HISTORY + 10)
        one["ready"] = [0] * len(given["weight"])
    whole = verify(given)
    assert (whole["verdict"], whole["at"], whole["why"]) == ("fail", 5, "down")
    assert verify(cut(given, 5)) == whole


@any_world
def test_the_order_of_pods_means_nothing(name: str) -> None:
    mixed = copied(name)
    np.random.default_rng(4).shuffle(mixed["pods"])
    assert encode(verify(mixed)) == verdict(name)


@any_world
def test_where_counters_begin_means_nothing(name: str) -> None:
    moved = each_count(made(name), lambda pod, count: count + 10_000 * (1 + ord(pod[-1]) % 7))
    assert without_digest(encode(verify(moved))) == without_digest(verdict(name))


@any_world
def test_a_verdict_is_recomputed_from_its_event_alone(name: str) -> None:
    assert encode(recompute(json.loads(verdict(name))["evidence"])) == verdict(name)


@pytest.mark.parametrize("environment", ELSEWHERE, ids=lambda one: next(iter(one)))
@pytest.mark.parametrize("name", ["bursty", "failing"])
def test_another_process_comes_to_the_same_bytes(name: str, environment: dict[str, str]) -> None:
    assert elsewhere("verify", made(name), environment) == verdict(name)
    assert elsewhere("recompute", json.loads(verdict(name))["evidence"], environment) == verdict(name)


def elsewhere(what: str, given: dict[str, Any], environment: dict[str, str]) -> bytes:
    program = [sys.executable, "-W", "ignore", "-c", AGAIN, what]
    text, around = json.dumps(given).encode(), os.environ | environment
    return subprocess.run(
        program, input=text, cwd=ROOT, env=around, capture_output=True, check=True, timeout=60
    ).stdout


def test_numbers_of_a_record_are_texts() -> None:
    def numbers(value: Any) -> bool:
        if isinstance(value, dict):
            return any(numbers(one) for one in value.values())
        if isinstance(value, list):
            return any(numbers(one) for one in value)
        return type(value) in {int, float}

    assert not numbers(json.loads(verdict("leaking"))["evidence"])


def test_a_record_of_the_whole_time_is_small() -> None:
    assert len(encode(verify(made("bursty") | {"policy": {"soak": 60}}))) < 50_000
