"""Parts of a long run: kept line by line, merged into one set of figures, and each naming its commit."""

from pathlib import Path

from tests.support.parts import Part, Parts


def part(first: int, commit: str, *, runs: int = 20, settled: float = 4.0, wrong: str = "") -> Part:
    made = Part(first, first + 20, commit, runs=runs, void=20 - runs, seconds=90.0)
    made.hits, made.settled = {"intake@sent": runs}, [settled] * runs
    made.violations = [wrong] if wrong else []
    return made


def test_whoever_starts_again_finds_what_was_done(tmp_path: Path) -> None:
    Parts("crashes", 1, tmp_path).add(part(0, "aaa"))
    Parts("crashes", 1, tmp_path).add(part(40, "bbb"))
    assert sorted(Parts("crashes", 1, tmp_path).done) == [0, 40]
    assert Parts("crashes", 2, tmp_path).done == {}


def test_figures_of_all_parts_are_added_up_and_say_which_commit_did_what(tmp_path: Path) -> None:
    parts = Parts("crashes", 1, tmp_path)
    parts.add(part(40, "bbb", runs=18, settled=9.5, wrong="intake@sent: lost"))
    parts.add(part(0, "aaa"))
    parts.add(part(20, "aaa"))
    found = parts.merged()
    assert (found["runs"], found["void"], found["kills"]) == (58, 2, 58)
    assert (found["median_seconds_to_settle"], found["longest_seconds_to_settle"]) == (4.0, 9.5)
    assert found["violations"] == ["intake@sent: lost"]
    assert found["parts"] == [
        {"commit": "aaa", "from": 0, "to": 40, "runs": 40},
        {"commit": "bbb", "from": 40, "to": 60, "runs": 18},
    ]
