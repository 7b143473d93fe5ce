"""GitHub's and Harbor's webhooks: a pushed image is announced by its digest, once, and nothing else is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lockgate.intake.door.answers import Code
from lockgate.intake.door.callers import Role
from lockgate.messages.artifacts import ArtifactPublished
from tests.support.cdevents import problems
from tests.support.deliveries import DIGEST, caller, delivered, payload, refusal

CI = caller(Role.CI)
VERSION = f"sha256%3A{'4c' * 32}"


def hub(body: Any, **options: Any) -> Any:
    return delivered("/v1/github", body, CI, {"x-github-event": "registry_package"}, **options)


def harbor(body: Any, **options: Any) -> Any:
    return delivered("/v1/harbor", body, CI, **options)


@pytest.mark.parametrize("event", ["registry_package", "package"])
def test_an_image_that_is_published_on_github_is_announced(event: str) -> None:
    made = delivered("/v1/github", payload(f"github/{event}"), CI, {"x-github-event": event})
    (outgoing,) = made.outgoing
    purl = f"pkg:oci/payments@{VERSION}?repository_url=containers.example/acme/payments&tag=v1.4.2"
    assert outgoing.told.topic == "artifacts"
    assert outgoing.body == ArtifactPublished(purl=purl, user="octo-ci")
    assert outgoing.body.version == DIGEST
    value = json.loads(outgoing.value)
    assert value["context"]["timestamp"] == "2026-11-24T10:00:00.000Z"
    assert problems(value) == [], "the official schema"


def test_both_of_githubs_events_of_one_push_are_the_same_event() -> None:
    first = delivered(
        "/v1/github", payload("github/registry_package"), CI, {"x-github-event": "registry_package"}
    )
    second = delivered("/v1/github", payload("github/package"), CI, {"x-github-event": "package"})
    assert first.outgoing[0].told == second.outgoing[0].told


def test_the_header_that_nobody_signs_makes_no_other_event() -> None:
    ids = {
        delivered(
            "/v1/github",
            payload("github/package"),
            CI,
            {"x-github-event": "package", "x-github-delivery": delivery},
        )
        .outgoing[0]
        .told.id
        for delivery in ("72d3162e-cc78-11e3-81ab-4c9367dc0958", "another", "")
    }
    assert len(ids) == 1


def test_the_same_image_pushed_again_later_is_another_event() -> None:
    later = payload("github/package")
    later["package"]["updated_at"] = "2026-11-25T10:00:00Z"
    assert hub(later).outgoing[0].told.id != hub(payload("github/package")).outgoing[0].told.id


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda event: event.update(action="updated"), "only `published`"),
        (lambda event: event["package"].update(ecosystem="npm", package_type="npm"), "no container image"),
        (lambda event: event["package"].update(package_version=None), "names no version"),
        (lambda event: event.update(package=None), "names no version"),
    ],
)
def test_what_github_tells_of_other_things_is_ignored(change: Callable[[Any], None], why: str) -> None:
    event = payload("github/package")
    change(event)
    made = hub(event)
    assert made.outgoing == ()
    assert why in made.ignored[0].why


@pytest.mark.parametrize("event", ["ping", "push", ""])
def test_githubs_other_events_are_ignored(event: str) -> None:
    made = delivered("/v1/github", payload("github/ping"), CI, {"x-github-event": event})
    assert made.outgoing == ()
    assert "registry_package and package announce artifacts" in made.ignored[0].why


def test_an_image_without_a_tag_is_announced_without_one() -> None:
    event = payload("github/package")
    version = event["package"]["package_version"]
    version["container_metadata"]["tag"]["name"] = ""
    version["package_url"] = "containers.example/Acme/payments:"
    (outgoing,) = hub(event).outgoing
    assert (
        outgoing.told.subject == f"pkg:oci/payments@{VERSION}?repository_url=containers.example/acme/payments"
    )


def test_fields_that_are_null_or_missing_or_new_are_no_reason_to_refuse() -> None:
    event = payload("github/package")
    event["sender"] = None
    event["something_new"] = {"nested": [1, 2]}
    event["package"]["updated_at"] = None
    del event["package"]["namespace"]
    (outgoing,) = hub(event).outgoing
    assert outgoing.body == ArtifactPublished(purl=outgoing.told.subject)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("version", "v1.4.2", "a digest is sha256: and 64"),
        ("version", "sha256:4c4c", "64 hexadecimal digits are needed"),
        ("package_url", "payments:v1.4.2", "no HOST/NAME"),
        ("package_url", "containers.example/Acme/pay ments:v1.4.2", "no HOST/NAME"),
        ("package_url", "containers.example/acme/../x:v1.4.2", "no HOST/NAME"),
        ("package_url", None, "no HOST/NAME"),
    ],
)
def test_an_image_that_could_not_be_named_is_not_announced(field: str, value: Any, why: str) -> None:
    event = payload("github/package")
    event["package"]["package_version"][field] = value
    event["package"]["package_version"]["container_metadata"]["tag"]["digest"] = ""
    made = hub(event)
    assert made.outgoing == ()
    assert why in made.ignored[0].why


@pytest.mark.parametrize("tag", [f"sha256-{'4c' * 32}.sig", f"sha256-{'4c' * 32}.att", f"sha256-{'4c' * 32}"])
def test_signatures_beside_an_image_are_not_announced(tag: str) -> None:
    event = payload("harbor/pushed")
    event["event_data"]["resources"][0].update(tag=tag, resource_url=f"harbor.example/acme/payments:{tag}")
    made = harbor(event)
    assert made.outgoing == ()
    assert "signature or an attestation" in made.ignored[0].why


@pytest.mark.parametrize(("tags", "announced"), [("*", 1), ("v*", 1), ("?*", 1), ("release-*", 0), ("V*", 0)])
def test_the_settings_say_which_tags_are_announced(tags: str, announced: int) -> None:
    assert len(hub(payload("github/package"), tags=tags).outgoing) == announced
    assert len(harbor(payload("harbor/pushed"), tags=tags).outgoing) == announced


def test_a_body_that_is_no_webhook_of_github_is_refused_with_the_place() -> None:
    refused = refusal("/v1/github", {"package": {}}, CI, {"x-github-event": "package"})
    assert refused.code is Code.UNREADABLE
    assert refused.detail == "this is no payload of GitHub's webhooks for packages: action: Field required"


def test_an_image_that_is_pushed_to_harbor_is_announced() -> None:
    (outgoing,) = harbor(payload("harbor/pushed")).outgoing
    purl = f"pkg:oci/payments@{VERSION}?repository_url=harbor.example%3A8443/acme/payments&tag=v1.4.2"
    assert outgoing.body == ArtifactPublished(purl=purl, user="robot$acme+ci")
    assert json.loads(outgoing.value)["context"]["timestamp"] == "2026-11-24T10:00:00.000Z"
    assert problems(json.loads(outgoing.value)) == []


def test_harbors_cloudevents_are_read_too_and_a_digest_is_no_tag() -> None:
    made = delivered(
        "/v1/harbor",
        payload("harbor/pushed-cloudevents"),
        CI,
        {"content-type": "application/cloudevents+json"},
    )
    purl = f"pkg:oci/payments@{VERSION}?repository_url=harbor.example%3A8443/acme/payments"
    assert [each.told.subject for each in made.outgoing] == [purl]


def test_each_digest_of_a_push_is_announced_once() -> None:
    event = payload("harbor/pushed")
    (resource,) = event["event_data"]["resources"]
    other = {**resource, "digest": "sha256:" + "5d" * 32}
    event["event_data"]["resources"] = [resource, other, dict(resource)]
    digests = [each.body.version for each in harbor(event).outgoing]
    assert digests == [DIGEST, "sha256:" + "5d" * 32]


def test_more_images_at_once_than_harbor_pushes_are_refused() -> None:
    event = payload("harbor/pushed")
    event["event_data"]["resources"] *= 501
    refused = refusal("/v1/harbor", event, CI)
    assert (refused.code, "at most 500 items" in refused.detail) == (Code.UNREADABLE, True)


def test_a_pull_from_harbor_is_ignored() -> None:
    made = harbor(payload("harbor/pulled"))
    assert (made.outgoing, made.ignored[0].what) == ((), "PULL_ARTIFACT")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"type": "PUSH_ARTIFACT"}, "occur_at: Field required"),
        ({"type": "PUSH_ARTIFACT", "occur_at": 10**30}, "occur_at: "),
        ({"type": "harbor.artifact.pushed", "specversion": "1.0", "time": "yesterday"}, "yesterday"),
        ([], "the body: "),
    ],
)
def test_a_body_that_is_no_webhook_of_harbor_is_refused(body: Any, says: str) -> None:
    refused = refusal("/v1/harbor", body, CI)
    assert refused.code is Code.UNREADABLE
    assert says in refused.detail


def test_who_is_restricted_announces_its_own_packages_alone() -> None:
    other = caller(Role.CI, applications=frozenset({"ledgers"}))
    refused = refusal("/v1/harbor", payload("harbor/pushed"), other)
    assert refused.code is Code.FORBIDDEN
    assert "may not announce pkg:oci/payments" in refused.detail
    own = caller(Role.CI, applications=frozenset({"shop"}), packages=frozenset({"pkg:oci/payments"}))
    assert len(delivered("/v1/harbor", payload("harbor/pushed"), own).outgoing) == 1
