"""Waves and the watch: pace, retries, deadlines, refusals, bake; and the release's end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.messages.decision import RowKey
from lockgate.messages.deployments import DeploymentStarted, RefusalCode, RegionDeployed
from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted, ReleaseOutcome
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseSettled
from lockgate.messages.verdicts import (
    Granted,
    Outcome,
    RegionFailed,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
    WatchEnded,
    WatchOutcome,
    WatchStarted,
)
from lockgate.verifier.core.rows import PlanRow, RegionRow, ReleaseRow
from tests.support.verifier import (
    APPLICATION,
    ARTIFACT,
    PILOT,
    RELEASE,
    WATCH,
    WAVE,
    Journey,
    in_production,
    names,
    only,
    plan,
)

REGIONS = ["eu-west", "eu-north", "us-east", "us-west"]


def wave(**changes: object) -> Journey:
    return in_production({**WAVE, "regions": REGIONS, "max-parallel": 2, **changes}, WATCH)


def settled() -> ReleaseSettled:
    return ReleaseSettled(
        application=APPLICATION, release=RELEASE, artifact=ARTIFACT, answers={}, debts=(), reason="taken back"
    )


def halted() -> ReleaseHalted:
    return ReleaseHalted(
        application=APPLICATION,
        release=RELEASE,
        number=8,
        turn=1,
        regions=("eu-west",),
        reason="an operator said so",
    )


# --- pace -----------------------------------------------------------------------------------------------------


def test_a_wave_grants_as_many_regions_at_once_as_the_plan_allows_and_the_next_with_each_answer() -> None:
    release = wave()
    assert [grant.region for grant in release.grants()] == ["eu-west", "eu-north"]
    assert [grant.region for grant in release.deployed("eu-north") if isinstance(grant, Granted)] == [
        "us-east"
    ]
    assert only(release.deployed("eu-west"), Granted).region == "us-west"
    assert release.deployed("us-west") == []
    said = release.deployed("us-east")
    assert names(said) == ["StagePassed", "WatchStarted", "StageWaiting"]
    assert only(said, StagePassed).kind == "wave"


def test_what_another_deployer_says_of_a_region_is_no_answer_of_it() -> None:
    release = wave()
    claimed = release.answer(RegionDeployed, "eu-west").model_copy(update={"deployer": "deployer-rival"})
    begun = release.answer(DeploymentStarted, "eu-west", found=None)
    assert release.give(claimed) == []
    assert release.give(begun.model_copy(update={"deployer": "deployer-rival"})) == []
    assert release.incident(region="eu-west") == []
    assert only(release.deployed("eu-west"), Granted).region == "us-east"


def test_a_grant_of_a_wave_says_where_it_is_for_and_how_long_it_holds() -> None:
    granted = wave(budget="15m").grant("eu-west")
    assert (granted.deployer, granted.namespace, granted.cluster) == (
        "deployer-eu-west",
        APPLICATION,
        "uid-eu-west",
    )
    assert (str(granted.fence), granted.valid_for, granted.deadline) == ("8.0.1", 450, 900)
    assert granted.share is None


def test_a_deadline_that_is_set_on_a_deployer_has_a_grace_for_gaps_in_our_own_reading() -> None:
    timer = wave(budget="15m").desk.timers[APPLICATION, "deadline eu-west"]
    assert timer.grace.total_seconds() == 450


def test_the_release_row_is_as_large_with_two_thousand_regions_as_with_two() -> None:
    many = wave(regions=[f"region-{i}" for i in range(2000)])
    few = wave()
    sizes = [len(j.desk.row(ReleaseRow, APPLICATION).model_dump_json()) for j in (many, few)]
    assert sizes[0] == sizes[1]


@settings(max_examples=60, deadline=None)
@given(
    parallel=st.integers(1, 4),
    retry=st.integers(0, 2),
    choices=st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["ok", "bad", "late", "expired"])), max_size=40
    ),
)
def test_never_more_than_max_parallel_grants_are_outstanding_and_fences_only_rise(
    parallel: int, retry: int, choices: list[tuple[int, str]]
) -> None:
    release = wave(regions=[f"r{i}" for i in range(6)], retry=retry, **{"max-parallel": parallel})
    for pick, what in choices:
        open_regions = sorted(name.split(" ")[1] for name in release.timers() if name.startswith("deadline"))
        assert len(open_regions) <= parallel
        if not open_regions:
            break
        region = open_regions[pick % len(open_regions)]
        match what:
            case "ok":
                release.deployed(region)
            case "bad":
                release.failed(region)
            case "late":
                release.fire(f"deadline {region}")
            case _:
                release.refused(region, RefusalCode.EXPIRED)
    for region in release.plan.regions:
        fences = [grant.fence.order for grant in release.grants() if grant.region == region]
        assert fences == sorted(set(fences))
        assert all(grant.attempt <= retry + 1 for grant in release.grants())


# --- failures -------------------------------------------------------------------------------------------------


def test_a_region_that_fails_is_granted_again_while_the_plan_allows_it() -> None:
    release = wave(retry=1)
    said = release.failed("eu-west")
    assert names(said) == ["RegionFailed", "Granted"]
    failure, again = only(said, RegionFailed), only(said, Granted)
    assert (failure.attempt, failure.final, failure.unreachable) == (1, False, False)
    assert (str(again.fence), again.attempt) == ("8.0.2", 2)
    said = release.failed("eu-west")
    assert names(said) == ["RegionFailed", "VerdictReached", "StageWaiting"]
    assert only(said, RegionFailed).final
    verdict = only(said, VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("eu-west",))
    assert "the last of 2 attempts" in verdict.reason
    assert "the new pods crash" in verdict.reason


def test_a_region_that_does_not_answer_is_unreachable_and_a_failed_attempt() -> None:
    release = wave(retry=1)
    said = release.fire("deadline eu-west")
    failure = only(said, RegionFailed)
    assert (failure.unreachable, failure.final) == (True, False)
    assert "did not answer the grant 8.0.1 (deploy) in the region eu-west in time" in failure.reason
    assert str(only(said, Granted).fence) == "8.0.2"


def test_the_answer_to_a_grant_that_was_given_up_changes_nothing() -> None:
    release = wave(retry=1)
    old = release.grant("eu-west")
    release.fire("deadline eu-west")
    before = dict(release.desk.rows)
    assert release.give(release.answer(RegionDeployed, "eu-west", to=old)) == []
    row = release.desk.row(RegionRow, APPLICATION, "eu-west")
    assert row.exposed, "the release runs there, so incidents of the region are its doing"
    assert row.model_copy(update={"exposed": False}) == before[row_key("eu-west")]
    assert only(release.deployed("eu-west"), Granted).region == "us-east"


def row_key(region: str) -> RowKey:
    return RowKey(APPLICATION, RegionRow.kind, region)


def test_after_the_verdict_nothing_is_granted_and_no_answer_matters() -> None:
    release = wave()
    release.failed("eu-west")
    assert release.timers() == set()
    before = dict(release.desk.rows)
    assert release.deployed("eu-north") == []
    assert release.failed("eu-north") == []
    assert release.give(halted()) == []
    region = RowKey(APPLICATION, RegionRow.kind, "eu-north")
    whole = RowKey(APPLICATION, ReleaseRow.kind, "")
    changed = {key: row for key, row in release.desk.rows.items() if row != before[key]}
    # Where it runs is kept, should it be let go on.
    assert changed == {
        whole: before[whole].model_copy(update={"exposed": 1}),
        region: before[region].model_copy(update={"exposed": True}),
    }


@pytest.mark.parametrize("retry", [0, 3])
def test_a_refusal_as_expired_is_no_failed_attempt(retry: int) -> None:
    release = wave(retry=retry)
    said = release.refused("eu-west", RefusalCode.EXPIRED)
    assert names(said) == ["Granted"]
    assert (str(only(said, Granted).fence), only(said, Granted).attempt) == ("8.0.2", 1)


def test_a_deployer_that_refuses_every_grant_as_expired_is_not_granted_to_for_ever() -> None:
    release = wave()
    for _ in range(5):
        assert names(release.refused("eu-west", RefusalCode.EXPIRED)) == ["Granted"]
    said = release.refused("eu-west", RefusalCode.EXPIRED)
    assert names(said) == ["RegionFailed", "VerdictReached", "StageWaiting"]
    assert "compare its clock" in only(said, RegionFailed).reason


def test_a_refusal_as_fenced_waits_for_the_coordinator_and_grants_nothing_more() -> None:
    release = wave(retry=1)
    said = release.refused("eu-west", RefusalCode.FENCED)
    assert names(said) == ["StageWaiting"]
    assert only(said, StageWaiting).waiting_for is WaitingFor.COORDINATOR
    assert release.deployed("eu-north") == []
    assert release.timers() == {"deadline eu-west"}


def test_a_fenced_refusal_that_no_halt_explains_fails_the_release() -> None:
    """Seed 11 of the simulation: clusters with fences of a former installation, and a release that waited for ever."""
    release = wave(retry=1)
    release.refused("eu-west", RefusalCode.FENCED)
    verdict = only(release.fire("deadline eu-west"), VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("eu-west",))
    assert "Compare the annotation lockgate.dev/fence there" in verdict.reason
    assert release.timers() == set()


def test_after_a_fenced_refusal_a_region_that_fails_is_not_granted_again() -> None:
    release = wave(retry=1)
    release.refused("eu-west", RefusalCode.FENCED)
    assert names(release.failed("eu-north")) == ["RegionFailed"]
    assert release.timers() == {"deadline eu-west"}


def test_refusals_as_expired_are_counted_anew_with_each_attempt() -> None:
    release = wave(retry=1)
    for _ in range(5):
        release.refused("eu-west", RefusalCode.EXPIRED)
    release.failed("eu-west")
    assert names(release.refused("eu-west", RefusalCode.EXPIRED)) == ["Granted"]


def test_a_refusal_as_not_served_is_a_failed_attempt() -> None:
    said = wave(retry=1).refused("eu-west", RefusalCode.NOT_SERVED)
    assert names(said) == ["RegionFailed", "Granted"]


# --- bake, watch and the end ----------------------------------------------------------------------------------


def test_a_wave_is_left_alone_for_its_bake_time() -> None:
    release = in_production({**WAVE, "after": {"bake": "10m"}}, WATCH)
    said = release.deployed("eu-west")
    assert names(said) == ["StageWaiting"]
    waiting = only(said, StageWaiting)
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.BAKE, "2026-11-24T12:10:00.000+00:00")
    assert names(release.fire("bake")) == ["StagePassed", "WatchStarted", "StageWaiting"]


def test_the_bake_timer_of_an_earlier_wave_does_not_end_a_later_one() -> None:
    first, second = (
        {**WAVE, "after": {"bake": "10m"}},
        {"name": "rest", "kind": "wave", "regions": ["us-east"]},
    )
    release = in_production(first, {**second, "after": {"bake": "1h"}}, WATCH)
    release.deployed("eu-west")
    stale = release.desk.timers[APPLICATION, "bake"]
    release.fire("bake")
    release.deployed("us-east")
    release.desk.timers[APPLICATION, "bake"] = stale
    assert release.fire("bake") == []


def test_the_watch_ends_the_release() -> None:
    release = in_production(WAVE, WATCH)
    said = release.deployed("eu-west")
    watch = only(said, WatchStarted)
    assert (watch.duration, watch.until) == (7200, "2026-11-24T14:00:00.000+00:00")
    said = release.fire("watch")
    assert names(said) == ["WatchEnded", "StagePassed"]
    assert only(said, WatchEnded).outcome is WatchOutcome.PASSED
    assert only(said, StagePassed).kind == "watch"
    assert not [key for key in release.desk.rows if key.kind == PlanRow.kind]


def closed() -> ReleaseClosed:
    return ReleaseClosed(
        application=APPLICATION,
        release=RELEASE,
        artifact=ARTIFACT,
        outcome=ReleaseOutcome.ROLLED_BACK,
        reason="an operator closed it",
    )


def test_a_release_that_is_halted_grants_nothing_more_and_says_whom_it_waits_for() -> None:
    release = wave()
    said = release.give(halted())
    assert names(said) == ["StageWaiting"]
    assert only(said, StageWaiting).waiting_for is WaitingFor.COORDINATOR
    assert release.timers() == set()
    assert release.deployed("eu-west") == []


@pytest.mark.parametrize("end", [settled(), closed()])
def test_a_release_that_is_settled_or_closed_stops_without_a_word(
    end: ReleaseClosed | ReleaseSettled,
) -> None:
    release = wave()
    assert release.give(end) == []
    assert release.timers() == set()
    assert release.deployed("eu-west") == []
    assert not [key for key in release.desk.rows if key.kind == PlanRow.kind]


def test_a_failed_release_is_forgotten_when_it_is_settled() -> None:
    release = wave()
    release.failed("eu-west")
    release.give(settled())
    assert not [key for key in release.desk.rows if key.kind == PlanRow.kind]
    assert release.give(closed()) == []


def test_of_the_completion_of_a_release_that_passed_it_is_remembered_that_it_is_and_nothing_else() -> None:
    release = in_production(WAVE, WATCH)
    release.deployed("eu-west")
    release.fire("watch")
    rows = dict(release.desk.rows)
    completed = ReleaseCompleted(application=APPLICATION, release=RELEASE, artifact=ARTIFACT)
    assert release.give(completed) == []
    changed = {key for key, row in release.desk.rows.items() if rows.get(key) != row}
    assert {key.kind for key in changed} == {"completed"}
    assert release.desk.rows.keys() == rows.keys()


def test_the_next_release_begins_its_own_count_of_grants_under_its_own_number() -> None:
    first = in_production(WAVE, WATCH)
    first.deployed("eu-west")
    first.fire("watch")
    second = Journey(plan(WAVE, WATCH), release="the-next-release", number=9, desk=first.desk)
    second.start()
    assert str(only(second.enter(), Granted).fence) == "10.0.1"


def test_a_release_that_started_before_the_current_one_changes_nothing() -> None:
    current = in_production(WAVE, WATCH)
    old = Journey(plan(PILOT, WAVE, WATCH), release="an-old-release", number=3, desk=current.desk)
    assert old.start() == []
    assert old.enter() == []


def test_events_of_another_release_change_nothing() -> None:
    release = wave()
    foreign = release.answer(RegionDeployed, "eu-west").model_copy(update={"release": "another"})
    assert release.give(foreign) == []
    assert release.give(settled().model_copy(update={"release": "another"})) == []
    assert len(release.timers()) == 2


def test_what_is_waited_for_is_said_once() -> None:
    release = wave()
    for region in REGIONS:
        release.deployed(region)
    waits = [event.waiting_for for event in release.desk.events if isinstance(event, StageWaiting)]
    assert waits == [WaitingFor.PRODUCTION, WaitingFor.REGIONS, WaitingFor.WATCH]
