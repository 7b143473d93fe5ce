"""`lockgate backtest`: what other policies would have made of past verdicts, and what cannot be told."""

import json
from typing import Any

import pytest

from lockgate.cli.backtest.history import Case
from lockgate.cli.backtest.policyfile import BadPolicy, read_policy
from lockgate.cli.backtest.rejudged import judged
from lockgate.cli.backtest.telling import as_json, lines
from lockgate.messages.verdicts import Outcome, VerdictReached
from tests.support.backtests import BIT_WORSE, MINUTES, cases, piloted, tried, would
from tests.support.measured import BAD, SLOW
from tests.support.verifier import (
    PILOT,
    WATCH,
    WAVE,
    only,
    plan,
)

STRICT = {"margins": {"errors": 1.06}}
"""More than this traffic can show in the time."""


def shown(found: list[Case], policy: dict[str, Any], *, every: bool = False) -> list[str]:
    given = read_policy(json.dumps({"kind": "Policy"} | policy))
    assert not isinstance(given, BadPolicy), given
    judgeable = [case for case in found if case.has_evidence]
    return list(lines([judged(case, given) for case in judgeable], len(found) - len(judgeable), every=every))


# --- what would have been ------------------------------------------------------------------------------------------


def test_what_would_have_changed_is_shown_with_when_it_would_have_fallen() -> None:
    found = cases(piloted(), piloted(BIT_WORSE), piloted(BAD))
    assert shown(found, {"false-alarms": "10%", "pilot": {"soak": "10m"}}) == [
        "2026-11-24 12:20:00  payments 1.4.0  pilot",
        "  fell   pass after 20 scrapes. In eu-west: After 20 scrapes the pilot is shown",
        "         to be within the margins: errors below 1.5 times production's; latency",
        "         below 20% more.",
        "  would  pass after 16 scrapes, 4 scrapes (4m) sooner, at about 12:16:00. After",
        "         16 scrapes the pilot is shown to be within the margins: errors below",
        "         1.5 times production's; latency below 20% more.",
        "2026-11-24 13:08:00  payments 1.4.0  pilot",
        "  fell   fail after 8 scrapes. In eu-west: Since scrape 1 the pilot's requests",
        "         fail 2 times as often as production's: evidence of 203 to 1, and 100 to",
        "         1 is enough.",
        "  would  fail after 5 scrapes, 3 scrapes (3m) sooner, at about 13:05:00. Since",
        "         scrape 1 the pilot's requests fail 1.99 times as often as production's:",
        "         evidence of 12.6 to 1, and 10 to 1 is enough.",
        "3 verdicts with evidence, of 3 releases: 2 would have changed, 1 not, and 0",
        "cannot be told. Of 2 that failed and can be judged again, 0 would have passed.",
        "Of 1 that passed and can be judged again, 0 would have failed. What fails either",
        "way would have failed 3 scrapes sooner (the median; from 3 scrapes sooner to",
        "with the same scrape).",
    ]


def test_what_would_have_come_after_the_evidence_is_not_guessed() -> None:
    assert shown(cases(piloted(BIT_WORSE)), {"false-alarms": "0.01%"})[4:] == [
        "  would  not have fallen by scrape 8, where its evidence ends: what would have",
        "         come after is not known",
        "1 verdict with evidence, of 1 release: 1 would have changed, 0 not, and 0 cannot",
        "be told. Of 1 that failed and can be judged again, 0 would have passed. 1 that",
        "fell as fail would not have fallen yet, and what would have come then is not",
        "known.",
    ]


def test_what_follows_an_undecided_verdict_is_a_change_and_no_verdict_of_its_own() -> None:
    release = piloted(**STRICT)
    assert [case.said.outcome for case in cases(release)] == [Outcome.INCONCLUSIVE]
    said = shown(cases(release), {"pilot": {"on-inconclusive": {"then": "pass"}}})
    assert said[1].startswith("  fell   inconclusive after 40 scrapes, and so taken back. In eu-west:")
    assert said[5].startswith("  would  inconclusive after 40 scrapes, and so passed on. The time is over")


def test_all_shows_what_would_be_the_same_too() -> None:
    found = cases(piloted(BAD))
    assert shown(found, {"false-alarms": "2%"})[0].startswith("1 verdict with evidence")
    assert shown(found, {"false-alarms": "2%"}, every=True)[4] == "  would  be the same"


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"pilot": {"margins": {"errors": 2.5}}}, ("pass", 20)),
        ({"pilot": {"margins": {"errors": 1.07}}}, ("inconclusive", 40)),
        ({"pilot": {"margins": {"latency": "10%"}}}, ("inconclusive", 40)),
        ({"pilot": {"verify": "30m"}}, ("inconclusive", 30)),
        ({"pilot": {"verify": "50m"}}, 40),
        ({"canary": {"margins": {"errors": 2.5}}}, ("inconclusive", 40)),
        (
            {"pilot": {"verify": "2h"}},
            "its scrapes would be 2m apart, and those of the evidence are 1m apart",
        ),
        (
            {"pilot": {"verify": "15m"}},
            (
                "by it the plan of its release would be refused: nothing could pass: the pilot soaks for 20m and is compared for"
                " 15m: write at most 15m"
            ),
        ),
        (
            {"pilot": {"margins": {"errors": 2.5, "latency": "40%"}}},
            "it depends on how latency compares with a margin of 40%, and that was measured for another one only",
        ),
    ],
)
def test_a_policy_is_laid_over_the_plan_that_the_release_had(
    policy: dict[str, Any], told: tuple[str, int] | int | str
) -> None:
    assert would(tried(piloted(**STRICT), **policy)) == told


def test_a_slow_pilot_fails_whatever_the_margins() -> None:
    release = piloted(SLOW)
    before = tried(release, false_alarms="2%").fell
    assert before.outcome is Outcome.FAIL
    for margin in ("10%", "90%"):
        assert would(tried(release, pilot={"margins": {"latency": margin}})) == ("fail", before.scrapes)


# --- a whole plan --------------------------------------------------------------------------------------------------


def of_plan(*stages: dict[str, Any], **fields: Any) -> Any:
    """What a plan with these stages would have made of a pilot in it."""
    wanted = plan(*stages, **{"metrics": MINUTES, **fields})
    return would(judged(cases(piloted(**STRICT))[0], wanted))


LOOSE = {**PILOT, "after": {"verify": "40m", "soak": "20m", "margins": {"errors": 2.5}}}


@pytest.mark.parametrize(
    ("stages", "fields", "told"),
    [
        ((LOOSE, WAVE, WATCH), {}, ("pass", 20)),
        ((WAVE, WATCH), {}, "the plan that is tried measures no pilot in a stage pilot"),
        (
            ({**LOOSE, "share": "20%"}, WAVE, WATCH),
            {},
            "its plan gives the release another share of the traffic",
        ),
        ((LOOSE, WAVE, WATCH), {"metrics": {**MINUTES, "preset": "istio"}}, "its plan has other metrics"),
        ((LOOSE, WAVE, WATCH), {"metrics": {**MINUTES, "outage": "1h"}}, ("pass", 20)),
    ],
)
def test_a_whole_plan_is_tried_where_it_would_have_measured_the_same(
    stages: tuple[dict[str, Any], ...], fields: dict[str, Any], told: Any
) -> None:
    assert of_plan(*stages, **fields) == told


# --- what cannot be judged, and JSON -----------------------------------------------------------------------------


def test_a_verdict_of_which_the_plan_is_not_kept_cannot_be_told() -> None:
    case = cases(piloted())[0]
    found = judged(Case(case.at, case.version, None, case.said), plan(PILOT, WAVE, WATCH))
    assert would(found) == "the topics do not tell any more which plan its release had"


def test_evidence_that_was_tampered_with_cannot_be_told() -> None:
    release = piloted(BAD)
    verdict = only(release.desk.events, VerdictReached)
    verdict.evidence["policy"]["alpha"] = "1e-06"
    verdict.evidence["measured"]["events"][0][0][0] = "3.0"
    assert would(tried(release, false_alarms="2%")) == (
        "this version of the method comes to another verdict by the very policy that it fell by: see `lockgate verify --again`"
    )


def test_json_tells_all_of_them() -> None:
    given = read_policy('{"kind": "Policy", "pilot": {"soak": "10m"}}')
    assert not isinstance(given, BadPolicy)
    told = as_json([judged(case, given) for case in cases(piloted(), piloted(BAD))], 3)
    assert told["summary"] == {
        "verdicts": 2,
        "without_evidence": 3,
        "changed": 1,
        "cannot_be_told": 0,
        "not_yet": 0,
        "failed_that_would_pass": 0,
        "passed_that_would_fail": 0,
        "fails_later_by_scrapes": [0],
    }
    first = told["verdicts"][0]
    assert (first["release"], first["version"], first["stage"], first["changed"]) == (
        "r1",
        "1.4.0",
        "pilot",
        True,
    )
    assert (first["fell"]["scrapes"], first["would"]["scrapes"], first["later"]) == (20, 16, -240.0)
    assert first["would_at"] == "2026-11-24T12:16:00.000+00:00"
    assert (first["not_yet"], first["cannot_be_told"]) == (None, None)
