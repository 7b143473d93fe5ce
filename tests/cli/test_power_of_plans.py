"""What `plan check` foretells of a whole plan: how many good releases get through all of its comparisons, and that those of
the plans of the docs do with the traffic that they say.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from lockgate.cli.power.comparisons import Comparison, comparisons
from lockgate.cli.power.outlook import Foretold, whole
from lockgate.cli.power.telling import as_json, lines
from lockgate.cli.power.traffic import BOUNDS, NONE, Latency, Traffic
from lockgate.cli.power.trials import Ended, tried
from lockgate.intake.planfile import GoodPlan, check_plan
from lockgate.messages.plan import Plan
from lockgate.verifier.statistics.deciding import Outcome

FILES = sorted((Path(__file__).parents[2] / "docs" / "plans").glob("*.yaml"))
LATENCY, PODS = Latency((0.1, 0.4), (0.5, 0.99)), 10
"""What `plan check` takes where nothing is said."""
TRAFFIC = Traffic(100.0, 0.005, LATENCY, BOUNDS["opentelemetry-http"], PODS)

Ends = dict[Literal["pass", "inconclusive", "unmeasurable", "fail"], int]


def plan(file: Path) -> Plan:
    good = check_plan(file.read_bytes())
    assert isinstance(good, GoodPlan)
    return good.plan


def pilot() -> Comparison:
    return comparisons(plan(next(file for file in FILES if file.stem == "payments")))[0]


def found_of(regions: int, ends: Ends, then: Literal["rollback", "pass", "hold"] = "hold") -> Foretold:
    outcomes = tuple(Outcome(verdict, 20, "errors") for verdict, count in ends.items() for _ in range(count))
    terms = replace(pilot().terms, regions=("eu-west", "us-east", "us-west")[:regions], then=then)
    return Foretold(replace(pilot(), terms=terms), None, TRAFFIC, Ended(NONE, outcomes), bad=(), proposals=())


def test_of_a_plan_that_compares_several_times_each_has_to_go_well() -> None:
    found = whole([found_of(1, {"pass": 80, "inconclusive": 20}), found_of(2, {"pass": 90, "fail": 10})])
    assert found.share == pytest.approx(0.8 * 0.9 * 0.9)
    assert found.comparisons == 3
    # By hand, of Wilson's (0.711, 0.867) and (0.826, 0.945): the logarithms are off by 0.209 downwards and 0.126 upwards.
    low, high = found.interval
    assert low == pytest.approx(0.526, abs=2e-3)
    assert high == pytest.approx(0.735, abs=2e-3)


def test_what_is_undecided_gets_through_where_the_plan_lets_it_pass() -> None:
    ends: Ends = {"pass": 50, "inconclusive": 40, "unmeasurable": 5, "fail": 5}
    assert whole([found_of(1, ends, "pass")]).share == pytest.approx(0.9)
    assert whole([found_of(1, ends, "rollback")]).share == pytest.approx(0.5)


def test_where_one_comparison_lets_none_pass_none_gets_through() -> None:
    found = whole([found_of(1, {"inconclusive": 20}), found_of(1, {"pass": 20})])
    assert found.share == found.interval[0] == 0.0
    assert found.interval[1] == pytest.approx(0.161, abs=1e-3)  # Wilson's of 0 in 20


def test_it_is_told_how_many_get_through_all_and_not_where_there_is_only_one() -> None:
    twice = found_of(2, {"pass": 100})
    said = " ".join(lines("", [twice], []))
    assert "of good releases get through all 2 of these comparisons by themselves" in said
    assert "get through" not in " ".join(lines("", [found_of(1, {"pass": 100})], []))
    assert as_json([twice], [])["good_through_all"]["share"] == 1.0
    assert as_json([], [])["good_through_all"] is None


SAID = re.compile(r"^#   --requests-per-second (\d+) --error-rate ([\d.]+)%$", re.MULTILINE)
COMPARING = [file for file in FILES if comparisons(plan(file))]


@pytest.mark.parametrize("file", COMPARING, ids=lambda file: file.stem)
def test_with_the_traffic_that_a_plan_of_the_docs_is_for_good_releases_pass(file: Path) -> None:
    ((requests, errors),) = SAID.findall(file.read_text())
    given = plan(file)
    traffic = Traffic(float(requests), float(errors) / 100, LATENCY, BOUNDS[given.metrics.preset], PODS)
    for each in comparisons(given):
        good = tried(traffic, NONE, each.of(traffic), 20, lambda: None)
        assert good.chance("pass").share >= 0.85, each.stage.name


def test_a_plan_that_compares_nothing_beside_production_names_no_traffic() -> None:
    silent = [file for file in FILES if file not in COMPARING]
    assert len(silent) == 6
    assert not any(SAID.search(file.read_text()) for file in silent)
