"""Incidents that name the version that was completed last: it is blamed once, also while another release is under way."""

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseCompleted, ReleaseEntered
from lockgate.messages.rollbacks import ReleaseSettled
from lockgate.messages.values import Artifact
from lockgate.messages.verdicts import FailCause, Outcome, VerdictReached
from tests.support.verifier import APPLICATION, ARTIFACT, OTHER_DIGEST, RELEASE, WATCH, WAVE, Journey, plan

OTHER = Artifact(purl=f"pkg:oci/payments@{OTHER_DIGEST.replace(':', '%3A')}", digest=OTHER_DIGEST)
NAMED = f"pkg:oci/payments@{ARTIFACT.digest.replace(':', '%3A')}"


def passed() -> Journey:
    """Every region runs it, and its watch is over."""
    way = Journey(plan(WAVE, WATCH))
    way.start()
    way.enter()
    way.deployed("eu-west")
    way.fire("watch")
    return way


def completed() -> Journey:
    way = passed()
    way.give(ReleaseCompleted(application=APPLICATION, release=RELEASE, artifact=ARTIFACT))
    return way


def verdict_in(events: list[Payload]) -> VerdictReached:
    (verdict,) = events
    assert isinstance(verdict, VerdictReached)
    return verdict


def test_an_incident_that_names_it_blames_it() -> None:
    verdict = verdict_in(completed().incident("errors", "eu-west", artifact_id=NAMED, description="8 % fail"))
    assert (verdict.release, verdict.stage, verdict.outcome, verdict.cause, verdict.guilty) == (
        RELEASE,
        "watch",
        Outcome.FAIL,
        FailCause.INCIDENT,
        ("eu-west",),
    )
    assert verdict.reason == (
        f"Monitoring reported the incident errors in the region eu-west, and names {ARTIFACT.label}, "
        "which was completed. It says: 8 % fail"
    )
    assert verdict.evidence["artifactId"] == NAMED


def test_one_of_all_regions_names_none() -> None:
    verdict = verdict_in(completed().incident("errors", "production", artifact_id=NAMED))
    assert verdict.guilty == ()
    assert "errors without naming a region" in verdict.reason


@pytest.mark.parametrize(
    ("region", "artifact"),
    [
        ("eu-west", None),
        ("eu-west", f"pkg:oci/payments@{OTHER_DIGEST.replace(':', '%3A')}"),
        ("ap-south", NAMED),
    ],
    ids=["it names no version", "it names another one", "its region is not in the plan"],
)
def test_others_blame_nobody(region: str, artifact: str | None) -> None:
    assert completed().incident("errors", region, artifact_id=artifact) == []


def test_it_is_blamed_once() -> None:
    way = completed()
    way.incident("errors", "eu-west", artifact_id=NAMED)
    assert way.incident("errors", "eu-west", artifact_id=NAMED) == []


def test_not_before_it_is_said_to_be_completed() -> None:
    assert passed().incident("errors", "eu-west", artifact_id=NAMED) == []


def the_next_is_under_way(*, owns: bool, artifact: Artifact = OTHER) -> Journey:
    way = completed()
    way.release, way.number, way.artifact = "another", 9, artifact
    way.start()
    if owns:
        way.enter()
    return way


@pytest.mark.parametrize("owns", [False, True], ids=["before it owns production", "in production"])
def test_also_while_another_release_is_under_way(owns: bool) -> None:
    way = the_next_is_under_way(owns=owns)
    verdict = verdict_in(way.incident("errors", "eu-west", artifact_id=NAMED))
    assert (verdict.release, verdict.guilty) == (RELEASE, ("eu-west",))
    assert way.incident("errors", "eu-west", artifact_id=NAMED) == [], "it is blamed once"


def test_the_same_version_that_is_released_again_is_judged_as_that_release() -> None:
    assert (
        the_next_is_under_way(owns=False, artifact=ARTIFACT).incident("errors", "eu-west", artifact_id=NAMED)
        == []
    )


def test_not_once_it_is_taken_back_on_an_operators_word() -> None:
    way = completed()
    way.give(
        ReleaseEntered(application=APPLICATION, release="back", artifact=ARTIFACT, number=9, recovers=RELEASE)
    )
    assert way.incident("errors", "eu-west", artifact_id=NAMED) == []


def test_not_where_an_operator_ended_it_before_it_was_completed() -> None:
    way = passed()
    way.give(
        ReleaseSettled(
            application=APPLICATION,
            release=RELEASE,
            artifact=ARTIFACT,
            answers={},
            debts=(),
            reason="taken back",
        )
    )
    way.give(ReleaseCompleted(application=APPLICATION, release=RELEASE, artifact=ARTIFACT))
    assert way.incident("errors", "eu-west", artifact_id=NAMED) == []
