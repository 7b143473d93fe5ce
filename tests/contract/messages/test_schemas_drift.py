"""What is committed in schemas/ is what the models generate."""

from pathlib import Path

import pytest

from lockgate.messages.releases import ReleaseEntered
from lockgate.messages.schemas.__main__ import main
from lockgate.messages.schemas.files import differences, generated, write
from lockgate.messages.schemas.golden import expectation_of, path_of
from tests.support.cdevents import SCHEMAS


def test_the_committed_schemas_are_those_of_the_models() -> None:
    changed = differences(SCHEMAS)
    assert not changed, (
        f"schemas/ is out of date: {', '.join(changed)}. Run `make schemas` and commit what it writes"
    )


def test_generating_twice_gives_the_same_bytes() -> None:
    assert generated(SCHEMAS) == generated(SCHEMAS)


def test_a_changed_a_missing_and_a_stale_file_are_found_and_put_right(tmp_path: Path) -> None:
    copy = _copied(tmp_path)
    (copy / "plan.json").write_text("{}")
    (copy / "asyncapi.yaml").unlink()
    (copy / "releases" / "release.forgotten.json").write_text("{}")
    expected = ("asyncapi.yaml", "plan.json", "releases/release.forgotten.json")
    assert differences(copy) == expected
    assert write(copy) == expected
    assert differences(copy) == ()


def test_a_golden_event_is_made_from_its_expectation_once(tmp_path: Path) -> None:
    copy = _copied(tmp_path)
    golden = copy / path_of(ReleaseEntered.type)
    original = golden.read_bytes()
    golden.unlink()
    assert write(copy) == (str(path_of(ReleaseEntered.type)),)
    assert golden.read_bytes() == original
    golden.write_bytes(original.replace(b'"number":8', b'"number":9'))
    assert write(copy) == ("releases/release.entered.example.json",)


def test_golden_events_that_nobody_reads_any_more_stay(tmp_path: Path) -> None:
    copy = _copied(tmp_path)
    old = copy / "golden" / "releases" / "release.entered.0.0.1.json"
    old.write_text("{}")
    assert write(copy) == ()
    assert old.exists()


def test_the_command_says_which_expectation_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = _copied(tmp_path)
    for file in copy.glob("golden/releases/release.entered.*"):
        file.unlink()
    assert main([str(copy)]) == 2
    expected = copy / expectation_of(ReleaseEntered.type)
    assert f"write {expected} by hand" in capsys.readouterr().err


def test_the_command_names_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = _copied(tmp_path)
    (copy / "plan.json").unlink()
    assert main([str(copy)]) == 0
    assert capsys.readouterr().out == f"{copy / 'plan.json'}\n"


def _copied(folder: Path) -> Path:
    copy = folder / "schemas"
    for file in SCHEMAS.rglob("*"):
        if file.is_file():
            target = copy / file.relative_to(SCHEMAS)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    return copy
