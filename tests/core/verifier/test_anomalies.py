"""Incidents: which release they blame, and which they do not."""

import pytest

from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.deployments import DeploymentStarted
from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import Outcome, VerdictReached, WatchEnded, WatchOutcome
from tests.support.verifier import (
    GOOD_PROBES,
    OTHER_DIGEST,
    PILOT,
    PREPROD,
    WATCH,
    WAVE,
    Journey,
    in_production,
    names,
    only,
    plan,
)


def watched() -> Journey:
    release = in_production({**WAVE, "regions": ["eu-west", "us-east"], "max-parallel": 2}, WATCH)
    release.deployed("eu-west")
    release.deployed("us-east")
    return release


def half_deployed() -> Journey:
    """eu-west runs the release, us-east was granted and has not begun."""
    release = in_production({**WAVE, "regions": ["eu-west", "us-east"]}, WATCH)
    release.deployed("eu-west")
    return release


def test_an_incident_in_the_watch_fails_the_release_and_ends_the_watch() -> None:
    release = watched()
    said = release.incident("alert-9", "us-east", description="errors above 5 %")
    assert names(said) == ["VerdictReached", "WatchEnded", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("us-east",))
    assert "incident alert-9 in the region us-east" in verdict.reason
    assert "errors above 5 %" in verdict.reason
    assert verdict.evidence["incident"] == "alert-9"
    assert only(said, WatchEnded).outcome is WatchOutcome.FAILED
    assert release.timers() == set()


def test_an_incident_in_a_wave_fails_the_release_where_it_is_deployed_already() -> None:
    said = half_deployed().incident("alert-1", "eu-west")
    assert names(said) == ["VerdictReached", "StageWaiting"]


def test_an_incident_in_a_region_that_the_release_has_not_reached_changes_nothing() -> None:
    assert half_deployed().incident("alert-1", "us-east") == []


def test_an_incident_in_a_region_where_the_roll_out_has_begun_fails_the_release() -> None:
    release = half_deployed()
    release.begun("us-east")
    assert only(release.incident("alert-1", "us-east"), VerdictReached).guilty == ("us-east",)


def test_an_incident_beside_a_running_pilot_fails_the_release() -> None:
    release = in_production(PILOT, WAVE, WATCH)
    release.piloted("eu-west")
    assert names(release.incident("alert-1", "eu-west")) == ["VerdictReached", "StageWaiting"]
    assert release.desk.work == {}


def test_an_incident_that_names_no_region_is_about_all_of_them() -> None:
    verdict = only(half_deployed().incident("alert-1", ""), VerdictReached)
    assert verdict.guilty == ()
    assert "without naming a region" in verdict.reason


def test_an_incident_in_a_region_that_the_plan_does_not_have_changes_nothing() -> None:
    assert watched().incident("alert-1", "mars") == []
    assert watched().incident("alert-1", "not a name!") == []


def test_an_incident_before_any_production_step_changes_nothing() -> None:
    release = Journey(plan(PREPROD, WAVE, WATCH))
    release.start()
    release.deployed("eu-preprod")
    assert release.incident("alert-1", "") == []
    assert release.incident("alert-2", "eu-preprod") == []


def test_pre_production_is_not_blamed_for_late_news_of_it() -> None:
    release = Journey(plan(PREPROD, WAVE, WATCH))
    release.start()
    late = release.answer(DeploymentStarted, "eu-preprod", found=OTHER_DIGEST)
    release.deployed("eu-preprod")
    release.probed("eu-preprod", *GOOD_PROBES)
    release.enter()
    release.give(late)
    assert release.incident("alert-1", "eu-preprod") == []


@pytest.mark.parametrize(
    ("artifact", "blamed"),
    [
        (f"pkg:oci/payments@{OTHER_DIGEST.replace(':', '%3A')}", False),
        ("pkg:oci/payments@sha256%3A" + "a" * 64, True),
        ("pkg:oci/payments@1.4.0", True),  # a version that is no digest may be any
        (None, True),
    ],
)
def test_an_incident_that_names_another_digest_does_not_blame_the_release(
    artifact: str | None, blamed: bool
) -> None:
    said = watched().incident("alert-1", "us-east", artifact_id=artifact)
    assert (names(said)[:1] == ["VerdictReached"]) is blamed


@pytest.mark.parametrize(
    ("service", "reaches"),
    [
        ("payments", True),
        ("/prod/payments", True),
        ("https://monitoring/services/payments/", True),
        ("/prod/checkout", False),
        ("", False),
        ("/prod/Payments Service", False),
    ],
)
def test_the_last_segment_of_the_service_names_the_application(service: str, reaches: bool) -> None:
    assert bool(watched().incident("alert-1", "us-east", service=service)) is reaches


def test_the_same_incident_again_changes_nothing() -> None:
    release = watched()
    release.incident("alert-1", "us-east")
    rows = dict(release.desk.rows)
    assert release.incident("alert-1", "us-east") == []
    assert release.desk.rows == rows


def test_another_incident_after_the_verdict_says_nothing() -> None:
    release = watched()
    release.incident("alert-1", "us-east")
    assert release.incident("alert-2", "us-east") == []


def test_an_incident_that_was_there_before_the_release_is_not_its_doing_when_it_is_repeated() -> None:
    release = half_deployed()
    release.incident("alert-1", "us-east")
    release.deployed("us-east")
    assert release.incident("alert-1", "us-east") == []


def test_an_incident_that_was_resolved_and_comes_again_is_a_new_one() -> None:
    release = half_deployed()
    release.incident("alert-1", "us-east")
    assert release.resolved("alert-1") == []
    release.deployed("us-east")
    assert names(release.incident("alert-1", "us-east"))[0] == "VerdictReached"


def test_a_resolution_after_the_verdict_says_nothing() -> None:
    release = watched()
    release.incident("alert-1", "us-east")
    assert release.resolved("alert-1") == []


def test_what_is_remembered_of_incidents_is_bounded() -> None:
    release = half_deployed()
    for i in range(200):
        release.incident(f"alert-{i}", "us-east")
    row = next(row for key, row in release.desk.rows.items() if key.kind == "incidents")
    assert len(row.model_dump()["seen"]) == 64


def test_an_incident_of_an_application_without_a_release_changes_nothing() -> None:
    release = Journey(plan(WAVE, WATCH))
    said: list[Payload] = release.desk.give(IncidentDetected(incident="a", service="payments"), key="")
    assert said == []
    assert release.desk.rows == {}
