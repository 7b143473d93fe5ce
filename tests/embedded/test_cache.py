"""What is derived once is there whole or not at all, however many processes want it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lockgate.embedded.cache import cache, publish


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("LOCKGATE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache() == Path("/home/ada/.cache/lockgate")

    monkeypatch.setenv("XDG_CACHE_HOME", "/var/xdg")
    assert cache() == Path("/var/xdg/lockgate")

    monkeypatch.setenv("LOCKGATE_CACHE", "~/mine")
    assert cache() == Path("/home/ada/mine")


def test_of_many_at_once_one_builds_and_all_get_the_result(tmp_path: Path) -> None:
    builds: list[Path] = []

    def build(target: Path) -> None:
        builds.append(target)
        target.write_text("built")

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: publish(tmp_path / "thing", build).read_text(), range(8)))

    assert results == ["built"] * 8
    assert len(builds) == 1


def test_a_build_that_fails_leaves_nothing_and_the_next_one_succeeds(tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        target.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(tmp_path / "thing", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]

    assert publish(tmp_path / "thing", Path.touch).exists()


def test_what_a_killed_build_left_goes_with_the_next_one(tmp_path: Path) -> None:
    left, others = tmp_path / ".thing.a1b2c3d4", tmp_path / ".thing.more.a1b2c3d4"
    for folder in (left, others):
        folder.mkdir()
        (folder / "thing").write_text("half")
    publish(tmp_path / "thing", Path.touch)
    assert not left.exists()
    assert others.exists()


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_there_and_not_whole_is_made_again(tmp_path: Path, is_folder: bool) -> None:
    target = tmp_path / "thing"
    if is_folder:
        target.mkdir()
        (target / "one").touch()
    else:
        target.touch()

    def build(target: Path) -> None:
        target.mkdir()
        (target / "two").touch()

    assert publish(target, build, lambda path: (path / "two").exists()) == target
    assert [path.name for path in target.iterdir()] == ["two"]
