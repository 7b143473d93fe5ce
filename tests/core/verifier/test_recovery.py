"""After a rollback: whether what the release was blamed for ends in time, and what is said of it."""

from datetime import timedelta

from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import RegionAnswer, ReleaseSettled
from lockgate.messages.verdicts import RollbackVerified
from tests.support.verifier import APPLICATION, ARTIFACT, RELEASE, WATCH, WAVE, Journey, in_production, only

RECOVERS = {"recovers-within": "10m"}
HELPED = "Monitoring reported that what 1.4.0 was taken back for is over."


def watched(**remediation: str) -> Journey:
    release = in_production(
        {**WAVE, "regions": ["eu-west", "us-east"], "max-parallel": 2}, WATCH, remediation=remediation
    )
    release.deployed("eu-west")
    release.deployed("us-east")
    return release


def settled(release: Journey, *debts: str, stays: bool = False) -> list[Payload]:
    answers = dict.fromkeys(("eu-west", "us-east"), RegionAnswer.ROLLED_BACK)
    return release.give(
        ReleaseSettled(
            application=APPLICATION,
            release=release.release,
            artifact=ARTIFACT,
            answers={**answers, **dict.fromkeys(debts, RegionAnswer.UNREACHABLE)},
            debts=debts,
            stays=stays,
            reason="so",
        )
    )


def blamed(*incidents: str, debts: tuple[str, ...] = ()) -> Journey:
    """It was taken back for these, and its coordinator has settled it."""
    release = watched(**RECOVERS)
    for name in incidents:
        release.incident(name, "us-east")
    assert settled(release, *debts) == []
    return release


def next_one(first: Journey, name: str, *incidents: str) -> Journey:
    """The next release, which is blamed and taken back as well."""
    release = Journey(first.plan, release=name, number=20, desk=first.desk)
    release.start()
    release.enter()
    release.deployed("eu-west")
    for incident in incidents:
        release.incident(incident, "eu-west")
    assert settled(release) == []
    return release


def said(release: Journey) -> RollbackVerified:
    """What is said at the deadline."""
    return only(release.fire("recovery"), RollbackVerified)


def test_an_incident_that_ends_in_time_says_at_the_deadline_that_the_rollback_helped() -> None:
    release = blamed("alert-1")
    release.desk.wait(599)
    assert release.resolved("alert-1") == []
    found = said(release)
    assert (found.application, found.release, found.recovered) == (APPLICATION, RELEASE, True)
    assert found.reason == HELPED
    assert release.timers() == set()


def test_an_incident_that_does_not_end_in_time_is_said_once() -> None:
    release = blamed("alert-1")
    found = said(release)
    assert found.recovered is False
    assert found.reason == (
        "1.4.0 was taken back 600 s ago, and 1 incident that it was blamed for did not end: "
        "it was not to blame, or not alone."
    )
    assert release.resolved("alert-1") == []
    assert release.timers() == set()


def test_all_that_it_was_blamed_for_has_to_end() -> None:
    release = blamed("alert-1", "alert-2")
    release.resolved("alert-1")
    assert said(release).recovered is False


def test_an_incident_that_ends_and_comes_again_has_not_ended() -> None:
    release = blamed("alert-1", "alert-2")
    release.resolved("alert-1")
    release.incident("alert-1", "us-east")
    release.resolved("alert-2")
    assert said(release).recovered is False


def test_one_that_comes_again_and_ends_once_more_has_ended() -> None:
    release = blamed("alert-1")
    release.resolved("alert-1")
    release.incident("alert-1", "us-east")
    release.resolved("alert-1")
    assert said(release).recovered is True


def test_what_ended_before_it_was_settled_counts_if_it_comes_again_after() -> None:
    release = watched(**RECOVERS)
    release.incident("alert-1", "us-east")
    release.resolved("alert-1")
    settled(release)
    release.incident("alert-1", "us-east")
    assert said(release).recovered is False


def test_what_ended_before_it_was_settled_and_stays_so_is_over() -> None:
    release = watched(**RECOVERS)
    release.incident("alert-1", "us-east")
    release.resolved("alert-1")
    settled(release)
    assert said(release).recovered is True


def test_an_incident_of_somebody_else_is_not_waited_for() -> None:
    release = blamed("alert-1")
    release.resolved("alert-1")
    release.incident("alert-7", "us-east")
    assert said(release).recovered is True


def test_of_a_release_that_nobody_complained_of_nothing_is_said() -> None:
    assert blamed().timers() == set()


def test_without_the_plans_word_nothing_is_waited_for() -> None:
    release = watched()
    release.incident("alert-1", "us-east")
    assert settled(release) == []
    assert release.timers() == set()


def test_of_a_release_that_stays_where_it_is_nothing_is_said() -> None:
    release = watched(**RECOVERS)
    release.incident("alert-1", "us-east")
    assert settled(release, stays=True) == []
    assert release.timers() == set()


def test_where_it_may_still_run_nobody_is_told_that_it_was_not_to_blame() -> None:
    release = blamed("alert-1", debts=("us-east",))
    assert said(release).reason == (
        "1.4.0 was taken back 600 s ago, and 1 incident that it was blamed for did not end: "
        "when it was settled it might still run in us-east, so look there first."
    )


def test_a_second_release_that_is_taken_back_meanwhile_prolongs_nothing() -> None:
    first = blamed("alert-1")
    due = first.desk.timers[APPLICATION, "recovery"].due
    first.desk.wait(480)
    second = next_one(first, "second", "alert-2")
    assert first.desk.timers[APPLICATION, "recovery"].due == due
    second.resolved("alert-2")
    found = said(second)
    assert (found.release, found.recovered) == ("second", False)
    assert found.reason == (
        "1.4.0, or one that was taken back before it, was taken back 600 s ago, and 1 incident that it was "
        "blamed for did not end: it was not to blame, or not alone."
    )


def test_both_have_helped_when_all_is_over_that_either_was_blamed_for() -> None:
    second = next_one(blamed("alert-1"), "second", "alert-2")
    second.resolved("alert-2")
    second.resolved("alert-1")
    found = said(second)
    assert (found.release, found.recovered) == ("second", True)
    assert found.reason == (
        "Monitoring reported that what 1.4.0, or one that was taken back before it, was taken back for is over."
    )


def test_a_gap_in_our_own_reading_is_no_incident_that_does_not_end() -> None:
    release = blamed("alert-1")
    assert release.desk.timers[APPLICATION, "recovery"].grace == timedelta(minutes=5)
