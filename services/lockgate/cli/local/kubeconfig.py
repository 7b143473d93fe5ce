"""Regions of real clusters, out of a kubeconfig: where their API servers are, and with which token one comes in.

A deployer takes a bearer token and an authority. What else a kubeconfig can say (client certificates, plugins that
make tokens) is refused with what to do instead.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lockgate.deployer.settings import TokenError, read_token, server_problem, token_problem
from lockgate.messages.values import Name

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_NAMES_ARE = "names are lower-case letters, digits and hyphens, 63 at most"
_REGION = re.compile(r"(?P<name>[^=]+)=(?P<context>.+)/(?P<namespace>[^/]+)")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?")
_SERVER = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")
_OF_A_CLUSTER = frozenset(
    {
        "server",
        "certificate-authority",
        "certificate-authority-data",
        "insecure-skip-tls-verify",
        "extensions",
    }
)
_OF_A_USER = frozenset({"token", "tokenFile", "extensions"})
Json = Mapping[str, Any]


class KubeconfigError(ValueError):
    """A kubeconfig cannot be used for a region. The message says what is missing and what to write."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Regions that are there already, and where their metrics are."""

    prometheus: str
    regions: Mapping[str, Mapping[str, str]] = field(repr=False)
    """region -> {kubernetes, namespace, token or token_file, ca_file if there is one}"""


def read_clusters(file: Path, regions: Iterable[str], prometheus: str, home: Path) -> Clusters:
    """`regions`: as typed, NAME=CONTEXT/NAMESPACE. Authorities that stand in the file itself are written to `home`.

    KubeconfigError for what cannot be used, OSError for a file that cannot be read.
    """
    try:
        content = YAML(typ="safe", pure=True).load(file)
    except YAMLError as error:  # what it says may quote a token
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
        raise KubeconfigError(f"{file} is no YAML{where}.") from None
    if not isinstance(content, dict):
        raise KubeconfigError(f"{file} is no kubeconfig: it has no contexts.")
    found: dict[str, Mapping[str, str]] = {}
    for typed in regions:
        name, context, namespace = region_of(typed)
        if name in found:
            raise KubeconfigError(f"the region {name} is given twice: a region is one cluster and namespace.")
        found[name] = {"namespace": namespace, **_access(content, context, file, home / f"{name}.ca.crt")}
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


def _access(content: Json, context: str, file: Path, authority: Path) -> Mapping[str, str]:
    chosen = _named(content, "contexts", context, file)
    cluster = _named(content, "clusters", str(chosen.get("cluster")), file)
    user = _named(content, "users", str(chosen.get("user")), file)
    where = f"the context {context} of {file}"
    access = {
        "kubernetes": _server(cluster, where),
        **_authority(cluster, context, file, authority),
        **_token(user, where, file),
    }
    _nothing_else(cluster, _OF_A_CLUSTER, where)
    _nothing_else(user, _OF_A_USER, where)
    return access


def _named(content: Json, plural: str, name: str, file: Path) -> Json:
    """What kubeconfigs call by a name: `contexts: [{name: …, context: {…}}]`."""
    singular = plural.removesuffix("s")
    listed = content.get(plural) or ()
    each_is = isinstance(listed, list | tuple) and all(isinstance(each, dict) for each in listed)
    if not each_is or not all(isinstance(each.get(singular) or {}, dict) for each in listed):
        raise KubeconfigError(
            f"the {plural} of {file} are no list of {{name: …, {singular}: {{…}}}}, as kubectl writes it."
        )
    for each in listed:
        if each.get("name") == name:
            found: Json = each.get(singular) or {}
            return found
    known = ", ".join(str(each.get("name")) for each in listed) or "none"
    raise KubeconfigError(f"{file} has no {singular} {name!r}; it has: {known}.")


def _nothing_else(said: Json, known: frozenset[str], where: str) -> None:
    """What is not obeyed is refused: whoever is impersonated, say, may do less than the token."""
    if unknown := sorted(str(name) for name in said.keys() - known):
        raise KubeconfigError(
            f"{where} says {', '.join(unknown)}, which a deployer does not obey: take it out."
        )


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
    if (problem := server_problem(server)) is not None or _SERVER.fullmatch(server) is None:
        raise KubeconfigError(
            f"{where} has a server that {problem or f'is {server!r}: write https://HOST:PORT'}."
        )
    if not server.startswith("https://") and _LOOPBACK.fullmatch(server) is None:
        raise KubeconfigError(f"{where} has the server {server}: a token goes over https:// only.")
    return server


def _authority(cluster: Json, context: str, file: Path, target: Path) -> Mapping[str, str]:
    if path := cluster.get("certificate-authority"):
        return {"ca_file": str(_beside(file, path))}
    if (data := cluster.get("certificate-authority-data")) is None:
        return {}
    try:
        target.write_bytes(base64.b64decode(data, validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise KubeconfigError(
            f"the certificate-authority-data of {context} in {file} is no base64."
        ) from None
    return {"ca_file": str(target)}


def _token(user: Json, where: str, file: Path) -> Mapping[str, str]:
    if path := user.get("tokenFile"):  # it wins over `token`, as for kubectl
        found = _beside(file, path)
        try:
            read_token(found)  # it is read for each request; what can be said now is said now
        except (OSError, TokenError) as error:
            raise KubeconfigError(f"{where} has a tokenFile, and {error}.") from None
        return {"token_file": str(found)}
    if token := user.get("token"):
        if (problem := token_problem(str(token))) is not None:
            raise KubeconfigError(f"the token of {where} {problem}.")
        return {"token": str(token)}
    raise KubeconfigError(
        f"{where} has no token, which is all that a deployer comes in with: make a ServiceAccount for it, and "
        "put the answer of `kubectl create token` there (or its path as tokenFile)."
    )


def _beside(file: Path, path: str) -> Path:
    """A path in a kubeconfig is relative to its folder."""
    return (file.absolute().parent / path).absolute()
