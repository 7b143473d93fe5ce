"""Evidence that is not right is refused with the field and what is expected there, and never judged."""

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from lockgate.verifier.statistics.refusal import EvidenceError
from lockgate.verifier.statistics.verification import verify
from tests.support.verification import HISTORY, Evidence, steady

Change = Callable[[Evidence], Any]
LENGTH = HISTORY + 10


def put(*path: Any, value: Any) -> Change:
    def change(evidence: Evidence) -> None:
        at: Any = evidence
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return change


def without(*path: Any) -> Change:
    def change(evidence: Evidence) -> None:
        at: Any = evidence
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return change


def policy(**parameters: Any) -> Change:
    return put("policy", value=parameters)


MALFORMED: list[tuple[Change, str]] = [
    (without("schema"), "schema: expected 'lockgate.evidence/1', got None"),
    (put("schema", value="lockgate.evidence/2"), "schema: expected 'lockgate.evidence/1'"),
    (put("scrape_seconds", value=0), "scrape_seconds: expected a number above 0, got 0"),
    (put("scrape_seconds", value=True), "scrape_seconds: expected a number above 0, got True"),
    (without("weight"), "weight: expected the pilot's share for each scrape"),
    (put("weight", value=[]), "weight: expected the pilot's share for each scrape"),
    (put("weight", 3, value=1.5), "weight[3]: expected a share from 0 to 1, got 1.5"),
    (put("weight", 3, value=None), "weight[3]: expected a share from 0 to 1, got None"),
    (put("start", value=41), "start: expected the index of a scrape, from 0 to 40, got 41"),
    (put("start", value=-1), "start: expected the index of a scrape"),
    (put("start", value=1.0), "start: expected the index of a scrape"),
    (put("bounds", value=None), "bounds: expected a list of seconds above 0, ascending"),
    (put("bounds", value=[0.1, 0.1, 0.5]), "bounds: expected a list of seconds above 0, ascending"),
    (put("bounds", value=[0.0, 0.1, 0.5]), "bounds: expected a list of seconds above 0, ascending"),
    (put("bounds", value=["0.1", 0.2, 0.5]), "bounds: expected a list of seconds above 0, ascending"),
    (put("pods", value={}), "pods: expected a list of pods"),
    (put("pods", 1, value="b-1"), "pods[1]: expected an object, got 'b-1'"),
    (put("pods", 1, "name", value="b-0"), "pods[1].name: expected a name that no other pod has"),
    (put("pods", 1, "name", value=7), "pods[1].name: expected a name that no other pod has, got 7"),
    (put("pods", 1, "arm", value="canary"), "pods[1].arm: expected 'pilot' or 'baseline', got 'canary'"),
    (without("pods", 1, "requests"), f"pods[1].requests: expected a list of {LENGTH} values"),
    (put("pods", 1, "requests", value=[1]), f"pods[1].requests: expected a list of {LENGTH} values"),
    (put("pods", 1, "requests", 4, value="5000"), "pods[1].requests[4]: expected a finite number, or null"),
    (put("pods", 1, "requests", 4, value=True), "pods[1].requests[4]: expected a finite number, or null"),
    (put("pods", 1, "requests", 4, value=math.nan), "pods[1].requests[4]: expected a finite number, or null"),
    (put("pods", 1, "requests", 4, value=math.inf), "pods[1].requests[4]: expected a finite number, or null"),
    (put("pods", 1, "requests", 4, value=10**400), "pods[1].requests[4]: expected a finite number, or null"),
    (
        put("pods", 1, "requests", 4, value=2**54),
        "pods[1].requests[4]: expected a whole number from 0 to 2^53",
    ),
    (
        put("pods", 1, "errors", 4, value=-1),
        "pods[1].errors[4]: expected a whole number from 0 to 2^53, got -1",
    ),
    (
        put("pods", 1, "errors", 4, value=1.5),
        "pods[1].errors[4]: expected a whole number from 0 to 2^53, got 1.5",
    ),
    (put("pods", 1, "errors", 4, value=5001), "pods[1].errors[4]: expected at most the requests"),
    (without("pods", 1, "buckets"), f"pods[1].buckets: expected a list of {LENGTH} rows"),
    (
        put("pods", 1, "buckets", 4, value=[1, 2, 3]),
        "pods[1].buckets[4]: expected null or a list of 4 counts",
    ),
    (put("pods", 1, "buckets", 4, value=7), "pods[1].buckets[4]: expected null or a list of 4 counts"),
    (
        put("pods", 1, "buckets", 4, 1, value=None),
        "pods[1].buckets[4]: expected a count for each bound, or null",
    ),
    (put("pods", 1, "buckets", 4, 1, value="3"), "pods[1].buckets[4]: expected a finite number"),
    (put("pods", 1, "buckets", 4, 0, value=4000), "pods[1].buckets[4]: expected counts that do not fall"),
    (
        put("pods", 1, "buckets", 4, 3, value=5001),
        "pods[1].buckets[4]: expected a last count, +Inf, of at most",
    ),
    (
        put("pods", 1, "bounds", value=[0.5, 0.1]),
        "pods[1].bounds: expected a list of seconds above 0, ascending",
    ),
    (put("pods", 1, "gauges", value=[]), "pods[1].gauges: expected an object of series by name"),
    (
        put("pods", 1, "gauges", value={"cpu": [1.0]}),
        f"pods[1].gauges.cpu: expected a list of {LENGTH} values",
    ),
    (
        put("pods", 1, "gauges", value={"share": [1.0] * LENGTH}),
        "pods[1].gauges: expected names that are not",
    ),
    (put("pods", 1, "ready", value=[1]), f"pods[1].ready: expected a list of {LENGTH} values"),
    (
        put("pods", 1, "restarts", value=["0"] * LENGTH),
        "pods[1].restarts[0]: expected a finite number, or null",
    ),
    (put("policy", value=[]), "policy: expected an object of parameters"),
    (policy(alfa=0.01), "policy.alfa: expected one of the fields alpha"),
    (policy(alpha=0.5), "policy.alpha: expected a number from 1e-06 to 0.2, got 0.5"),
    (policy(alpha="0.01"), "policy.alpha: expected a number from 1e-06 to 0.2, got '0.01'"),
    (policy(deadline=10.5), "policy.deadline: expected a whole number from 5 to 1440, got 10.5"),
    (policy(soak=61), "policy.soak: expected at most the deadline, 60 scrapes, got 61"),
    (policy(deadline=20, stale=21), "policy.stale: expected at most the deadline, 20 scrapes, got 21"),
    (policy(err_margin=1.05), "policy.err_margin: expected a number above 1.05, up to 1000, got 1.05"),
    (policy(err_margin=1e200), "policy.err_margin: expected a number above 1.05, up to 1000, got 1e+200"),
    (policy(lat_margin=101), "policy.lat_margin: expected a number above 0.05, up to 100, got 101"),
    (policy(g_margin=1e299), "policy.g_margin: expected a number above 0.05, up to 100, got 1e+299"),
    (policy(g_abs=1e19), "policy.g_abs: expected a number from 0 to 1e+18, got 1e+19"),
    (policy(g_abs={"\ud800": 1}), "policy.g_abs: expected a name that can be written as UTF-8"),
    (policy(g_ratio={"\ud800": 1}), "policy.g_ratio: expected a name that can be written as UTF-8"),
    (put("comment", value=1), "comment: expected one of the fields schema, scrape_seconds"),
    (put("pods", 1, "\ud800", value=1), "pods[1].\\ud800: expected one of the fields name, arm"),
    (put("pods", 1, "name", value="\ud800"), "pods[1].name: expected a name that can be written as UTF-8"),
    (
        put("pods", 1, "gauges", value={"\ud800": [1.0] * LENGTH}),
        "pods[1].gauges: expected a name that can be written as UTF-8, got '\\ud800'",
    ),
    (
        put("bounds", value=[0.01 * (k + 1) for k in range(201)]),
        "bounds: expected at most 200 bounds, got 201",
    ),
    (policy(g_ratio={"cpu": 6}), "policy.g_ratio.cpu: expected a number from 0 to 5, got 6"),
    (policy(weights={"errors": 1}), "policy.weights: expected numbers of at least 0"),
    (
        policy(weights={"errors": 0.5, "latency": 0.5, "gauges": 0.1, "share": 0}),
        "policy.weights: expected numbers of at least 0 for errors, latency, gauges, share that add up to 1",
    ),
    (policy(required="errors"), "policy.required: expected a list of names of metrics, got 'errors'"),
    (
        policy(required=["errors", "cpu"]),
        "policy.required: expected only metrics of the evidence: errors, latency",
    ),
]


@pytest.mark.parametrize(("change", "says"), MALFORMED, ids=[says for _, says in MALFORMED])
def test_what_is_malformed_is_named_with_its_field(change: Change, says: str) -> None:
    evidence = copy.deepcopy(steady(scrapes=10))
    assert verify(evidence)["verdict"] == "running"
    change(evidence)
    with pytest.raises(EvidenceError) as refused:
        verify(evidence)
    assert str(refused.value).startswith(says)
    assert refused.value.field == says.partition(": ")[0]


@pytest.mark.parametrize(
    "name",
    [
        "errors",
        "latency",
        "share",
        "silence",
        "down",
        "margins",
        "time",
        "baseline",
        "weight",
        "strata",
        "stale",
        "latency>0.1",
        "a>b",
        "",
    ],
)
def test_a_gauge_cannot_have_the_name_of_another_metric_or_rule(name: str) -> None:
    evidence = steady(scrapes=10)
    evidence["pods"][2]["gauges"] = {"cpu": [1.0] * LENGTH, name: [1.0] * LENGTH}
    with pytest.raises(EvidenceError, match="names that are not those of other metrics or rules") as refused:
        verify(evidence)
    assert refused.value.field == "pods[2].gauges"


def test_a_gauge_without_a_value_in_the_history_is_left_out_unless_it_is_required() -> None:
    evidence = steady(scrapes=10)
    for pod in evidence["pods"]:
        late = [None] * HISTORY + [1.0] * 10
        pod["gauges"] = {"cpu": [1.0] * LENGTH, "empty": None, "late": late, "nothing": [None] * LENGTH}
    assert set(verify(evidence)["evidence"]["setup"]["gauges"]) == {"cpu"}
    required = verify(evidence | {"policy": {"required": ["nothing"]}})
    assert required["evidence"]["setup"]["gauges"]["nothing"] is None


@pytest.mark.parametrize("evidence", [None, [], "evidence", 7])
def test_evidence_is_an_object(evidence: Any) -> None:
    with pytest.raises(EvidenceError, match=r"^evidence: expected a JSON object"):
        verify(evidence)


def test_without_a_histogram_latency_is_not_required_and_cannot_be() -> None:
    evidence = steady(scrapes=10) | {"bounds": []}
    for pod in evidence["pods"]:
        del pod["buckets"]
    record = verify(evidence)["evidence"]
    assert record["policy"]["required"] == ["errors"]
    assert set(record["metrics"]) == {"errors", "share"}
    with pytest.raises(
        EvidenceError, match=r"^policy\.required: expected only metrics of the evidence: errors, got"
    ):
        verify(evidence | {"policy": {"required": ["latency"]}})


def test_only_bounds_that_all_pods_have_are_compared() -> None:
    evidence = steady(scrapes=10)
    pilot = evidence["pods"][-1]
    pilot["bounds"] = [0.1, 0.25]
    pilot["buckets"] = [[row[1], row[1], row[3]] for row in pilot["buckets"]]
    assert verify(evidence)["evidence"]["setup"]["bounds"] == ["0.1"]


def test_a_short_deadline_shortens_the_defaults_that_it_would_break() -> None:
    given = json.loads(json.dumps(steady(scrapes=8, policy={"deadline": 8})))
    policy_ = verify(given)["evidence"]["policy"]
    assert (policy_["soak"], policy_["min_strata"], policy_["stale"]) == ("8", "8", "8")
