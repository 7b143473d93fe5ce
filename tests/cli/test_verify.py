"""`lockgate verify`: a verdict a line, or the line and the field that is malformed."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from lockgate.cli.main import app
from tests.support.cdevents import ROOT
from tests.support.verification import Evidence, steady, the_pilot

LOADED = "import sys, lockgate.cli.main as cli; {more}; print('numpy' in sys.modules)"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def written(folder: Path, *evidence: Evidence) -> Path:
    file = folder / "evidence.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in evidence))
    return file


def failing() -> Evidence:
    bad = steady()
    the_pilot(bad)["errors"] = [10 * count for count in the_pilot(bad)["errors"]]
    return bad


def test_each_line_gets_a_verdict_as_compact_json_with_sorted_keys(tmp_path: Path) -> None:
    result = run("--evidence", written(tmp_path, steady(), failing(), steady(scrapes=3)))
    assert result.exit_code == 0
    rows = result.stdout.splitlines()
    verdicts = [json.loads(row) for row in rows]
    assert [(one["verdict"], one["at"], one["why"]) for one in verdicts] == [
        ("pass", 30, "margins"),
        ("fail", 1, "errors"),
        ("running", 3, "time"),
    ]
    assert rows[0] == json.dumps(verdicts[0], sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_malformed_lines_are_named_with_their_field_and_nothing_is_judged(tmp_path: Path) -> None:
    file = written(tmp_path, steady(), steady() | {"start": 1000})
    file.write_bytes(file.read_bytes() + b'not json\n{"a": 1, "a": 2}\n{"a": NaN}\n\n\xff\n' + b"[" * 100_000)
    result = run("--evidence", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"{file}, line 2: start: expected the index of a scrape, from 0 to 90, got 1000",
        f"{file}, line 3: the line: expected one JSON object, got no JSON at column 1: Expecting value",
        f"{file}, line 4: a: expected once in an object, got it twice",
        f"{file}, line 5: the line: expected JSON, got NaN, which is no number of JSON",
        f"{file}, line 6: the line: expected one JSON object, got no JSON at column 1: Expecting value",
        f"{file}, line 7: the line: expected UTF-8, got something else at byte 1",
        f"{file}, line 8: the line: expected evidence, got brackets in brackets without end",
    ]


def test_an_empty_file_is_malformed(tmp_path: Path) -> None:
    result = run("--evidence", written(tmp_path))
    assert result.exit_code == 2
    assert result.stderr.endswith("line 1: the line: expected one JSON object, got an empty file\n")


def test_a_file_that_is_not_there_is_said() -> None:
    assert run("--evidence", "/nowhere").exit_code == 2


def test_explaining_says_the_reason_and_shows_the_evidence_of_each_metric(tmp_path: Path) -> None:
    result = run("--evidence", written(tmp_path, failing()), "--explain")
    assert result.exit_code == 0
    first, *rest = result.stdout.splitlines()
    assert first.startswith(
        "line 1: fail at scrape 1 (errors): Since scrape 1 the pilot's requests fail 9.82 times as"
    )
    assert [row.split()[0] for row in rest[1:5]] == ["errors", "latency>0.1", "latency>0.5", "share"]
    assert "█" in rest[1]


def test_a_plot_is_an_svg_with_a_panel_for_each_line_and_obeys_no_name(tmp_path: Path) -> None:
    odd = steady()
    for pod in odd["pods"]:
        pod["gauges"] = {"<script>&": [1.0] * len(odd["weight"])}
    file = tmp_path / "plot.svg"
    assert run("--evidence", written(tmp_path, odd, steady()), "--plot", file).exit_code == 0
    picture = ET.fromstring(file.read_text())  # noqa: S314  # written by ourselves just now
    texts = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "<script>&" in texts
    assert [text for text in texts if text and text.startswith("line ")] == [
        "line 1: pass at scrape 30 (margins)",
        "line 2: pass at scrape 30 (margins)",
    ]


@pytest.mark.parametrize("service", ["intake", "verifier", "deployer", "rollback", "ledger"])
def test_nothing_but_judging_evidence_loads_numpy(service: str) -> None:
    program = LOADED.format(more=f"import lockgate.{service}.service")
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "False\n"
