"""Regions out of a kubeconfig: what a deployer is told of them, and what is refused with what to write instead."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lockgate.cli.local.kubeconfig import Clusters, KubeconfigError, read_clusters, region_of
from lockgate.cli.local.regions import deployer_environment
from lockgate.cli.main import app
from lockgate.deployer.settings import DeployerSettings

PROMETHEUS = "http://127.0.0.1:9090"


def written(
    tmp_path: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None
) -> Path:
    """A kubeconfig with the one context `east`."""
    content = {
        "contexts": [{"name": "east", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "t0ken"} if user is None else user}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(content))  # which is YAML as well
    return file


def read(file: Path, *regions: str) -> Clusters:
    return read_clusters(file, regions or ("us-east=east/shop",), PROMETHEUS, file.parent)


def told(clusters: Clusters, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> DeployerSettings:
    """What a deployer makes of it."""
    given = deployer_environment("deployer", clusters.regions, clusters, tmp_path)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return DeployerSettings()


def test_a_context_is_a_region_with_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = told(read(written(tmp_path)), monkeypatch, tmp_path)
    region = settings.regions[0]
    assert (region.region, region.namespace, region.url) == ("us-east", "shop", "https://10.0.0.1:6443")
    assert (region.bearer, region.ca_file) == ("t0ken", None)
    assert settings.pace.poll == 1.0  # real pods take their time


def test_files_are_looked_for_beside_the_kubeconfig_and_a_token_file_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fresh").write_text("n3w\n")
    file = written(tmp_path, {"certificate-authority": "ca.crt"}, {"tokenFile": "fresh", "token": "old"})
    region = told(read(file), monkeypatch, tmp_path).regions[0]
    assert (region.bearer, region.ca_file) == ("n3w", tmp_path / "ca.crt")


def test_an_authority_in_the_file_becomes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
    region = told(
        read(written(tmp_path, {"certificate-authority-data": data})), monkeypatch, tmp_path
    ).regions[0]
    assert region.ca_file is not None
    assert region.ca_file.read_bytes() == b"-----BEGIN CERTIFICATE-----"


def test_several_regions_may_be_of_one_context(tmp_path: Path) -> None:
    found = read(written(tmp_path), "one=east/a", "two=east/b").regions
    assert {name: place["namespace"] for name, place in found.items()} == {"one": "a", "two": "b"}


def test_a_deployer_is_told_of_two_thousand_regions_by_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    names = [f"region-{number}" for number in range(2000)]
    places = read(written(tmp_path), *(f"{name}=east/{name}" for name in names))
    given = deployer_environment("west", names, places, tmp_path)
    assert max(len(value) for value in given.values()) < 1000  # a variable has no room for them
    settings = DeployerSettings(name="west", regions_file=Path(given["LOCKGATE_DEPLOYER_REGIONS_FILE"]))
    assert [each.region for each in settings.regions] == names
    assert stat.S_IMODE(Path(given["LOCKGATE_DEPLOYER_REGIONS_FILE"]).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("us-east=east/shop", ("us-east", "east", "shop")),
        ("us=arn:aws:eks:x:1:cluster/name/shop", ("us", "arn:aws:eks:x:1:cluster/name", "shop")),
        ("us=a=b/shop", ("us", "a=b", "shop")),
    ],
)
def test_a_region_is_a_name_a_context_and_a_namespace(typed: str, parts: tuple[str, str, str]) -> None:
    assert region_of(typed) == parts


@pytest.mark.parametrize("typed", ["", "east", "us=east", "=east/shop", "us=/shop", "us=east/"])
def test_what_is_no_region_is_told_how_one_is_written(typed: str) -> None:
    with pytest.raises(KubeconfigError, match="is no region: write NAME=CONTEXT/NAMESPACE"):
        region_of(typed)


@pytest.mark.parametrize(
    ("typed", "part"), [("US=east/shop", "name 'US'"), ("us=east/Shop", "namespace 'Shop'")]
)
def test_a_name_that_is_none_is_refused_before_anything_starts(typed: str, part: str) -> None:
    with pytest.raises(KubeconfigError, match=f"has the {part}: names are lower-case"):
        region_of(typed)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a client certificate": ({}, {"client-certificate": "x"}, "has no token, .* `kubectl create token`"),
    "a plugin": ({}, {"exec": {"command": "aws"}}, "has no token"),
    "any server": ({"insecure-skip-tls-verify": True}, {"token": "t"}, "trusts any server"),
    "no server": ({"server": ""}, {"token": "t"}, "names no server"),
    "a path": ({"server": "https://h/k8s/c1"}, {"token": "t"}, "below a path, https://h/k8s/c1"),
    "somebody else's rights": (
        {},
        {"token": "t", "as": "limited"},
        "says as, which a deployer does not obey",
    ),
    "a way through a proxy": ({"proxy-url": "http://p"}, {"token": "t"}, "says proxy-url, which"),
    "no TLS": ({"server": "http://10.1.2.3:8080"}, {"token": "t"}, "a token goes over https:// only"),
    "a port that is none": (
        {"server": "https://h:99999"},
        {"token": "t"},
        "'https://h:99999', which names no server",
    ),
    "half an address": (
        {"server": "https://[::1"},
        {"token": "t"},
        "names no server: write https://HOST:PORT",
    ),
    "no host": ({"server": "https://:6443"}, {"token": "t"}, "names no server"),
    "a name in the server": (
        {"server": "https://me@h"},
        {"token": "t"},
        "a server that is 'https://me@h': write",
    ),
    "no scheme": (
        {"server": "h:6443"},
        {"token": "t"},
        "has a server that is 'h:6443', which names no server",
    ),
    "a token of two lines": (
        {},
        {"token": "one\ntwo"},
        "the token of .* has a line break, a blank or another",
    ),
    "a token with a line's end": ({}, {"token": "one\n"}, "has a line break"),
    "a token file that is not there": ({}, {"tokenFile": "gone"}, "has a tokenFile, and .*No such file"),
    "a token file that is no text": (
        {},
        {"tokenFile": "bytes"},
        "bytes is no text in UTF-8: write a token into it",
    ),
    "a token file that is empty": ({}, {"tokenFile": "empty"}, "empty is empty: make one"),
    "no base64": ({"certificate-authority-data": "%%"}, {"token": "t"}, "is no base64"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_deployer_cannot_come_in_with_is_refused(tmp_path: Path, case: str) -> None:
    cluster, user, sentence = REFUSED[case]
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").touch()
    with pytest.raises(KubeconfigError, match=sentence):
        read(written(tmp_path, cluster, user))


def test_a_token_in_what_is_no_yaml_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("users: [{name: u, user: {token: SECRET-ONE, token: SECRET-TWO}}]")
    with pytest.raises(KubeconfigError, match=r"is no YAML \(line 1, column") as refused:
        read(file)
    assert "SECRET" not in str(refused.value)
    assert "t0ken" not in repr(read(written(tmp_path)))


def test_regions_whose_contexts_look_alike_have_an_authority_each(tmp_path: Path) -> None:
    file = written(tmp_path)
    content = json.loads(file.read_text())
    content["contexts"] = [
        {"name": name, "context": {"cluster": name, "user": "u"}} for name in ("x/prod", "x-prod")
    ]
    content["clusters"] = [
        {
            "name": name,
            "cluster": {
                "server": "https://h",
                "certificate-authority-data": base64.b64encode(name.encode()).decode(),
            },
        }
        for name in ("x/prod", "x-prod")
    ]
    file.write_text(json.dumps(content))
    regions = read(file, "us=x/prod/shop", "eu=x-prod/shop").regions
    assert [Path(regions[name]["ca_file"]).read_text() for name in ("us", "eu")] == ["x/prod", "x-prod"]


@pytest.mark.parametrize("users", ["text", {"name": "u"}, ["u"], [{"name": "u", "user": "text"}]])
def test_lists_that_are_none_are_refused(tmp_path: Path, users: object) -> None:
    file = written(tmp_path)
    file.write_text(json.dumps({**json.loads(file.read_text()), "users": users}))
    with pytest.raises(KubeconfigError, match=r"the users of .* are no list of"):
        read(file)


def test_an_unknown_context_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="has no context 'west'; it has: east"):
        read(written(tmp_path), "us=west/shop")


def test_a_region_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="the region us is given twice"):
        read(written(tmp_path), "us=east/a", "us=east/b")


@pytest.mark.parametrize("text", ["[1", "just words"])
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(KubeconfigError, match=str(file)):
        read(file)


def test_the_command_wants_a_kubeconfig_and_its_regions_together(tmp_path: Path) -> None:
    for options in (["--region", "us=east/shop"], ["--kubeconfig", str(written(tmp_path))]):
        result = CliRunner().invoke(app, ["up", *options])
        assert result.exit_code == 2
        assert "belong together" in result.output
