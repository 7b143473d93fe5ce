"""What the command line makes of words: package URLs, settings that are wrong, and the demo's own monitoring."""

import getpass
import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from lockgate.cli.demo.monitoring import error_ratio
from lockgate.cli.demo.scenes import SCENES, SHAPE, digest_of, plan
from lockgate.cli.local.http import ask
from lockgate.cli.plan import author
from lockgate.cli.problems import settings_problem
from lockgate.deployer.settings import DeployerSettings
from lockgate.intake.purls import purl
from lockgate.rollback.settings import Settings as RollbackSettings
from lockgate.runtime.settings import RuntimeSettings

DIGEST = "sha256:" + "0a" * 32


def test_a_package_url_names_the_digest_encoded_and_the_tag_only_if_there_is_one() -> None:
    assert purl("pkg:oci/payments", DIGEST) == f"pkg:oci/payments@sha256%3A{'0a' * 32}"
    assert (
        purl("pkg:oci/payments", DIGEST, "v2 & x")
        == f"pkg:oci/payments@sha256%3A{'0a' * 32}?tag=v2%20%26%20x"
    )


def series(code: str, *values: float) -> dict[str, object]:
    samples = [[float(at), str(value)] for at, value in enumerate(values)]
    return {"metric": {"http_response_status_code": code}, "values": samples}


def test_the_error_ratio_is_that_of_what_grew_in_the_window() -> None:
    assert error_ratio([series("200", 1000, 1050, 1090), series("500", 70, 75, 80)]) == pytest.approx(0.1)
    assert error_ratio([series("503", 0, 2), series("200", 0, 2)]) == 0.5


def test_without_requests_there_are_no_errors() -> None:
    assert error_ratio([]) == 0.0
    assert error_ratio([series("500", 7)]) == 0.0


def test_a_counter_that_begins_anew_counts_nothing() -> None:
    assert error_ratio([series("500", 900, 3), series("200", 0, 10)]) == 0.0


def test_the_demo_plan_has_the_demo_regions_and_every_scene_ends_with_a_version_of_a_scene() -> None:
    regions = {region for stage in plan().plan.stages for region in getattr(stage, "regions", ())}
    assert regions == set(SHAPE.regions)
    assert {scene.runs for scene in SCENES} <= {scene.version for scene in SCENES}
    assert digest_of(10) == DIGEST


def test_an_author_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert author().startswith("uid ")


# --- settings ---------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LOCKGATE_")]:
        monkeypatch.delenv(name)


def problem_of(service: str, settings: type) -> str:
    try:
        settings()
    except (ValidationError, SettingsError) as error:
        return settings_problem(service, f"lockgate.{service}", error)
    raise AssertionError(f"the settings of {service} were right")


def test_missing_settings_are_named_as_their_variables() -> None:
    assert problem_of("intake", RuntimeSettings).splitlines()[1:] == [
        "  LOCKGATE_KAFKA: is missing",
        "  LOCKGATE_POSTGRES: is missing",
    ]


def test_the_deployers_and_the_coordinators_settings_have_prefixes_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCKGATE_ROLLBACK_ATTEMPTS", "99")
    assert "  LOCKGATE_DEPLOYER_NAME: is missing" in problem_of("deployer", DeployerSettings).splitlines()
    assert "  LOCKGATE_ROLLBACK_ATTEMPTS: Input should be less than or equal to 20" in problem_of(
        "rollback", RollbackSettings
    )


def test_a_problem_inside_json_says_where_and_shows_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    region = {"region": "eu-west", "namespace": "shop", "url": "ftp://hunter2", "token": "hunter3"}
    monkeypatch.setenv("LOCKGATE_DEPLOYER_NAME", "deployer-eu")
    monkeypatch.setenv("LOCKGATE_DEPLOYER_REGIONS", json.dumps([region, {**region, "extra": "hunter4"}]))
    says = problem_of("deployer", DeployerSettings)
    assert "  LOCKGATE_DEPLOYER_REGIONS (0.url): String should match pattern" in says
    assert "  LOCKGATE_DEPLOYER_REGIONS (1.extra): Extra inputs are not permitted" in says
    assert "hunter" not in says


def test_what_is_no_json_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_DEPLOYER_REGIONS", "[hunter2")
    says = problem_of("deployer", DeployerSettings)
    assert "  LOCKGATE_DEPLOYER_REGIONS: is not JSON, and must be" in says
    assert "hunter2" not in says


def test_a_value_that_a_check_of_ours_quotes_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_ROLLBACK_DEADLINE", "hunter2")
    says = problem_of("rollback", RollbackSettings)
    assert "LOCKGATE_ROLLBACK_DEADLINE: Value error, what is there is no duration: write a number" in says
    assert "hunter2" not in says


# --- loopback ---------------------------------------------------------------------------------------------


def test_the_local_system_is_spoken_to_past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"a": 1}')

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        assert urllib.request.getproxies()["http"] == "http://127.0.0.1:1"
        assert ask("GET", url) == {"a": 1}
        thread.join(5.0)
