"""Canary steps that are verified: the clone is compared with the production beside it, and a verdict grants the next step."""

from typing import Any

import pytest

from lockgate.messages.operations import Approve, OperationRefusal, Promote, Retry
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseResumed
from lockgate.messages.verdicts import (
    Action,
    FailCause,
    Granted,
    Outcome,
    StageWaiting,
    VerdictReached,
    VerificationStarted,
    WaitingFor,
)
from lockgate.verifier.core.measure import Measure
from lockgate.verifier.core.rows import PartRow, VerificationRow
from tests.core.verifier.test_wave_steps import ROUTED, stepped, steps
from tests.support.measured import BAD, BLIND, DARK, report
from tests.support.operators import WHY, answer, answer_in, asked, give
from tests.support.verifier import (
    APPLICATION,
    PILOT,
    RELEASE,
    WATCH,
    WAVE,
    Journey,
    in_production,
    names,
    only,
)

TWO = ["eu-west", "us-east"]
STRICT: dict[str, Any] = {"margins": {"errors": 1.1}}
"""More than this traffic can show in the time."""
LAST = 43
"""32 minutes at a scrape each 15 s are 43 scrapes of 45 s."""


def canary(*regions: str, plan: dict[str, Any] | None = None, **strategy: Any) -> Journey:
    shares = {"canary": ["25%", "50%", "100%"], "wait": "2m", "verify": "32m", **strategy}
    wave = {**WAVE, "regions": list(regions) or ["eu-west"], "strategy": shares, "max-parallel": 2}
    return in_production(wave, WATCH, workload=ROUTED, **(plan or {}))


def order(release: Journey, region: str = "eu-west") -> dict[str, Any]:
    return release.desk.work[APPLICATION, f"measure first {region}"].body


def say(release: Journey, said: dict[str, Any], region: str = "eu-west") -> list[Payload]:
    over = said.get("digest") is not None
    return release.desk.report(APPLICATION, f"measure first {region}", said, final=over)


def tell(
    release: Journey, end: int = LAST, first: int = 0, region: str = "eu-west", **counted: Any
) -> list[Payload]:
    return say(release, report(order(release, region), end, first, **counted), region)


def left(release: Journey) -> list[Any]:
    return [row for row in release.desk.rows.values() if isinstance(row, PartRow | VerificationRow)]


# --- what is measured, and what follows ---------------------------------------------------------------------------


def test_a_step_is_compared_with_the_production_beside_it_once_the_clone_has_its_share() -> None:
    release = canary()
    release.desk.wait(30)
    said = stepped(release)
    assert names(said) == ["VerificationStarted", "StageWaiting"]
    waiting = only(said, StageWaiting)
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.EVIDENCE, "2026-11-24T12:32:45.000+00:00")
    assert "The canary in eu-west is compared with the production beside it for 1935 s" in waiting.reason
    given = Measure.model_validate(order(release))
    assert (given.since, given.share, given.began) == (release.desk.now, 0.25, None)
    assert (given.pods.pilot, given.pods.baseline) == ("payments-pilot-8-", "payments-")
    assert release.timers() == {"verify eu-west"}


def test_the_next_step_is_granted_when_the_comparison_passed_and_all_traffic_is_only_waited_for() -> None:
    release = canary()
    for _ in range(2):
        stepped(release)
        release.desk.wait(1935)
        said = tell(release)
        assert names(said) == ["VerdictReached", "Granted", "StageWaiting"]
        assert only(said, VerdictReached).outcome is Outcome.PASS
        assert (release.desk.work, left(release)) == ({}, [])
        assert release.timers() == {"deadline eu-west"}
    assert only(stepped(release), StageWaiting).waiting_for is WaitingFor.STEP
    release.fire("step eu-west")
    assert [action for action, _ in steps(release)] == [Action.CANARY] * 3 + [Action.DEPLOY]
    assert names(release.deployed("eu-west"))[0] == "StagePassed"


def test_a_step_that_is_worse_than_production_takes_the_release_back() -> None:
    release = canary()
    stepped(release)
    tell(release)
    stepped(release)
    said = tell(release, 5, pilot=BAD)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert (verdict.outcome, verdict.cause, verdict.guilty) == (
        Outcome.FAIL,
        FailCause.MEASURED,
        ("eu-west",),
    )
    assert verdict.evidence["sha256"]
    assert (release.desk.work, release.timers(), left(release)) == ({}, set(), [])


def test_regions_are_measured_side_by_side_each_since_its_own_step() -> None:
    release = canary(*TWO)
    stepped(release, "eu-west")
    release.desk.wait(60)
    stepped(release, "us-east")
    assert names(tell(release, region="us-east")) == ["VerdictReached", "Granted", "StageWaiting"]
    assert [share for _, share in steps(release, "us-east")] == [0.25, 0.5]
    assert [share for _, share in steps(release, "eu-west")] == [0.25]
    assert only(tell(release), Granted).share == 0.5


def test_a_report_of_the_step_before_changes_nothing() -> None:
    release = canary()
    stepped(release)
    old = release.desk.work[APPLICATION, "measure first eu-west"]
    release.desk.wait(1935)
    tell(release)
    stepped(release)
    new = release.desk.work[APPLICATION, "measure first eu-west"]
    release.desk.work[APPLICATION, "measure first eu-west"] = old
    assert tell(release, 5, pilot=BAD) == []
    release.desk.work[APPLICATION, "measure first eu-west"] = new
    assert names(tell(release))[0] == "VerdictReached"


def test_each_step_in_each_region_has_its_part_of_the_false_alarm_rate() -> None:
    """Two steps below 100 % in two regions, and a pilot."""
    wave = {**WAVE, "regions": TWO, "strategy": {"canary": ["25%", "50%", "100%"], "verify": "32m"}}
    release = in_production(PILOT, wave, WATCH, workload=ROUTED, **{"false-alarms": "5%"})
    assert only(release.piloted("eu-west"), VerificationStarted).alpha == pytest.approx(0.01)
    release.desk.report(
        APPLICATION,
        "measure pilot eu-west",
        report(release.desk.work[APPLICATION, "measure pilot eu-west"].body, LAST),
        final=True,
    )
    assert only(stepped(release), VerificationStarted).alpha == pytest.approx(0.01)
    assert order(release)["policy"]["alpha"] == pytest.approx(0.01)


# --- what is not decided ------------------------------------------------------------------------------------------


def test_an_undecided_step_takes_the_release_back_unless_the_plan_says_otherwise() -> None:
    release = canary(**STRICT)
    stepped(release)
    said = tell(release)
    assert names(said) == ["VerdictReached", "VerdictReached", "StageWaiting"]
    assert said[1].cause is FailCause.UNDECIDED  # type: ignore[attr-defined]  # a verdict: see the names
    release = canary(**STRICT, **{"on-inconclusive": {"then": "pass"}})
    stepped(release)
    assert names(tell(release)) == ["VerdictReached", "Granted", "StageWaiting"]


def test_while_a_step_is_held_other_regions_go_on_and_no_region_is_begun() -> None:
    release = canary(*TWO, "ap-south")
    stepped(release)
    said = say(release, BLIND)
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    assert "held, with its canary as it is" in only(said, StageWaiting).reason
    for _ in range(2):
        stepped(release, "us-east")
        release.desk.wait(1935)
        assert names(tell(release, region="us-east")) == ["VerdictReached", "Granted"]
    stepped(release, "us-east")
    assert names(release.fire("step us-east")) == ["Granted"]
    assert release.deployed("us-east") == []
    assert steps(release, "ap-south") == []


def test_once_nothing_is_held_any_more_regions_are_begun_again() -> None:
    release = canary(*TWO, "ap-south", canary=["25%"])
    stepped(release)
    say(release, BLIND)
    stepped(release, "us-east")
    tell(release, region="us-east")
    assert release.deployed("us-east") == []
    said = give(release.desk, asked(Approve))
    granted = [body for body in said if isinstance(body, Granted)]
    assert [(grant.region, grant.action) for grant in granted] == [
        ("eu-west", Action.DEPLOY),
        ("ap-south", Action.CANARY),
    ]


def test_the_hold_is_said_of_another_region_once_the_first_one_goes_on() -> None:
    release = canary(*TWO)
    for region in TWO:
        stepped(release, region)
        say(release, BLIND, region)
    assert only(tell(release), Granted).region == "eu-west"
    waiting = [body for body in release.desk.events if isinstance(body, StageWaiting)][-1]
    assert (waiting.waiting_for, "us-east" in waiting.reason) == (WaitingFor.HELD, True)


def test_an_approval_grants_the_next_step_of_what_is_held() -> None:
    release = canary(**STRICT, **{"on-inconclusive": {"then": "hold"}})
    stepped(release)
    tell(release)
    said = give(release.desk, asked(Approve))
    assert only(said, Granted).share == 0.5
    assert answer_in(said).reason == "the canary is approved in eu-west"
    assert WHY not in only(said, StageWaiting).reason


def test_a_retry_compares_the_step_that_is_held_anew_and_grants_nothing() -> None:
    release = canary(*TWO, **STRICT, **{"on-inconclusive": {"then": "hold"}})
    stepped(release)
    tell(release)
    said = give(release.desk, asked(Retry))
    assert names(said) == ["VerificationStarted", "StageWaiting", "StageOperationAnswered"]
    assert answer_in(said).reason == "the step is compared anew in eu-west"
    assert names(tell(release)) == ["VerdictReached", "StageWaiting"]


def test_nobodys_word_replaces_the_evidence_of_a_step() -> None:
    release = canary()
    stepped(release)
    refused = answer(release.desk, asked(Promote))
    assert refused.code is OperationRefusal.NEEDS_EVIDENCE


# --- metrics that are away, halts ---------------------------------------------------------------------------------


def test_a_step_without_metrics_is_held_and_goes_on_by_itself() -> None:
    release = canary()
    stepped(release)
    assert only(say(release, DARK), StageWaiting).waiting_for is WaitingFor.METRICS
    assert only(say(release, BLIND), VerdictReached).outcome is Outcome.UNMEASURABLE
    release.desk.wait(3600)
    waiting = only(tell(release, 2), StageWaiting)
    until = "2026-11-24T13:30:45.000+00:00"  # 43 scrapes of 45 s, of which 2 came in an hour
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.EVIDENCE, until)
    assert only(tell(release, LAST, 2), Granted).share == 0.5


def test_measuring_that_tells_nothing_of_itself_is_begun_anew() -> None:
    release = canary()
    stepped(release)
    tell(release, 3)
    release.fire("verify eu-west")
    assert only(release.fire("verify eu-west"), VerdictReached).outcome is Outcome.UNMEASURABLE
    assert only(tell(release, LAST, run="run-2"), Granted).share == 0.5


def test_a_halt_ends_the_measuring_and_what_goes_on_is_compared_anew() -> None:
    release = canary()
    stepped(release)
    tell(release, 3)
    about: dict[str, Any] = {"application": APPLICATION, "release": RELEASE, "number": 8}
    release.give(ReleaseHalted(**about, turn=1, regions=("eu-west",), reason="stop"))
    assert (release.desk.work, release.timers(), left(release)) == ({}, set(), [])
    release.give(ReleaseResumed(**about, turn=3, wait=60, reason="The flags are off."))
    assert names(release.fire("resume")) == ["VerificationStarted", "StageWaiting"]
    assert only(tell(release), Granted).fence.turn == 3


def test_an_incident_takes_back_a_release_whose_step_is_measured() -> None:
    release = canary()
    release.begun("eu-west")
    stepped(release)
    said = release.incident(region="eu-west")
    assert only(said, VerdictReached).cause is FailCause.INCIDENT
    assert (release.desk.work, release.timers(), left(release)) == ({}, set(), [])


def test_what_is_waited_for_is_said_when_it_changes_and_not_with_each_scrape_of_each_region() -> None:
    release = canary(*TWO)
    for region in TWO:
        stepped(release, region)
    said = [
        name
        for end in range(1, 10)
        for region in TWO
        for name in names(tell(release, end, end - 1, region=region))
    ]
    assert said == []


def test_what_was_measured_before_a_retry_of_a_held_step_is_kept_nowhere() -> None:
    release = canary()
    stepped(release)
    tell(release, 3)
    tell(release, 4, 3)
    tell(release, 5, 4)
    say(release, BLIND)
    give(release.desk, asked(Retry))
    release.desk.wait(1935)
    tell(release, run="run-2")
    assert left(release) == []
