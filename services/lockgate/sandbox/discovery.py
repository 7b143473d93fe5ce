"""What a region's API says about itself: versions, groups and resources, as `/api` and `/apis` list them. Pure."""

from itertools import groupby

from lockgate.sandbox.kinds import ALL, DEPLOYMENTS, SERVICES, Kind
from lockgate.sandbox.objects import Json

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.3",
    "gitCommit": "sandbox",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}


def discover(path: str) -> Json | str | None:
    """The answer to a discovery or health path; None for any other."""
    match path.rstrip("/").split("/")[1:]:
        case ["readyz" | "livez" | "healthz"]:
            return "ok"
        case ["api", "v1"]:
            return _resources("", "v1")
        case ["apis", group, version]:
            found = _resources(group, version)
            return found if found["resources"] else None
        case [only]:
            return _roots().get(only)
        case _:
            return None


def _roots() -> dict[str, Json]:
    return {
        "version": dict(_VERSION),
        "api": {"kind": "APIVersions", "versions": ["v1"]},
        "apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups()},
    }


def _groups() -> list[Json]:
    named = sorted({(kind.group, kind.version) for kind in ALL if kind.group})
    groups = []
    for group, versions in groupby(named, key=lambda pair: pair[0]):
        listed = [{"groupVersion": f"{group}/{version}", "version": version} for _, version in versions]
        groups.append({"name": group, "versions": listed, "preferredVersion": listed[0]})
    return groups


def _resources(group: str, version: str) -> Json:
    kinds = [kind for kind in ALL if (kind.group, kind.version) == (group, version)]
    listed = [entry for kind in kinds for entry in _entries(kind)]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed}


def _entries(kind: Kind) -> list[Json]:
    def entry(subresource: str, name: str, verbs: list[str]) -> Json:
        return {
            "name": f"{kind.plural}{subresource}",
            "singularName": "" if subresource else kind.name.lower(),
            "namespaced": kind.namespaced,
            "kind": name,
            "verbs": verbs,
        }

    entries = [entry("", kind.name, _VERBS)]
    if kind.has_status:
        entries.append(entry("/status", kind.name, ["get", "patch", "update"]))
    if kind is DEPLOYMENTS:
        entries.append(entry("/scale", "Scale", ["get", "patch", "update"]))
    if kind is SERVICES:
        entries.append(entry("/proxy", "ServiceProxyOptions", ["create", "get"]))
    return entries
