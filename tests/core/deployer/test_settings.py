"""What a deployer is told by its environment, and that its tokens are shown nowhere."""

from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

from lockgate.deployer.settings import DeployerSettings, RegionSettings, TokenError

WEST = {"region": "eu-west", "namespace": "shop", "url": "https://10.0.0.1:6443", "token": "s3cret"}


def given(monkeypatch: pytest.MonkeyPatch, *regions: dict[str, str]) -> None:
    monkeypatch.setenv("LOCKGATE_DEPLOYER_NAME", "west")
    monkeypatch.setenv("LOCKGATE_DEPLOYER_REGIONS", orjson.dumps(regions).decode())


def test_name_and_regions_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, WEST, {**WEST, "region": "eu-north", "namespace": "store"})
    settings = DeployerSettings()
    assert settings.name == "west"
    assert settings.namespaces == {"eu-west": "shop", "eu-north": "store"}
    assert settings.regions[0].bearer == "s3cret"


@pytest.mark.parametrize(("said", "most"), [({}, 0.0), ({"surge": "50%"}, 0.5), ({"surge": "100%"}, 1.0)])
def test_a_region_says_how_far_a_surge_may_be_raised_in_it(said: dict[str, str], most: float) -> None:
    assert RegionSettings.model_validate({**WEST, **said}).surge == most


@pytest.mark.parametrize("said", ["150%", "many", "-1%"])
def test_a_surge_that_is_no_share_is_refused(said: str) -> None:
    with pytest.raises(ValidationError):
        RegionSettings.model_validate({**WEST, "surge": said})


def test_regions_may_be_in_a_file_because_a_variable_has_no_room_for_a_thousand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "regions.json"
    file.write_bytes(orjson.dumps([{**WEST, "region": f"region-{number}"} for number in range(1000)]))
    monkeypatch.setenv("LOCKGATE_DEPLOYER_NAME", "west")
    monkeypatch.setenv("LOCKGATE_DEPLOYER_REGIONS_FILE", str(file))
    assert len(DeployerSettings().namespaces) == 1000


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[{", "the file of regions .*regions.json cannot be read: "),
        (b"[]", "at least 1 item"),
        (orjson.dumps([{**WEST, "tokn": "x"}]), "tokn"),
        (None, "cannot be read: .*No such file"),
    ],
)
def test_what_is_no_list_of_regions_in_its_file_is_said_and_no_token_with_it(
    content: bytes | None, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "regions.json"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("LOCKGATE_DEPLOYER_NAME", "west")
    monkeypatch.setenv("LOCKGATE_DEPLOYER_REGIONS_FILE", str(file))
    with pytest.raises(ValidationError, match=why) as refused:
        DeployerSettings()
    assert "s3cret" not in str(refused.value)


def test_regions_are_told_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, WEST)
    monkeypatch.setenv("LOCKGATE_DEPLOYER_REGIONS_FILE", str(tmp_path / "regions.json"))
    with pytest.raises(ValidationError, match="keep one of them"):
        DeployerSettings()


def test_no_token_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, WEST)
    settings = DeployerSettings()
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.facts == {"deployer": "west", "regions": {"eu-west": "shop"}}


def test_a_token_file_is_read_when_the_token_is_used(tmp_path: Path) -> None:
    place = tmp_path / "token"
    place.write_text("first\n")
    region = RegionSettings(region="eu-west", namespace="shop", url="https://10.0.0.1", token_file=place)
    assert region.bearer == "first"
    place.write_text("second\n")
    assert region.bearer == "second"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", "is no text in UTF-8: write a token into it"),
        (b" \n", "is empty: make one"),
        (b"s3cret\nX-Other: 1\n", "has a line break, a blank or another character that no token has"),
    ],
)
def test_what_is_no_token_in_its_file_is_said_and_not_told(tmp_path: Path, content: bytes, why: str) -> None:
    place = tmp_path / "token"
    place.write_bytes(content)
    region = RegionSettings(region="eu-west", namespace="shop", url="https://10.0.0.1", token_file=place)
    with pytest.raises(TokenError, match=why) as refused:
        _ = region.bearer
    assert str(place) in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("regions", "why"),
    [
        ([], "at least 1 item"),
        ([WEST, WEST], "the region eu-west is listed twice"),
        ([{**WEST, "token_file": "/run/token"}], "has a token and a token_file"),
        ([{**WEST, "token": "one\ntwo"}], "the token of the region eu-west has a line break"),
        ([{**WEST, "token": ""}], "the token of the region eu-west is empty"),
        ([{**WEST, "url": "https://10.0.0.1:99999"}], "which names no server: write https://HOST:PORT"),
        ([{**WEST, "url": "https://10.0.0.1/api?x=1"}], "url"),
        ([{**WEST, "namespace": "../kube-system"}], "namespace"),
        ([{**WEST, "tokn": "x"}], "tokn"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_the_start(
    regions: list[dict[str, str]], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, *regions)
    with pytest.raises(ValidationError, match=why) as refused:
        DeployerSettings()
    assert "s3cret" not in str(refused.value)
