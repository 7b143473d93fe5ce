"""Another policy on past verdicts of waves, watches, canaries and pre-production."""

from typing import Any

import pytest

from lockgate.cli.backtest.rejudged import judged
from tests.core.verifier.test_verified_steps import canary, tell
from tests.core.verifier.test_wave_steps import ROUTED, stepped
from tests.support import watching
from tests.support.backtests import MINUTES, cases, tried, would
from tests.support.besides import beside
from tests.support.verifier import (
    APPLICATION,
    PILOT,
    PREPROD,
    WATCH,
    WAVE,
    Journey,
    in_production,
    plan,
    probe,
)


def test_the_regions_of_a_wave_are_judged_together_again() -> None:
    first = {**WAVE, "regions": ["eu-west"], "after": {"verify": "20m"}}
    later = {**WAVE, "name": "rest", "regions": ["eu-north", "ap-south"]}
    release = in_production(first, later, WATCH, metrics=MINUTES)
    release.deployed("eu-west")
    work = "measure first eu-west"
    release.desk.report(APPLICATION, work, beside(release.desk.work[APPLICATION, work].body, 20, errors=1.5))
    assert would(tried(release, false_alarms="2%")) == ("fail", 6)
    assert would(tried(release, false_alarms="20%", wave={"margins": {"latency": "90%"}})) == ("fail", 5)
    assert would(tried(release, false_alarms="0.1%")) == 6


def test_a_step_of_a_canary_is_judged_again_and_its_shares_are_a_part_of_what_was_compared() -> None:
    release = canary()
    stepped(release)
    tell(release)
    assert would(tried(release, wave={"soak": "6m"})) == ("pass", 22)
    assert would(tried(release, canary={"soak": "6m"})) == ("pass", 16)
    other = plan(
        *canary(canary=["20%", "100%"]).plan.model_dump(mode="json", by_alias=True)["stages"], workload=ROUTED
    )
    assert (
        would(judged(cases(release)[0], other)) == "its plan gives the release another share of the traffic"
    )


def test_a_watch_is_judged_again_by_its_margin_of_errors() -> None:
    release = in_production(WAVE, {**WATCH, "verify": {}})
    release.deployed("eu-west")
    work = "measure watch eu-west"
    release.desk.report(APPLICATION, work, watching.watched(release.desk.work[APPLICATION, work].body, 60))
    assert would(tried(release, watch={"margins": {"errors": 4}})) == ("pass", 60)
    assert would(tried(release, watch={"margins": {"errors": 1.06}})) == ("inconclusive", 60)


def sent(failed: int, *regions: str) -> Journey:
    """Of 500 requests so many failed in the last region; all that were heard before passed."""
    names = regions or ("eu-preprod",)
    stage = {
        **PREPROD,
        "regions": [*names],
        "requests": [{"get": "/healthz", "times": 500}],
        "failures": "2%",
    }
    release = Journey(plan(stage, PILOT, WAVE, WATCH))
    release.start()
    for name in names:
        release.deployed(name)
        bad = failed if name == names[-1] else 0
        answers = probe("GET", "/healthz", 200, 200).model_copy(update={"sent": 500, "failed": bad})
        release.probed(name, answers)
    return release


@pytest.mark.parametrize(
    ("release", "policy", "told"),
    [
        (sent(40), {"preprod": {"failures": "12%"}}, ("pass", None)),
        (sent(40), {"preprod": {"failures": "8%"}}, ("inconclusive", None)),
        (sent(40), {"false_alarms": "2%"}, ("fail", None)),
        (sent(4), {"preprod": {"failures": "1%"}}, ("inconclusive", None)),
        (sent(40, "eu-preprod", "us-preprod"), {"preprod": {"failures": "8%"}}, ("inconclusive", None)),
        (
            sent(40, "eu-preprod", "us-preprod"),
            {"preprod": {"failures": "12%"}},
            "what became of the other regions is not in its evidence",
        ),
    ],
)
def test_dummy_requests_are_judged_again_by_what_may_fail(
    release: Journey, policy: dict[str, Any], told: Any
) -> None:
    assert would(tried(release, **policy)) == told


def test_requests_that_have_to_be_answered_depend_on_no_policy() -> None:
    release = Journey(plan(PREPROD, PILOT, WAVE, WATCH))
    release.start()
    release.deployed("eu-preprod")
    release.probed("eu-preprod", probe("GET", "/healthz", 200, 500), probe("POST", "/pay", 201, 201))
    assert [case.has_evidence for case in cases(release)] == [False]
