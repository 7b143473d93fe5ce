"""`lockgate artifact check`: what intake would say of an announcement, with no server."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lockgate.cli.main import app
from lockgate.messages.artifacts import ArtifactPublished
from tests.support.intake import digest, plan, purl
from tests.support.signing import by_key, new_key, pem, provenance, statement, trusted
from tests.support.unproven import BUILT, SIGNED

OURS = new_key()
KEYED = {"signers": [{"key": pem(OURS)}]}


def _check(
    tmp_path: Path,
    demands: Any,
    bundles: Sequence[Any],
    *more: str,
    subject: str = purl(1),
    kind: str = ArtifactPublished.type,
) -> Result:
    context = {
        "specversion": "0.5.1",
        "id": "e",
        "source": "/ci",
        "type": kind,
        "timestamp": "2026-11-24T12:00:00Z",
    }
    event = {
        "context": context,
        "subject": {"id": subject, "content": {}},
        "customData": {"lockgate": {"bundles": list(bundles)}},
    }
    said, written = tmp_path / "event.json", tmp_path / "plan.yaml"
    said.write_text(json.dumps(event))
    written.write_text(json.dumps(plan(**({"provenance": demands} if demands else {}))))
    return CliRunner().invoke(app, ("artifact", "check", str(said), "--plan", str(written), *more))


def test_what_would_be_admitted_is_said_with_what_was_shown(tmp_path: Path) -> None:
    root = trusted().trust_root(tmp_path)
    result = _check(tmp_path, BUILT, [trusted().bundle(provenance())], "--trust-root", str(root))
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        (
            "verified: signed by https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/v1 of "
            "https://token.actions.githubusercontent.com"
        ),
        "built by https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/v1",
        "from https://github.com/acme/payments@refs/tags/v1",
    ]


def test_a_key_needs_no_trust_root(tmp_path: Path) -> None:
    result = _check(tmp_path, KEYED, [by_key(OURS, statement())])
    assert result.exit_code == 0
    assert result.output.startswith("verified: signed by key ")


@pytest.mark.parametrize(
    ("demands", "bundles", "subject", "told"),
    [
        (KEYED, [], purl(1), "refused (unsigned): v1 was announced without a bundle"),
        (
            KEYED,
            [by_key(OURS, statement(digest(2)))],
            purl(1),
            "refused (other-digest): bundle 1: what is signed is of",
        ),
        (
            SIGNED,
            [by_key(OURS, statement())],
            purl(1),
            "refused (other-signer): bundle 1: it is signed by a key",
        ),
        (
            SIGNED,
            [trusted().bundle(statement())],
            purl(1),
            "refused (not-checked): bundle 1: intake has no trust root",
        ),
        (KEYED, [by_key(OURS, statement())], "pkg:oci/payments?tag=v1", "refused (no-digest): "),
        (KEYED, [by_key(OURS, statement())], purl(1, "pkg:oci/cart"), "refused (unknown-package): "),
    ],
)
def test_what_would_be_refused_is_said_with_its_code(
    demands: Any, bundles: list[Any], subject: str, told: str, tmp_path: Path
) -> None:
    result = _check(tmp_path, demands, bundles, subject=subject)
    assert (result.exit_code, result.stderr[: len(told)]) == (1, told)


def test_a_plan_that_demands_nothing_is_said_to_be_one(tmp_path: Path) -> None:
    result = _check(tmp_path, None, ["no bundle"])
    assert (
        result.exit_code,
        result.output.endswith("demands no provenance: bundles are not looked at\n"),
    ) == (0, True)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    other = _check(tmp_path, KEYED, [], kind="dev.cdevents.artifact.packaged.0.3.0")
    assert (other.exit_code, "announces no artifact: its type has to be" in other.stderr) == (2, True)
    bad = _check(tmp_path, {"signers": []}, [])
    assert (bad.exit_code, "is no good plan: `lockgate plan check" in bad.stderr) == (2, True)
    (tmp_path / "event.json").write_text("{")
    arguments = ("artifact", "check", str(tmp_path / "event.json"), "--plan", str(tmp_path / "plan.yaml"))
    none = CliRunner().invoke(app, arguments)
    assert (none.exit_code, "is no event that can be read (not-json)" in none.stderr) == (2, True)
