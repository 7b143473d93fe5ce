"""The door's settings: who may ask, and which of them are refused with a sentence and without the secret."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lockgate.intake.door.callers import Caller, Role, hash_of
from lockgate.intake.door.delivery import Options
from lockgate.intake.door.settings import CallerSettings, SecretError, Settings

HASH = hash_of("t")


def settings(**callers: Any) -> Settings:
    """With one caller."""
    return Settings(
        kafka="127.0.0.1:9092", door_callers=(CallerSettings(name="hub", role=Role.CI, **callers),)
    )


def test_a_secret_is_read_from_its_file_without_the_end_of_the_line(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"sixteen bytes or\r\n")
    assert settings(secret_file=file).callers() == (Caller("hub", Role.CI, secret=b"sixteen bytes or"),)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"hunter2\n", "fewer than 16 bytes")]
)
def test_a_secret_that_cannot_be_used_is_named_by_its_file(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SecretError) as refused:
        settings(secret_file=file).callers()
    assert str(file) in str(refused.value)
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "caller",
    [
        {},
        {"token": HASH, "secret_file": "/x"},
        {"token": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"token": "lgd_token"},
        {"token": HASH, "applicatoins": ["a"]},
    ],
)
def test_a_caller_that_proves_nothing_or_is_misspelt_is_refused(caller: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**caller)


def test_two_entries_with_one_token_or_one_secret_are_refused_by_their_names(tmp_path: Path) -> None:
    file, copy = tmp_path / "secret", tmp_path / "copy"
    for each in (file, copy):
        each.write_bytes(b"sixteen bytes or more")
    for proofs in (({"token": HASH}, {"token": HASH}), ({"secret_file": file}, {"secret_file": copy})):
        ann = CallerSettings(name="ann", role=Role.OPERATOR, **proofs[0])
        hub = CallerSettings(name="hub", role=Role.CI, **proofs[1])
        with pytest.raises(SecretError, match="the entries ann and hub of LOCKGATE_DOOR_CALLERS have one"):
            Settings(kafka="k:1", door_callers=(ann, hub)).callers()


def test_labels_and_tags_are_what_translations_are_told() -> None:
    one = (CallerSettings(name="ci", role=Role.CI, token=HASH),)
    given = Settings(
        kafka="k:1",
        door_callers=one,
        door_tags="v*",
        door_region_labels=("zone",),
        door_application_labels=("team",),
    )
    assert given.options == Options(("team",), ("zone",), "v*")
    assert Settings(kafka="k:1", door_callers=one).options == Options()
