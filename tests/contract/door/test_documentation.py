"""docs/door.md names every path, setting and role, and what it shows to copy works."""

import json
import re

from lockgate.intake.door.callers import Role, Scheme
from lockgate.intake.door.routes import DOCUMENT, ROUTES, WHO
from lockgate.intake.door.settings import CallerSettings, Settings
from lockgate.runtime.settings import ProcessSettings
from tests.support.cdevents import ROOT, problems
from tests.support.deliveries import caller, delivered

TEXT = (ROOT / "docs" / "door.md").read_text()


def test_every_path_and_its_roles_are_in_the_table() -> None:
    for route in ROUTES:
        (row,) = (line for line in TEXT.splitlines() if line.startswith(f"| `{route.path}` |"))
        assert {role for role in Role if role in row.split("|")[3]} == route.roles, row
    assert f"`GET {WHO}`" in TEXT
    assert f"`GET {DOCUMENT}`" in TEXT


def test_every_setting_of_the_door_is_there() -> None:
    own = [name for name in Settings.model_fields if name not in ProcessSettings.model_fields]
    ends = set(re.findall(r"`(?:LOCKGATE_DOOR)?(_[A-Z_]+)`", TEXT))
    assert {f"_{name.removeprefix('door_').upper()}" for name in own} <= ends


def test_every_role_and_way_to_sign_is_there() -> None:
    assert all(f"`{role}`" in TEXT for role in Role)
    assert Scheme.GRAFANA in TEXT


def test_the_callers_to_copy_are_callers() -> None:
    shown = re.search(r"LOCKGATE_DOOR_CALLERS='(\[.*?\])'", TEXT, re.DOTALL)
    assert shown is not None
    entries = json.loads(shown[1].replace("sha256:…", "sha256:" + "0" * 64))
    assert [CallerSettings.model_validate_json(json.dumps(entry)).name for entry in entries] == [
        "ann",
        "alertmanager",
        "harbor",
        "github-acme",
    ]


def test_the_event_to_copy_is_an_event() -> None:
    shown = re.search(r"application/json' -d '(.*?)'\n", TEXT, re.DOTALL)
    assert shown is not None
    assert problems(json.loads(shown[1])) == []
    assert len(delivered("/v1/events", shown[1].encode(), caller(Role.CI)).outgoing) == 1
