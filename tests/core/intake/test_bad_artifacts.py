"""Artifacts whose provenance is not what the plan demands: each is refused with its code and its reason."""

from pathlib import Path
from typing import Any

import pytest

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.releases import ArtifactRefusal, ArtifactRefused
from tests.support.bad_artifacts import BAD, OTHER, changed, ours
from tests.support.desk import Desk
from tests.support.intake import APP, marked
from tests.support.signing import Sigstore, b64, statement, trusted
from tests.support.unproven import SIGNED, announce, being_checked, check_all, demanding


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trusted().trust_root(tmp_path_factory.mktemp("trust"))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_artifact_is_refused_with_its_reason(name: str, root: Path) -> None:
    demands, bundles, code, reason = BAD[name]
    at_desk = demanding(demands)
    refused = _refused(at_desk, bundles(), root)
    assert refused.code == code
    told = refused.reason.removeprefix("v1 of payments is not admitted: ").removeprefix("bundle 1: ")
    assert told.startswith(reason)
    assert (refused.application, refused.purl, refused.event) == (APP, refused.purl, refused.event)
    assert _nothing_is_left(at_desk)


def _refused(at_desk: Desk, bundles: list[Any], root: Path | None) -> ArtifactRefused:
    said = announce(at_desk, *bundles) + check_all(at_desk, root)
    (refused,) = said
    assert isinstance(refused, ArtifactRefused)
    return refused


def _nothing_is_left(at_desk: Desk) -> bool:
    kinds = {key.kind for key in at_desk.rows if key.key == APP}
    return kinds <= {"plan", "bad-version", "bad-versions"} and not at_desk.work and not at_desk.timers


def test_there_are_as_many_bad_artifacts_as_were_asked_for() -> None:
    assert len(BAD) >= 25


# --- what is bad for other reasons, however well it is signed -------------------------------------------------------


def test_a_tag_is_no_digest_whoever_signed_it() -> None:
    (refused,) = demanding(SIGNED).give(ArtifactPublished(purl="pkg:oci/payments?tag=v1", bundles=(ours(),)))
    assert isinstance(refused, ArtifactRefused)
    assert refused.code is ArtifactRefusal.NO_DIGEST


def test_a_version_that_is_known_to_be_bad_is_not_even_checked() -> None:
    at_desk = demanding(SIGNED)
    at_desk.give(marked(1))
    assert _refused(at_desk, [ours()], None).code is ArtifactRefusal.KNOWN_BAD


@pytest.mark.parametrize("content", [None, "", "{}", "[", '{"mediaType": "x"}'])
def test_without_a_trust_root_that_can_be_read_no_identity_is_checked(
    content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "root.json"
    if content is not None:
        file.write_text(content)
    refused = _refused(demanding(SIGNED), [ours()], file)
    assert refused.code is ArtifactRefusal.NOT_CHECKED
    assert f"the trust root {file} cannot be read" in refused.reason


def test_where_no_trust_root_is_set_the_refusal_names_the_setting() -> None:
    refused = _refused(demanding(SIGNED), [ours()], None)
    assert refused.code is ArtifactRefusal.NOT_CHECKED
    assert "set LOCKGATE_TRUST_ROOT, and announce it again" in refused.reason


def test_of_several_bad_bundles_the_one_that_came_nearest_is_told(root: Path) -> None:
    refused = _refused(
        demanding(SIGNED), ["no bundle", ours(statement(OTHER)), Sigstore().bundle(statement())], root
    )
    assert refused.code is ArtifactRefusal.OTHER_DIGEST
    assert refused.reason.startswith("v1 of payments is not admitted: bundle 2: what is signed is of")


def test_a_reason_is_never_longer_than_a_sentence_may_be(root: Path) -> None:
    many = [
        {"identity": f"https://github.com/acme/{'x' * 400}@{n}", "issuer": f"https://{'y' * 400}.example"}
        for n in range(20)
    ]
    refused = _refused(
        demanding({"signers": many}), [ours(identity=f"https://github.com/{'z' * 5000}")], root
    )
    assert refused.code is ArtifactRefusal.OTHER_SIGNER
    assert 1000 < len(refused.reason) <= 2000


def test_a_bundle_of_which_any_field_is_something_else_is_refused(root: Path) -> None:
    good = ours()
    for path, value in _fields(good):
        for wrong in (None, 7, "", "x", [], {}, [None], {"x": 1}, b64(b"\x30\x80" * 40)):
            if wrong == value:
                continue
            at_desk = demanding(SIGNED)
            said = announce(at_desk, changed(good, path, wrong)) + check_all(at_desk, root)
            assert isinstance(said[0], ArtifactRefused), f"{path}: {wrong}"
            assert not being_checked(at_desk)


def _fields(value: Any, way: str = "") -> list[tuple[str, Any]]:
    """Each field with its path, also of fields within."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [
        found for name, each in items for found in ((f"{way}{name}", each), *_fields(each, f"{way}{name}."))
    ]
