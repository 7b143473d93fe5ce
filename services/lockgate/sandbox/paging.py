"""Lists, page by page: every page is of the moment of the first, as the API server has it. Reads the store only."""

import base64
import binascii
from dataclasses import dataclass

import orjson

from lockgate.sandbox.kinds import Kind
from lockgate.sandbox.objects import Json, name_of
from lockgate.sandbox.selectors import Predicate
from lockgate.sandbox.status import ApiError, bad_request, expired
from lockgate.sandbox.store import Change, Store

_FORM = "meta.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks for; `limit` 0 means all, `token` is that of the page before."""

    kind: Kind
    namespace: str | None
    selects: Predicate
    all_of_kind: bool
    limit: int
    token: str


def page(store: Store, wanted: Wanted) -> Json:
    """A list object. Raises `ApiError` 400 for a token that is none, 410 for one of a moment that is forgotten."""
    version, after = _read(wanted.token) if wanted.token else (store.version, "")
    found = [
        obj
        for obj in _at(store, wanted.kind, wanted.namespace, version)
        if wanted.selects(obj) and name_of(obj) > after
    ]
    metadata: Json = {"resourceVersion": str(version)}
    if wanted.limit and len(found) > wanted.limit:
        metadata["continue"] = _token(version, name_of(found[wanted.limit - 1]))
        if wanted.all_of_kind:
            metadata["remainingItemCount"] = len(found) - wanted.limit
        found = found[: wanted.limit]
    return list_of(wanted.kind, found, metadata)


def list_of(kind: Kind, found: list[Json], metadata: Json) -> Json:
    """Items say what they are in lists of custom resources only."""
    items = found if kind.custom else [_bare(obj) for obj in found]
    return {
        "kind": f"{kind.name}List",
        "apiVersion": kind.api_version,
        "metadata": metadata,
        "items": items,
    }


def _bare(obj: Json) -> Json:
    return {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}


def _at(store: Store, kind: Kind, namespace: str | None, version: int) -> list[Json]:
    """The objects of a kind as they were at a version, in the order of their names."""
    then = {(obj["metadata"].get("namespace"), name_of(obj)): obj for obj in store.select(kind, namespace)}
    for change in reversed(_since(store, version)):
        within = namespace in (None, change.obj["metadata"].get("namespace"))
        if change.kind is kind and within:
            key = (change.obj["metadata"].get("namespace"), name_of(change.obj))
            if change.old is None:
                then.pop(key, None)
            else:
                then[key] = change.old
    return [then[key] for key in sorted(then, key=str)]


def _since(store: Store, version: int) -> list[Change]:
    try:
        return list(store.since(version))
    except ApiError:
        raise expired(version, store.version) from None


def _token(version: int, last: str) -> str:
    raw = orjson.dumps({"v": _FORM, "rv": version, "start": f"/{last}\0"})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read(token: str) -> tuple[int, str]:
    """(version, the name after which to go on)"""
    try:
        said = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if said["v"] == _FORM:
            return int(said["rv"]), str(said["start"]).strip("/\0")
    except (binascii.Error, ValueError, KeyError, TypeError):
        pass
    raise bad_request("invalid continue token: continue key is not valid")
