"""Canary and blue-green waves: one grant a step, what is waited for in between, and where another attempt begins."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.messages.deployments import DeploymentFailed, PilotDeployed, RefusalCode, RegionDeployed
from lockgate.messages.payload import Payload
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
    WATCH,
    WAVE,
    Journey,
    in_production,
    names,
    only,
    probe,
)

REQUESTS = [{"get": "/healthz"}, {"post": "/pay", "json": {"amount": 1}, "expect": {"status": 201}}]
ALL_GOOD = (probe("GET", "/healthz", 200, 200), probe("POST", "/pay", 201, 201))
ROUTED = {"deployment": "payments", "container": "app", "service": "payments", "route": "payments"}

CANARY = {"canary": ["25%", "50%", "100%"], "wait": "2m"}
BLUE_GREEN = {"blue-green": {"keep": "10m", "requests": REQUESTS}}


def wave(strategy: object, **changes: object) -> Journey:
    return in_production({**WAVE, "strategy": strategy, **changes}, WATCH, workload=ROUTED)


def stepped(release: Journey, region: str = "eu-west", share: float | None = None) -> list[Payload]:
    """The deployer says that the clone has the share that was granted, or what it could set."""
    share = share or release.grant(region).share
    return release.give(
        release.answer(
            PilotDeployed,
            region,
            share=share,
            pilot_pods="payments-pilot-8-",
            baseline_pods="payments-",
        )
    )


def steps(release: Journey, region: str = "eu-west") -> list[tuple[Action, float | None]]:
    return [(grant.action, grant.share) for grant in release.grants() if grant.region == region]


# --- canary ---------------------------------------------------------------------------------------------------


def test_a_canary_is_granted_step_by_step_with_a_wait_after_each_and_then_production_rolls() -> None:
    release = wave(CANARY)
    for _ in range(3):
        said = stepped(release)
        assert names(said) == ["StageWaiting"]
        assert release.timers() == {"step eu-west"}
        release.fire("step eu-west")
        assert release.timers() == {"deadline eu-west"}
    assert steps(release) == [
        (Action.CANARY, 0.25),
        (Action.CANARY, 0.5),
        (Action.CANARY, 1.0),
        (Action.DEPLOY, None),
    ]
    assert [str(grant.fence) for grant in release.grants()] == ["8.0.1", "8.0.2", "8.0.3", "8.0.4"]
    assert only(release.deployed("eu-west"), StagePassed).kind == "wave"


def test_the_roll_out_is_told_how_long_the_slowest_clone_took_to_start() -> None:
    release = wave(CANARY)
    for start in (31.0, 44.5, None):
        said = release.answer(
            PilotDeployed, "eu-west", share=0.25, start=start, pilot_pods="c-", baseline_pods="p-"
        )
        release.give(said)
        release.fire("step eu-west")
    assert [(grant.action, grant.start) for grant in release.grants()] == [
        (Action.CANARY, None),
        (Action.CANARY, None),
        (Action.CANARY, None),
        (Action.DEPLOY, 44.5),
    ]


def test_what_is_waited_for_between_two_steps_is_said_with_its_end() -> None:
    release = wave(CANARY)
    waiting = only(stepped(release), StageWaiting)
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.STEP, "2026-11-24T12:02:00.000+00:00")
    assert waiting.reason == (
        "The release has 25 % of the traffic of eu-west. It is left alone for 120 s, then the new version gets 50 % of "
        "the traffic."
    )


def test_the_share_that_was_really_set_is_said_and_not_the_plans() -> None:
    waiting = only(stepped(wave(CANARY), share=1 / 3), StageWaiting)
    assert waiting.reason.startswith("The release has 33.33 % of the traffic of eu-west.")


def test_what_was_said_of_a_step_is_over_with_the_grant_of_the_next() -> None:
    release = wave(CANARY, retry=1)
    said = []
    for _ in range(3):
        stepped(release)
        said.append(only(release.fire("step eu-west"), StageWaiting))
    said.append(only(release.failed("eu-west"), StageWaiting))
    assert [(each.waiting_for, each.until, each.reason) for each in said] == [
        (WaitingFor.REGIONS, None, "Step 2 of 4 in eu-west: the new version gets 50 % of the traffic."),
        (WaitingFor.REGIONS, None, "Step 3 of 4 in eu-west: the new version gets 100 % of the traffic."),
        (WaitingFor.REGIONS, None, "Step 4 of 4 in eu-west: the Deployment rolls."),
        (WaitingFor.REGIONS, None, "Step 4 of 4 in eu-west: the Deployment rolls."),
    ]


def test_each_of_two_regions_that_are_left_alone_at_the_same_instant_is_said() -> None:
    release = wave(CANARY, regions=["eu-west", "eu-north"], **{"max-parallel": 2})
    for region in ("eu-west", "eu-north"):
        assert f"of the traffic of {region}." in only(stepped(release, region), StageWaiting).reason


def test_of_a_region_that_is_done_nothing_is_said_any_more() -> None:
    release = wave({**CANARY, "wait": "0s"}, regions=["eu-west", "eu-north"])
    for _ in range(3):
        stepped(release)
    waiting = only(release.deployed("eu-west"), StageWaiting)
    assert waiting.reason == "The release runs in 1 of 2 regions of the wave."


def test_the_wave_says_at_its_beginning_how_each_region_changes_version() -> None:
    said = [e for e in wave(CANARY).desk.events if isinstance(e, StageWaiting)][-1]
    assert said.reason == (
        "Deploying to eu-west by a canary of 25 %, 50 %, 100 % with 120 s after each step, at most 1 at once."
    )
    said = [e for e in wave(BLUE_GREEN).desk.events if isinstance(e, StageWaiting)][-1]
    assert (
        said.reason == "Deploying to eu-west by blue-green, the old side kept for 600 s, at most 1 at once."
    )


def test_without_a_wait_the_next_step_follows_the_answer_at_once() -> None:
    release = wave({**CANARY, "wait": "0s"})
    assert only(stepped(release), Granted).share == 0.5


def test_a_region_keeps_its_place_among_max_parallel_until_production_rolled() -> None:
    release = wave(CANARY, regions=["eu-west", "eu-north", "us-east"], **{"max-parallel": 2})
    assert [grant.region for grant in release.grants()] == ["eu-west", "eu-north"]
    stepped(release)
    release.fire("step eu-west")
    assert {grant.region for grant in release.grants()} == {"eu-west", "eu-north"}


def test_a_failed_step_begins_the_canary_anew_and_a_failed_roll_out_goes_on() -> None:
    release = wave(CANARY, retry=2)
    stepped(release)
    release.fire("step eu-west")
    again = only(release.failed("eu-west"), Granted)
    assert (again.action, again.share, again.attempt) == (Action.CANARY, 0.25, 2)
    for _ in range(3):
        stepped(release)
        release.fire("step eu-west")
    again = only(release.failed("eu-west"), Granted)
    assert (again.action, again.attempt) == (Action.DEPLOY, 3)
    assert "StagePassed" in names(release.deployed("eu-west"))


def test_a_failed_step_without_attempts_left_fails_the_release_and_nothing_runs_on() -> None:
    release = wave(CANARY, regions=["eu-west", "eu-north"], **{"max-parallel": 2})
    stepped(release, "eu-north")
    said = release.failed("eu-west", "the clone crashes")
    assert only(said, RegionFailed).final
    assert only(said, VerdictReached).guilty == ("eu-west",)
    assert release.timers() == set()


def test_a_step_that_is_refused_as_too_old_is_granted_again_as_it_was() -> None:
    release = wave(CANARY)
    stepped(release)
    release.fire("step eu-west")
    again = only(release.refused("eu-west", RefusalCode.EXPIRED), Granted)
    assert (again.action, again.share, again.attempt, str(again.fence)) == (Action.CANARY, 0.5, 1, "8.0.3")


def test_an_incident_between_two_steps_fails_the_release_before_the_next_one() -> None:
    release = wave(CANARY)
    release.begun("eu-west")
    stepped(release)
    verdict = only(release.incident(region="eu-west"), VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("eu-west",))
    assert release.timers() == set()


def test_once_a_fence_was_met_no_further_step_is_granted() -> None:
    release = wave(CANARY, regions=["eu-west", "eu-north"], **{"max-parallel": 2})
    stepped(release)
    release.refused("eu-north", RefusalCode.FENCED)
    assert [e for e in release.fire("step eu-west") if isinstance(e, Granted)] == []


def test_an_answer_of_another_kind_than_the_step_asked_for_changes_nothing() -> None:
    release = wave(CANARY)
    assert release.give(release.answer(RegionDeployed, "eu-west")) == []
    for _ in range(3):
        stepped(release)
        release.fire("step eu-west")
    assert release.grant("eu-west").action is Action.DEPLOY
    last = release.answer(
        PilotDeployed, "eu-west", pilot_pods="payments-pilot-8-", baseline_pods="payments-", share=1.0
    )
    assert release.give(last) == []


@settings(max_examples=60, deadline=None)
@given(
    retry=st.integers(0, 2),
    answers=st.lists(st.sampled_from(["ok", "ok", "bad", "late", "expired"]), max_size=30),
)
def test_no_step_is_granted_before_the_one_before_it_was_done_in_the_same_attempt(
    retry: int, answers: list[str]
) -> None:
    release = wave(CANARY, retry=retry)
    for answer in answers:
        match answer:
            case _ if "step eu-west" in release.timers():
                release.fire("step eu-west")
            case _ if "deadline eu-west" not in release.timers():
                break
            case "ok" if release.grant("eu-west").action is Action.DEPLOY:
                release.deployed("eu-west")
            case "ok":
                stepped(release)
            case "bad":
                release.give(release.answer(DeploymentFailed, "eu-west", reason="bad"))
            case "late":
                release.fire("deadline eu-west")
            case _:
                release.refused("eu-west", RefusalCode.EXPIRED)
    shares = {None: 4, 0.25: 1, 0.5: 2, 1.0: 3}
    for attempt in range(1, retry + 2):
        granted = [shares[grant.share] for grant in release.grants() if grant.attempt == attempt]
        assert granted[:1] in ([], [1], [4])
        assert all(later - earlier in {0, 1} for earlier, later in pairwise(granted))


# --- blue-green -----------------------------------------------------------------------------------------------


def test_green_is_prepared_and_asked_then_switched_to_then_kept_apart_and_then_production_rolls() -> None:
    release = wave(BLUE_GREEN)
    prepared = release.grant("eu-west")
    assert (prepared.action, prepared.share) == (Action.GREEN, None)
    assert [request.path for request in prepared.requests] == ["/healthz", "/pay"]
    switch = only(release.probed("eu-west", *ALL_GOOD), Granted)
    assert (switch.action, switch.share, switch.requests) == (Action.SWITCH, 1.0, ())
    waiting = only(stepped(release), StageWaiting)
    assert waiting.reason == (
        "The green side has all traffic of eu-west. The old side is kept for 600 s to go back to, then the Deployment "
        "rolls."
    )
    assert only(release.fire("step eu-west"), Granted).action is Action.DEPLOY
    assert "StagePassed" in names(release.deployed("eu-west"))


def test_a_request_that_green_does_not_answer_as_the_plan_expects_fails_before_any_traffic() -> None:
    release = wave(BLUE_GREEN, retry=3)
    bad = (probe("GET", "/healthz", 200, 200), probe("POST", "/pay", 201, 500))
    verdict = only(release.probed("eu-west", *bad), VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("eu-west",))
    assert verdict.reason == (
        "In the region eu-west, before its green side got any traffic, the request 2 of 2 (POST /pay) answered 500; "
        "expected 201. expected 201"
    )
    assert verdict.evidence["regions"]["eu-west"]["passed"] == 1
    assert steps(release) == [(Action.GREEN, None)]


def test_without_requests_green_is_switched_to_once_it_is_ready() -> None:
    release = wave({"blue-green": {"keep": "1m"}})
    assert only(release.probed("eu-west"), Granted).action is Action.SWITCH


def test_a_switch_that_failed_begins_with_green_anew() -> None:
    release = wave(BLUE_GREEN, retry=1)
    release.probed("eu-west", *ALL_GOOD)
    assert only(release.failed("eu-west"), Granted).action is Action.GREEN


def test_an_incident_while_the_old_side_is_kept_fails_the_release() -> None:
    release = wave(BLUE_GREEN)
    release.begun("eu-west")
    release.probed("eu-west", *ALL_GOOD)
    stepped(release)
    assert only(release.incident(region="eu-west"), VerdictReached).outcome is Outcome.FAIL
    assert release.timers() == set()
