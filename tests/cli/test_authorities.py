"""The folder for the authorities of clusters outlives its process until the next start, and no longer."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lockgate.cli.local.authorities import authorities_folder

HOLDER = """
from lockgate.cli.local.authorities import authorities_folder
with authorities_folder() as folder:
    (folder / "west.ca.crt").touch()
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_nobody_else_may_read_it_and_it_goes_with_its_block() -> None:
    with authorities_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_stays(tmp_path: Path) -> None:
    mine = tmp_path / "lockgate-of-mine"
    mine.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        left = Path(holder.stdout.readline().strip())
        with authorities_folder():
            assert (left / "west.ca.crt").exists()
        holder.kill()
        holder.wait(10)
    assert left.exists()
    with authorities_folder() as folder:
        assert {each.name for each in tmp_path.iterdir()} == {mine.name, folder.name}
