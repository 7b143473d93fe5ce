"""Pre-production: deployed, probed, judged; and no production step before the release owns production."""

import pytest

from lockgate.messages.deployments import ProbeResult, RefusalCode
from lockgate.messages.verdicts import (
    Action,
    Granted,
    Outcome,
    RegionFailed,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
)
from tests.support.verifier import (
    GOOD_PROBES,
    PILOT,
    PREPROD,
    WATCH,
    WAVE,
    Journey,
    names,
    only,
    plan,
    probe,
)

REGION = "eu-preprod"


def journey(**changes: object) -> Journey:
    begun = Journey(plan({**PREPROD, **changes}, PILOT, WAVE, WATCH))
    begun.start()
    return begun


def test_a_release_that_starts_is_granted_to_pre_production_under_the_number_it_started_with() -> None:
    release = Journey(plan(PREPROD, PILOT, WAVE, WATCH))
    granted = only(release.start(), Granted)
    assert (granted.region, granted.deployer, granted.action) == (
        REGION,
        "deployer-eu-preprod",
        Action.DEPLOY,
    )
    assert (str(granted.fence), granted.attempt, granted.deadline) == ("7.0.1", 1, 600)
    assert granted.valid_for == 300
    assert granted.requests == ()


def test_what_is_deployed_is_probed_within_what_is_left_of_the_budget() -> None:
    release = journey()
    release.desk.wait(240)
    granted = only(release.deployed(REGION), Granted)
    assert (granted.action, str(granted.fence), granted.deadline) == (Action.PROBE, "7.0.2", 360)
    assert [request.path for request in granted.requests] == ["/healthz", "/pay"]


def test_requests_that_all_pass_are_a_verdict_with_its_evidence_and_the_stage_passes() -> None:
    release = journey()
    release.deployed(REGION)
    said = release.probed(REGION, *GOOD_PROBES)
    assert names(said) == ["VerdictReached", "StagePassed", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert verdict.outcome is Outcome.PASS
    assert verdict.evidence["regions"][REGION]["results"] == [
        ["GET", "/healthz", 200, 200, 0.012, True],
        ["POST", "/pay", 201, 201, 0.012, True],
    ]
    assert only(said, StagePassed).kind == "preprod"
    assert only(said, StageWaiting).waiting_for is WaitingFor.PRODUCTION
    assert release.timers() == set()


def test_a_stage_with_two_regions_passes_only_after_both() -> None:
    release = journey(regions=[REGION, "us-preprod"])
    release.deployed(REGION)
    release.deployed("us-preprod")
    assert release.probed("us-preprod", *GOOD_PROBES) == []
    verdict = only(release.probed(REGION, *GOOD_PROBES), VerdictReached)
    assert list(verdict.evidence["regions"]) == [REGION, "us-preprod"]
    assert verdict.evidence["regions"]["us-preprod"]["passed"] == 2


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ((GOOD_PROBES[0], probe("POST", "/pay", 201, 500)), "the request 2 of 2 (POST /pay) answered 500"),
        ((probe("GET", "/healthz", 200, None), GOOD_PROBES[1]), "the request 1 of 2 (GET /healthz) was not"),
        ((GOOD_PROBES[0],), "the request 2 of 2 (POST /pay) was not sent"),
        ((), "the request 1 of 2 (GET /healthz) was not sent"),
        ((*GOOD_PROBES, GOOD_PROBES[0]), "3 requests were answered, but the plan has 2"),
        # the expected status, but the deployer found the answer wrong
        ((GOOD_PROBES[0], GOOD_PROBES[1].model_copy(update={"passed": False})), "(POST /pay) answered 201"),
        # a deployer that calls another status a success does not decide what the plan expects
        ((GOOD_PROBES[0], probe("POST", "/pay", 200, 200)), "answered 200; expected 201"),
    ],
)
def test_a_request_that_is_not_answered_as_the_plan_expects_fails_the_release_by_name(
    results: tuple[ProbeResult, ...], said: str
) -> None:
    release = journey()
    release.deployed(REGION)
    events = release.probed(REGION, *results)
    assert names(events) == ["VerdictReached", "StageWaiting"]
    verdict = only(events, VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, (REGION,))
    assert said in verdict.reason
    assert only(events, StageWaiting).waiting_for is WaitingFor.COORDINATOR
    assert release.timers() == set()


def test_a_budget_that_is_over_fails_the_release() -> None:
    release = journey()
    release.desk.wait(500)
    release.deployed(REGION)
    events = release.fire(f"deadline {REGION}")
    failure = only(events, RegionFailed)
    assert (failure.unreachable, failure.final) == (True, True)
    assert "budget of 600 s for the stage is over" in only(events, VerdictReached).reason


def test_a_budget_that_our_own_outage_used_up_leaves_the_region_a_quarter_of_it() -> None:
    """Seed 141 of the simulation: the probe was granted with no time at all, and the region called unreachable."""
    release = journey()
    release.desk.wait(7200)
    granted = only(release.deployed(REGION), Granted)
    assert (granted.action, granted.deadline, granted.valid_for) == (Action.PROBE, 150, 75)


def test_a_deployment_that_fails_in_pre_production_is_not_tried_again() -> None:
    events = journey().failed(REGION)
    assert names(events) == ["RegionFailed", "VerdictReached", "StageWaiting"]
    assert only(events, VerdictReached).outcome is Outcome.FAIL


def test_a_probe_that_came_too_late_is_granted_again_as_a_probe() -> None:
    release = journey()
    release.deployed(REGION)
    granted = only(release.refused(REGION, RefusalCode.EXPIRED), Granted)
    assert (granted.action, str(granted.fence), granted.attempt) == (Action.PROBE, "7.0.3", 1)


def test_evidence_of_many_long_requests_stays_small_and_keeps_the_failed_ones() -> None:
    requests = [{"get": f"/{'x' * 1000}/{i}"} for i in range(200)]
    release = journey(requests=requests)
    release.deployed(REGION)
    results = [probe("GET", request["get"], 200, 200) for request in requests]
    results[199] = probe("GET", requests[199]["get"], 200, 503)
    verdict = only(release.probed(REGION, *results), VerdictReached)
    evidence = verdict.evidence["regions"][REGION]
    assert len(verdict.model_dump_json()) < 64 * 1024
    assert evidence["results"][0][3] == 503
    assert evidence["leftOut"] == 200 - len(evidence["results"]) > 0


def test_no_production_step_is_granted_before_the_release_owns_production() -> None:
    release = Journey(plan(PILOT, WAVE, WATCH))
    events = release.start()
    assert names(events) == ["StageWaiting"]
    assert only(events, StageWaiting).waiting_for is WaitingFor.PRODUCTION
    granted = only(release.enter(), Granted)
    assert (granted.action, str(granted.fence)) == (Action.PILOT, "8.0.1")
    assert release.enter() == []


def test_a_release_that_entered_goes_on_to_the_next_stage_at_once() -> None:
    release = journey()
    assert release.enter() == []
    release.deployed(REGION)
    said = release.probed(REGION, *GOOD_PROBES)
    assert only(said, Granted).action is Action.PILOT


def test_an_entry_with_no_newer_number_than_the_start_changes_nothing() -> None:
    release = Journey(plan(WAVE, WATCH))
    release.start()
    release.number -= 1
    assert release.enter() == []


def test_a_region_that_nobody_serves_fails_the_release_at_its_start() -> None:
    release = Journey(plan(PREPROD, WAVE, WATCH))
    events = release.start(unserved="eu-west")
    assert names(events) == ["VerdictReached", "StageWaiting"]
    assert "No deployer serves the region eu-west" in only(events, VerdictReached).reason
