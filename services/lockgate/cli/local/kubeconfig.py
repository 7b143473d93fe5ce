"""Regions of real clusters, out of a kubeconfig: where their API servers are, and with which token one comes in.

A deployer takes a bearer token and an authority. What else a kubeconfig can say (client certificates, plugins that
make tokens) is refused with what to do instead.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lockgate.messages.values import Name

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_NAMES_ARE = "names are lower-case letters, digits and hyphens, 63 at most"
_REGION = re.compile(r"(?P<name>[^=]+)=(?P<context>.+)/(?P<namespace>[^/]+)")
Json = Mapping[str, Any]


class KubeconfigError(ValueError):
    """A kubeconfig cannot be used for a region. The message says what is missing and what to write."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Regions that are there already, and where their metrics are."""

    prometheus: str
    regions: Mapping[str, Mapping[str, str]]
    """region -> {kubernetes, namespace, token or token_file, ca_file if there is one}"""


def read_clusters(file: Path, regions: Iterable[str], prometheus: str, home: Path) -> Clusters:
    """`regions`: as typed, NAME=CONTEXT/NAMESPACE. Authorities that stand in the file itself are written to `home`.

    KubeconfigError for what cannot be used, OSError for a file that cannot be read.
    """
    try:
        content = YAML(typ="safe", pure=True).load(file)
    except YAMLError as error:
        raise KubeconfigError(f"{file} is no YAML: {error}") from None
    if not isinstance(content, dict):
        raise KubeconfigError(f"{file} is no kubeconfig: it has no contexts.")
    found: dict[str, Mapping[str, str]] = {}
    for typed in regions:
        name, context, namespace = region_of(typed)
        if name in found:
            raise KubeconfigError(f"the region {name} is given twice: a region is one cluster and namespace.")
        found[name] = {"namespace": namespace, **_access(content, context, file, home)}
    return Clusters(prometheus, found)


def region_of(typed: str) -> tuple[str, str, str]:
    """(name, context, namespace) of NAME=CONTEXT/NAMESPACE. KubeconfigError if it is none."""
    parts = _REGION.fullmatch(typed)
    if parts is None:
        raise KubeconfigError(f"{typed!r} is no region: write NAME=CONTEXT/NAMESPACE.")
    for part in ("name", "namespace"):
        try:
            _NAME.validate_python(parts[part])
        except ValidationError:
            raise KubeconfigError(f"{typed!r} has the {part} {parts[part]!r}: {_NAMES_ARE}.") from None
    return parts["name"], parts["context"], parts["namespace"]


def _access(content: Json, context: str, file: Path, home: Path) -> Mapping[str, str]:
    chosen = _named(content, "contexts", context, file)
    cluster = _named(content, "clusters", str(chosen.get("cluster")), file)
    user = _named(content, "users", str(chosen.get("user")), file)
    where = f"the context {context} of {file}"
    return {
        "kubernetes": _server(cluster, where),
        **_authority(cluster, context, file, home),
        **_token(user, where, file),
    }


def _named(content: Json, plural: str, name: str, file: Path) -> Json:
    """What kubeconfigs call by a name: `contexts: [{name: …, context: {…}}]`."""
    for each in content.get(plural) or ():
        if each.get("name") == name:
            found: Json = each.get(plural.removesuffix("s")) or {}
            return found
    known = ", ".join(str(each.get("name")) for each in content.get(plural) or ()) or "none"
    raise KubeconfigError(f"{file} has no {plural.removesuffix('s')} {name!r}; it has: {known}.")


def _server(cluster: Json, where: str) -> str:
    if cluster.get("insecure-skip-tls-verify"):
        raise KubeconfigError(f"{where} trusts any server: name its certificate-authority instead.")
    server = str(cluster.get("server") or "").rstrip("/")
    if not server:
        raise KubeconfigError(f"{where} names no server.")
    if "/" in server.partition("://")[2]:
        raise KubeconfigError(
            f"{where} has its server below a path, {server}: name the API server itself, as https://HOST:PORT."
        )
    return server


def _authority(cluster: Json, context: str, file: Path, home: Path) -> Mapping[str, str]:
    if path := cluster.get("certificate-authority"):
        return {"ca_file": str(_beside(file, path))}
    if (data := cluster.get("certificate-authority-data")) is None:
        return {}
    target = home / f"{re.sub(r'[^A-Za-z0-9.-]', '-', context)}.ca.crt"
    try:
        target.write_bytes(base64.b64decode(data, validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise KubeconfigError(
            f"the certificate-authority-data of {context} in {file} is no base64."
        ) from None
    return {"ca_file": str(target)}


def _token(user: Json, where: str, file: Path) -> Mapping[str, str]:
    if path := user.get("tokenFile"):  # it wins over `token`, as for kubectl
        return {"token_file": str(_beside(file, path))}
    if token := user.get("token"):
        return {"token": str(token)}
    raise KubeconfigError(
        f"{where} has no token, which is all that a deployer comes in with: make a ServiceAccount for it, and "
        "put the answer of `kubectl create token` there (or its path as tokenFile)."
    )


def _beside(file: Path, path: str) -> Path:
    """A path in a kubeconfig is relative to its folder."""
    return (file.absolute().parent / path).absolute()
