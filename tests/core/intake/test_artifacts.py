"""An announced artifact becomes a release in the queue, or is refused with a code and a sentence."""

import pytest

from lockgate.intake.core.versions import KNOWN_BAD
from lockgate.intake.rows import BadVersion, BadVersions
from lockgate.messages.artifacts import ArtifactPublished, OtherEvent
from lockgate.messages.message import Message
from lockgate.messages.releases import ArtifactRefusal, ArtifactRefused, ReleaseQueued, ReleaseStarted
from lockgate.messages.rollbacks import Grade
from tests.support.desk import Desk
from tests.support.intake import (
    APP,
    announce,
    announced,
    desk,
    digest,
    empty_desk,
    marked,
    names,
    published,
    purl,
    settled,
    watched,
)

AT = "@sha256%3A" + "a" * 64


def _refused(at_desk: Desk, text: str) -> ArtifactRefused:
    before = dict(at_desk.rows)
    (refused,) = at_desk.give(ArtifactPublished(purl=text), writer="ci")
    assert isinstance(refused, ArtifactRefused)
    assert refused.purl == text
    assert at_desk.rows == before
    return refused


@pytest.mark.parametrize(
    ("text", "code", "start"),
    [
        ("pkg:npm/payments@1.0", ArtifactRefusal.NOT_OCI, "'pkg:npm/payments@1.0' is no image: announce"),
        ("", ArtifactRefusal.NOT_OCI, "'' is no image: announce a package URL of the type oci"),
        (
            "pkg:oci/payments",
            ArtifactRefusal.NO_DIGEST,
            "'pkg:oci/payments' names no digest, and a tag can move",
        ),
        (
            "pkg:oci/payments@v1?tag=v1",
            ArtifactRefusal.NO_DIGEST,
            "'pkg:oci/payments@v1?tag=v1' names no digest",
        ),
        (
            "pkg:oci/payments@sha256%3Aabc",
            ArtifactRefusal.NO_DIGEST,
            "'pkg:oci/payments@sha256%3Aabc' has no good digest: 64 hexadecimal digits are needed after sha256:, got 3",
        ),
        (
            f"pkg:oci/payments@SHA256%3A{'A' * 64}",
            ArtifactRefusal.NO_DIGEST,
            f"'pkg:oci/payments@SHA256%3A{'A' * 53}…' has no good digest: write the digest in lower case",
        ),
        (
            f"pkg:oci/payments?tag=v4@sha256:{'a' * 64}",
            ArtifactRefusal.NO_DIGEST,
            f"'pkg:oci/payments?tag=v4@sha256:{'a' * 48}…' has its digest behind the `?`",
        ),
        (
            f"pkg:oci/payments:v4{AT}",
            ArtifactRefusal.UNKNOWN_PACKAGE,
            "no plan claims 'pkg:oci/payments:v4': a package URL has no :v4; write pkg:oci/payments@sha256%3A…?tag=v4",
        ),
        (f"pkg:oci/payments{AT}%0A", ArtifactRefusal.NO_DIGEST, "'pkg:oci/payments@sha256"),
        (
            f"pkg:oci/other{AT}",
            ArtifactRefusal.UNKNOWN_PACKAGE,
            "no plan claims 'pkg:oci/other': publish a plan",
        ),
        ("pkg:oci/" + "x" * 1000, ArtifactRefusal.NO_DIGEST, "'pkg:oci/xxx"),
    ],
)
def test_what_cannot_be_released_is_refused_with_a_code(text: str, code: ArtifactRefusal, start: str) -> None:
    refused = _refused(desk(), text)
    assert (refused.code, refused.application) == (code, None)
    assert refused.reason.startswith(start)


def test_an_event_that_announces_nothing_is_answered_with_what_to_send() -> None:
    at_desk = desk()
    before = dict(at_desk.rows)
    body = OtherEvent(subject=purl(1), event_type="dev.cdevents.artifact.packaged.0.3.0")
    (refused,) = at_desk.give(body, key="", writer="ci")
    assert isinstance(refused, ArtifactRefused)
    assert (refused.code, refused.application) == (ArtifactRefusal.NOT_PUBLISHED, None)
    assert refused.purl == purl(1)
    assert refused.reason == (
        f"the event {refused.event} is a dev.cdevents.artifact.packaged.0.3.0, which announces no artifact: "
        "send dev.cdevents.artifact.published.0.3.0 once the artifact can be pulled"
    )
    assert at_desk.rows == before


def test_a_very_long_subject_of_another_event_is_cut() -> None:
    (refused,) = desk().give(OtherEvent(subject="s" * 2048, event_type="t" * 2048), key="")
    assert isinstance(refused, ArtifactRefused)
    assert len(refused.purl) == 1024


def test_an_artifact_of_an_idle_application_is_queued_and_starts_at_once() -> None:
    queued, started = desk().give(announced(1), writer="ci")
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(started, ReleaseStarted)
    assert (queued.position, queued.artifact.digest, queued.artifact.tag) == (0, digest(1), "v1")
    assert queued.reason == "v1 starts at once: no other release of payments is under way"
    assert started.release == queued.release


def test_the_name_of_an_image_is_read_in_lower_case() -> None:
    assert names(desk().give(ArtifactPublished(purl=purl(1, "pkg:oci/Payments")))) == [
        "ReleaseQueued",
        "ReleaseStarted",
    ]


def test_a_tag_that_is_too_long_is_cut() -> None:
    queued, _started = desk().give(ArtifactPublished(purl=f"pkg:oci/payments{AT}?tag={'t' * 500}"))
    assert isinstance(queued, ReleaseQueued)
    assert queued.artifact.tag == "t" * 127 + "…"


def test_a_digest_that_is_under_way_is_a_duplicate() -> None:
    at_desk = desk()
    release = announce(at_desk, 1)
    refused = _refused(at_desk, purl(1))
    assert (refused.code, refused.application) == (ArtifactRefusal.DUPLICATE, APP)
    assert (
        refused.reason
        == f"{digest(1)} of payments is v1 already, which is queued or under way as the release {release}"
    )


def test_two_images_that_ci_announces_with_one_id_are_two_releases() -> None:
    at_desk = desk(queue={"supersede": False})
    given = [at_desk.give(announced(n), writer="ci", id_="build-4711") for n in (1, 2)]
    queued = [event for events in given for event in events if isinstance(event, ReleaseQueued)]
    assert [event.artifact.digest for event in queued] == [digest(1), digest(2)]
    assert queued[0].release != queued[1].release


def test_a_digest_that_waits_is_a_duplicate() -> None:
    at_desk = desk()
    announce(at_desk, 1)
    announce(at_desk, 2)
    assert _refused(at_desk, purl(2)).code is ArtifactRefusal.DUPLICATE


def test_a_digest_whose_release_is_over_can_be_released_again() -> None:
    at_desk = desk(
        stages=[
            {"name": "w", "kind": "wave", "regions": ["eu-west"]},
            {"name": "watch", "kind": "watch", "for": "1h"},
        ]
    )
    first = announce(at_desk, 1)
    at_desk.give(watched(first))
    assert announce(at_desk, 1) != first


def test_a_version_that_was_taken_back_is_known_bad_until_it_is_marked_good() -> None:
    at_desk = desk()
    first = announce(at_desk, 1)
    at_desk.give(marked(1))
    at_desk.give(settled(first))
    refused = _refused(at_desk, purl(1))
    assert (refused.code, refused.application) == (ArtifactRefusal.KNOWN_BAD, APP)
    assert refused.reason == (
        f"{digest(1)} of payments was taken back before: build and announce a corrected version, or mark this one as "
        "good if it was blamed wrongly; it was marked bad because: 5xx rose from 0.1% to 9%"
    )
    at_desk.give(marked(1, Grade.GOOD))
    announce(at_desk, 1)


def test_adopted_and_unknown_good_versions_change_nothing() -> None:
    at_desk = desk()
    before = dict(at_desk.rows)
    for grade in (Grade.ADOPTED, Grade.GOOD):
        assert at_desk.give(marked(1, grade)) == []
    assert at_desk.rows == before


def test_the_oldest_bad_version_is_forgotten_beyond_the_limit() -> None:
    at_desk = desk()
    for n in (*range(KNOWN_BAD), 0, KNOWN_BAD):  # 0 is marked again, and so is not the oldest
        at_desk.give(marked(n))
    digests = at_desk.row(BadVersions, APP).digests
    assert (len(digests), digests[0], digests[-2:]) == (KNOWN_BAD, digest(2), (digest(0), digest(KNOWN_BAD)))
    assert sum(key.kind == BadVersion.kind for key in at_desk.rows) == KNOWN_BAD


def test_an_artifact_of_a_package_that_was_given_up_is_refused() -> None:
    at_desk = desk()
    at_desk.give(published(artifact="pkg:oci/payments-v2"))
    assert _refused(at_desk, purl(1)).code is ArtifactRefusal.UNKNOWN_PACKAGE


@pytest.mark.parametrize("artifact", ["pkg:oci/payments-v2", None])
def test_an_artifact_that_was_routed_before_its_package_was_given_up_is_refused(artifact: str | None) -> None:
    at_desk = desk(artifact=artifact) if artifact else empty_desk()
    message = Message(body=announced(1), id="e1", source="/ci", key="", at="2026-11-24T12:00:00Z")
    (refused,) = at_desk._decide(APP, message).events
    assert isinstance(refused, ArtifactRefused)
    assert (refused.code, refused.application, refused.event) == (ArtifactRefusal.UNKNOWN_PACKAGE, APP, "e1")
