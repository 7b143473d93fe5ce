"""Pre-production on demand, and requests that are judged together: by exact bounds, and never against a version that nobody heard."""

from collections.abc import Callable

import pytest

from lockgate.messages.deployments import ProbeResult, RefusalCode
from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import (
    Action,
    FailCause,
    Granted,
    Outcome,
    StagePassed,
    StageWaiting,
    VerdictReached,
)
from tests.support.verifier import GOOD_PROBES, PILOT, PREPROD, WATCH, WAVE, Journey, names, only, plan

REGION = "eu-preprod"
MANY = [{"get": "/healthz"}, {"post": "/pay", "json": {}, "times": 400}]
ON_DEMAND = {
    "environment": "on-demand",
    "replicas": 2,
    "overrides": {"secrets": {"payments-keys": "payments-keys-preprod"}},
    "egress": [{"namespace": "payments-test-db", "ports": [5432]}],
}


def journey(**changes: object) -> Journey:
    begun = Journey(plan({**PREPROD, "requests": MANY, **changes}, PILOT, WAVE, WATCH))
    begun.start()
    return begun


def pays(sent: int = 400, failed: int = 0, *, hindered: bool = False) -> ProbeResult:
    return ProbeResult(
        method="POST",
        path="/pay",
        expected=200,
        status=500 if failed else 200,
        seconds=0.2,
        passed=not failed and sent == 400,
        reason="as they were answered",
        sent=sent,
        failed=failed,
        hindered=hindered,
    )


def judged(*results: ProbeResult, **changes: object) -> list[Payload]:
    release = journey(**changes)
    release.deployed(REGION)
    return release.probed(REGION, GOOD_PROBES[0], *results)


def verdicts(events: list[Payload]) -> list[VerdictReached]:
    return [event for event in events if isinstance(event, VerdictReached)]


def test_an_environment_is_one_grant_with_what_it_is_made_of_and_all_requests() -> None:
    release = Journey(plan({**PREPROD, **ON_DEMAND, "requests": MANY, "concurrency": 8}, PILOT, WAVE, WATCH))
    events = release.start()
    granted = only(events, Granted)
    assert (granted.action, str(granted.fence), granted.deadline) == (Action.ENVIRONMENT, "7.0.1", 600)
    assert [request.times for request in granted.requests] == [1, 400]
    assert granted.concurrency == 8
    assert granted.environment is not None
    assert granted.environment.replicas == 2
    assert granted.environment.overrides.secrets == {"payments-keys": "payments-keys-preprod"}
    assert [(each.namespace, each.ports) for each in granted.environment.egress] == [
        ("payments-test-db", [5432])
    ]
    assert "Making an environment in eu-preprod and sending 401 requests" in only(events, StageWaiting).reason
    passed = release.probed(REGION, GOOD_PROBES[0], pays())
    assert only(passed, VerdictReached).outcome is Outcome.PASS
    assert only(passed, StagePassed).kind == "preprod"


def stopped_on_demand(how: Callable[[Journey], list[Payload]]) -> VerdictReached:
    release = Journey(plan({**PREPROD, **ON_DEMAND, "requests": MANY}, PILOT, WAVE, WATCH))
    release.start()
    return only(how(release), VerdictReached)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda release: release.failed(REGION, "write overrides: ..."), id="refused"),
        pytest.param(
            lambda release: release.refused(REGION, RefusalCode.NOT_SERVED), id="no deployer serves it"
        ),
    ],
)
def test_what_stops_an_environment_from_being_made_does_not_blame_the_version(
    how: Callable[[Journey], list[Payload]],
) -> None:
    verdict = stopped_on_demand(how)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAIL, FailCause.UNDECIDED)


def test_requests_that_fail_in_an_environment_do() -> None:
    verdict = stopped_on_demand(lambda release: release.probed(REGION, GOOD_PROBES[0], pays(failed=200)))
    assert (verdict.outcome, verdict.cause) == (Outcome.FAIL, FailCause.REQUESTS)


def test_a_region_of_its_own_that_cannot_be_deployed_to_does() -> None:
    assert only(journey().failed(REGION), VerdictReached).cause is FailCause.DEPLOYMENT


def test_what_is_deployed_always_is_granted_without_an_environment() -> None:
    release = journey()
    granted = only(release.deployed(REGION), Granted)
    assert (granted.action, granted.environment, granted.concurrency) == (Action.PROBE, None, 4)


@pytest.mark.parametrize(
    ("failed", "outcome"),
    # Of 400, where 1 % may fail: 1 or fewer by chance in 9 of 100 cases, none in fewer than 2; 12 or more in fewer than 1.
    [(0, Outcome.PASS), (1, Outcome.INCONCLUSIVE), (8, Outcome.INCONCLUSIVE), (12, Outcome.FAIL)],
)
def test_requests_that_are_sent_several_times_are_judged_by_exact_bounds(
    failed: int, outcome: Outcome
) -> None:
    verdict = verdicts(judged(pays(failed=failed)))[0]
    assert verdict.outcome is outcome
    numbers = verdict.evidence["regions"][REGION]["judged"]
    assert (numbers["requests"], numbers["failed"], numbers["limit"]) == ("400", str(failed), "0.01")
    assert numbers["alpha"] == "0.005"  # half of the release's, for the pilot has the other half


def test_more_may_fail_where_the_plan_says_so() -> None:
    assert verdicts(judged(pays(failed=12), failures="10%"))[0].outcome is Outcome.PASS


def test_too_few_requests_prove_nothing() -> None:
    events = judged(
        pays(sent=19).model_copy(update={"passed": True}),
        requests=[MANY[0], {"post": "/pay", "json": {}, "times": 19}],
    )
    assert verdicts(events)[0].outcome is Outcome.UNMEASURABLE
    assert "at least 20 are needed" in verdicts(events)[0].reason


def test_a_version_that_is_too_slow_for_all_requests_fails() -> None:
    verdict = only(judged(pays(sent=350)), VerdictReached)
    assert verdict.outcome is Outcome.FAIL
    assert "(POST /pay) was sent 350 of 400 times" in verdict.reason


def test_requests_that_the_cluster_did_not_pass_on_are_no_fail_of_the_version() -> None:
    verdict = verdicts(judged(pays(sent=350, hindered=True)))[0]
    assert (verdict.outcome, verdict.guilty) == (Outcome.UNMEASURABLE, ())


def test_what_failed_before_the_cluster_was_away_is_a_fail_all_the_same() -> None:
    verdict = only(judged(pays(sent=350, failed=50, hindered=True)), VerdictReached)
    assert verdict.outcome is Outcome.FAIL
    assert "too many to be chance" in verdict.reason


def test_a_request_that_has_to_be_answered_and_was_not_passed_on_is_unmeasurable_too() -> None:
    release = journey(requests=PREPROD["requests"])
    release.deployed(REGION)
    unheard = GOOD_PROBES[1].model_copy(
        update={"status": None, "passed": False, "sent": 0, "hindered": True, "reason": "answered with 503"}
    )
    verdict = verdicts(release.probed(REGION, GOOD_PROBES[0], unheard))[0]
    assert verdict.outcome is Outcome.UNMEASURABLE
    assert "(POST /pay) was sent 0 of 1 times. answered with 503" in verdict.reason


@pytest.mark.parametrize("result", [pays(failed=1), pays(sent=350, hindered=True)])
def test_the_plan_may_say_to_go_on_where_nothing_is_proven(result: ProbeResult) -> None:
    events = judged(result, **{"on-inconclusive": "pass"})
    assert [type(event).__name__ for event in events] == [
        "VerdictReached",
        "VerdictReached",
        "StagePassed",
        "StageWaiting",
    ]


def test_numbers_that_cannot_be_are_bounded_by_what_the_plan_asked_for() -> None:
    verdict = only(judged(pays(sent=400_000, failed=500_000)), VerdictReached)
    assert verdict.evidence["regions"][REGION]["judged"]["requests"] == "400"
    assert names([verdict]) == ["VerdictReached"]
