"""`lockgate verify`: a verdict a line, or the line and the field that is malformed."""

import json
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from lockgate.cli.evidence import lines
from lockgate.cli.main import app
from lockgate.verifier.statistics.alone_record import result
from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.interrupted import Interrupted, measure, moments
from tests.support.cdevents import ROOT
from tests.support.verification import Evidence, steady, the_pilot
from tests.support.verification_regions import LONE_BEGAN, WATCH, lonely

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


def measured(seed: int) -> Interrupted:
    return measure(parse(lonely(seed)), LONE_BEGAN, moments(LONE_BEGAN, WATCH))


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
        f"{file}, line 8: the line: expected evidence, got brackets in brackets, more than 32 deep",
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
        pod["gauges"] = {"<script&": [1.0] * len(odd["weight"])}
    file = tmp_path / "plot.svg"
    assert run("--evidence", written(tmp_path, odd, steady()), "--plot", file).exit_code == 0
    picture = ET.fromstring(file.read_text())  # noqa: S314  # written by ourselves just now
    texts = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "<script&" in texts
    assert [text for text in texts if text and text.startswith("line ")] == [
        "line 1: pass at scrape 30 (margins)",
        "line 2: pass at scrape 30 (margins)",
    ]


def test_numbers_out_of_every_range_are_named_with_their_field(tmp_path: Path) -> None:
    text = json.dumps(steady(3))
    file = tmp_path / "evidence.jsonl"
    seconds = [text.replace('"scrape_seconds": 60', f'"scrape_seconds": {n}') for n in ("9" * 5000, "1e999")]
    counts = text.replace('"requests": [1000,', f'"requests": [-{"9" * 5000},', 1)
    other = text.replace('"start"', '"x": 1e999, "start"')
    file.write_text("\n".join([*seconds, counts, other]))
    result = run("--evidence", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert [row.partition(", ")[2] for row in result.stderr.splitlines()] == [
        "line 1: scrape_seconds: expected a number above 0, got inf",
        "line 2: scrape_seconds: expected a number above 0, got inf",
        "line 3: pods[0].requests[0]: expected a finite number, or null for a failed scrape, got -inf",
        "line 4: x: expected one of the fields schema, scrape_seconds, start, weight, bounds, policy, pods, got inf",
    ]


def test_a_key_that_comes_twice_among_very_many_is_found_soon() -> None:
    """Comparing each with each would take a minute."""
    keys = ",".join(f'"{index}":1' for index in range(50_000))
    began = time.process_time()
    ((_, said),) = lines(f'{{{keys},"z":1,"z":2}}'.encode())
    assert str(said) == "z: expected once in an object, got it twice"
    assert time.process_time() - began < 5


def test_a_name_that_cannot_be_written_is_refused_before_anything_is_judged(tmp_path: Path) -> None:
    odd = steady(3)
    odd["pods"][0]["gauges"] = {"\ud800": [1.0] * len(odd["weight"])}
    result = run("--evidence", written(tmp_path, steady(3), odd))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "line 2: pods[0].gauges: expected a name that can be written as UTF-8" in result.stderr


@pytest.mark.parametrize("place", ["nowhere/plot.svg", "evidence.jsonl", "link.svg", "/dev/full"])
def test_a_picture_that_cannot_be_written_is_said_in_one_line_and_nothing_is_judged(
    tmp_path: Path, place: str
) -> None:
    file = written(tmp_path, steady(3))
    before = file.read_bytes()
    (tmp_path / "link.svg").symlink_to(file)
    result = run("--evidence", file, "--plot", tmp_path / place)
    assert (result.exit_code, result.stdout) == (2, "")
    (said,) = result.stderr.splitlines()
    assert said.startswith(f"{tmp_path / place}: ")
    assert file.read_bytes() == before


@pytest.mark.parametrize("service", ["intake", "deployer", "rollback", "ledger"])
def test_no_service_but_the_one_that_judges_evidence_loads_numpy(service: str) -> None:
    program = LOADED.format(more=f"import lockgate.{service}.service")
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "False\n"


def test_a_verdict_is_made_again_from_what_its_event_carries(tmp_path: Path) -> None:
    judged = [json.loads(row) for row in run("--evidence", written(tmp_path, failing())).stdout.splitlines()]
    said = {"application": "payments", "outcome": "fail", "evidence": judged[0]["evidence"]}
    watch = result(measured(80), "0")
    again = run("--again", written(tmp_path, said, {"outcome": "pass", "evidence": watch["evidence"]}))
    assert again.exit_code == 0
    assert [json.loads(row) for row in again.stdout.splitlines()] == [*judged, json.loads(json.dumps(watch))]


def test_a_verdict_that_is_another_than_was_said_is_named(tmp_path: Path) -> None:
    judged = json.loads(run("--evidence", written(tmp_path, failing())).stdout)
    file = written(tmp_path, {"outcome": "pass", "evidence": judged["evidence"]})
    again = run("--again", file)
    assert (again.exit_code, again.stderr) == (1, f"{file}, line 1: said was pass, it is fail\n")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"outcome": "fail"}, "evidence: expected what a verdict was made from, got none"),
        (
            {"evidence": {"incident": "a"}},
            "method: expected one of e-process/1, interrupted/1, regions/1, got None",
        ),
        (
            {"evidence": {"method": "e-process/1"}},
            "evidence: expected the record of a verdict, whole and as its event has it, got \"KeyError: 'setup'\"",
        ),
    ],
)
def test_what_carries_no_record_is_not_made_again(tmp_path: Path, said: Evidence, told: str) -> None:
    file = written(tmp_path, said)
    again = run("--again", file)
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr == f"{file}, line 1: {told}\n"


def test_one_file_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, steady())
    assert run().exit_code == 2
    assert run("--again", file, "--explain").exit_code == 2
    assert run("--again", file, "--evidence", file).exit_code == 2
