"""Writing through the API: what POST, PUT, PATCH, DELETE mean for one object. The rules over `store`.

Every function raises `ApiError` as the real server would answer, and changes nothing when it does, or when
the call is a dry run.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lockgate.sandbox import managed
from lockgate.sandbox.decoding import check_types, decoded, decoded_patch
from lockgate.sandbox.defaults import with_defaults
from lockgate.sandbox.kinds import DEPLOYMENTS, PODS, SERVICES, Kind
from lockgate.sandbox.leaving import finalizers_of, is_over, leave, marked
from lockgate.sandbox.objects import Json, annotations_of, is_deleting, name_of, stamp, uid_of, with_metadata
from lockgate.sandbox.patches import json_patch, merge_patch, strategic_patch
from lockgate.sandbox.status import (
    already_exists,
    another_object,
    bad_request,
    internal,
    invalid,
    modified,
    no_such_object,
    not_found,
    precondition,
    unsupported_media,
)
from lockgate.sandbox.store import Store
from lockgate.sandbox.validation import check, check_shape

# Metadata that only the server sets: what a client sends in these is ignored.
_SERVER_OWNED = (
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "resourceVersion",
)
_APPLY = "application/apply-patch+yaml"
_FIRST_STATUS: Mapping[Kind, Json] = {DEPLOYMENTS: {}, SERVICES: {"loadBalancer": {}}}


@contextmanager
def _decoding(kind: Kind) -> Iterator[None]:
    """A field of a wrong type fails wherever it is first read; the real server refuses it while it decodes."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise bad_request(
            f"{kind.name} in version {kind.version!r} cannot be handled: a field has a wrong type: {error}"
        ) from None


@dataclass(frozen=True, slots=True)
class Request:
    """Which object a call is about, who calls, and when."""

    kind: Kind
    namespace: str
    name: str
    manager: str
    now: float
    dry_run: bool = False
    subresource: str = ""  # "" | status
    force: bool = False


def create(store: Store, request: Request, body: Json) -> Json:
    """POST."""
    with _decoding(request.kind):
        return _create(store, request, body)


def replace(store: Store, request: Request, body: Json) -> Json:
    """PUT."""
    with _decoding(request.kind):
        return _replace(store, request, body)


def patch(store: Store, request: Request, content_type: str, body: Any) -> tuple[Json, bool]:
    """PATCH; the object and whether an apply created it."""
    with _decoding(request.kind):
        return _patch(store, request, content_type, body)


def _create(store: Store, request: Request, body: Json) -> Json:
    """POST."""
    body = decoded(request.kind, body)
    metadata = dict(body.get("metadata") or {})
    if not metadata.get("name"):
        if not metadata.get("generateName"):
            raise invalid(
                request.kind, "", [("metadata.name", "Required value: name or generateName is required")]
            )
        metadata["name"] = metadata["generateName"] + store.new_suffix()
    if metadata.get("namespace") not in (None, request.namespace):
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if metadata.get("resourceVersion"):
        raise internal("resourceVersion should not be set on objects to be created")
    if (there := store.get(request.kind, request.namespace, metadata["name"])) is not None:
        raise already_exists(request.kind, metadata["name"], leaving=is_deleting(there))
    new = _new(store, request, {**body, "metadata": metadata})
    return _commit(store, request, None, managed.update(None, new, request.manager, stamp(request.now)))


def _replace(store: Store, request: Request, body: Json) -> Json:
    """PUT."""
    body = decoded(request.kind, body)
    live = existing(store, request)
    sent = body.get("metadata") or {}
    _check_name(request, sent)
    uid = sent.get("uid") or uid_of(live)
    if uid != uid_of(live):
        raise another_object(request.kind, request.namespace, request.name, uid, uid_of(live))
    return _update(store, request, live, body)


def _patch(store: Store, request: Request, content_type: str, body: Any) -> tuple[Json, bool]:
    """PATCH; the object and whether an apply created it."""
    if content_type == _APPLY:
        return _apply(store, request, body)
    live = existing(store, request)
    match content_type:
        case "application/json-patch+json":
            if not isinstance(body, list):
                raise bad_request("a JSON Patch is a list of operations")
            patched = json_patch(live, body)
        case "application/merge-patch+json":
            patched = merge_patch(live, body)
        case "application/strategic-merge-patch+json":
            if request.kind.custom:
                raise unsupported_media(content_type)
            patched = strategic_patch(live, body)
        case _:
            raise unsupported_media(content_type)
    patched = decoded_patch(request.kind, patched)
    _check_name(request, patched.get("metadata") or {})
    return _update(store, request, live, patched), False


def delete(store: Store, request: Request, options: Json, grace: float) -> Json:
    """DELETE; the object as it is then. A pod first lingers for `grace` seconds, and finalizers hold any object."""
    live = existing(store, request)
    wanted = options.get("preconditions") or {}
    found = {"uid": uid_of(live), "resourceVersion": live["metadata"]["resourceVersion"]}
    for field, printed in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if wanted.get(field) not in (None, found[field]):
            raise precondition(request.kind, request.name, printed, wanted[field], found[field])
    lingers = request.kind is PODS and grace > 0 and options.get("gracePeriodSeconds") != 0
    if request.dry_run:
        return marked(live, request.now) if finalizers_of(live) else live
    if lingers and is_deleting(live):
        return live
    if lingers:
        return store.put(request.kind, request.namespace, marked(live, request.now, int(grace)))
    return leave(store, request.kind, request.namespace, live, request.now)


def existing(store: Store, request: Request) -> Json:
    """The live object of a request. Raises `ApiError` 404."""
    live = store.get(request.kind, request.namespace, request.name)
    if live is None:
        raise not_found(request.kind, request.name)
    return live


def _apply(store: Store, request: Request, body: Any) -> tuple[Json, bool]:
    check_shape(request.kind, body)
    if not body.get("apiVersion") or not body.get("kind"):
        raise bad_request("Object 'Kind' or 'apiVersion' is missing in the applied configuration")
    sent = body.get("metadata") or {}
    if sent.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    _check_name(request, sent)
    check_types(request.kind, request.name, body)
    live = store.get(request.kind, request.namespace, request.name)
    config = {**body, "metadata": {**sent, "name": request.name}}
    time = stamp(request.now)
    if live is None:
        if sent.get("uid"):
            raise no_such_object(request.kind, request.name, sent["uid"])
        new = managed.apply(None, config, request.manager, request.force, time)
        listed = new["metadata"].get("managedFields")
        new = with_metadata(_new(store, request, new), managedFields=listed)
        return _commit(store, request, None, new), True
    _check_version(request, sent, live)
    merged = managed.apply(live, config, request.manager, request.force, time)
    kept = with_metadata(merged, resourceVersion=live["metadata"]["resourceVersion"])
    return _commit(store, request, live, with_defaults(request.kind, kept)), False


def _check_name(request: Request, sent: Json) -> None:
    if sent.get("name", request.name) != request.name:
        raise bad_request(
            f"the name of the object ({sent.get('name')}) does not match the name on the URL ({request.name})"
        )


def _new(store: Store, request: Request, body: Json) -> Json:
    """A new object as the server completes it; a client's status and uid count for nothing."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in _SERVER_OWNED}
    metadata |= {"uid": store.new_uid(), "creationTimestamp": stamp(request.now)}
    if request.kind.namespaced:
        metadata["namespace"] = request.namespace
    if request.kind.counts_generations:
        metadata["generation"] = 1
    head = {"apiVersion": request.kind.api_version, "kind": request.kind.name, "metadata": metadata}
    rest = {key: value for key, value in body.items() if key not in head and key != "status"}
    new = with_defaults(request.kind, {**head, **rest})
    if request.kind is SERVICES and new.get("spec", {}).get("type") == "ClusterIP":
        number = int(uid_of(new)[:4], 16)
        address = new["spec"].get("clusterIP") or f"10.96.{number >> 8}.{number & 255}"
        new = {**new, "spec": {**new["spec"], "clusterIP": address, "clusterIPs": [address]}}
    return new


def _check_version(request: Request, sent: Json, live: Json) -> None:
    if sent.get("resourceVersion") not in (None, "", live["metadata"]["resourceVersion"]):
        raise modified(request.kind, request.name)


def _update(store: Store, request: Request, live: Json, wanted: Json) -> Json:
    """A changed object through the same door as the real server's update."""
    sent = wanted.get("metadata") or {}
    _check_version(request, sent, live)
    kept = {field: live["metadata"].get(field) for field in _SERVER_OWNED}
    if request.subresource == "status":
        new = {**live, **({"status": wanted["status"]} if "status" in wanted else {})}
    else:
        identity = {"name": request.name, "uid": uid_of(live)}
        identity |= {"namespace": request.namespace} if request.kind.namespaced else {}
        new = with_metadata({**wanted, "metadata": {**identity, **sent}}, **kept)
        new = {**new, "apiVersion": request.kind.api_version, "kind": request.kind.name}
        if request.kind.has_status:
            new.pop("status", None)
            new |= {"status": live["status"]} if "status" in live else {}
        new = with_defaults(request.kind, _addresses(request.kind, new, live))
    recorded = managed.update(live, new, request.manager, stamp(request.now), request.subresource)
    return _commit(store, request, live, recorded)


def _addresses(kind: Kind, new: Json, live: Json) -> Json:
    """A PUT may leave the cluster IP out, and keeps it."""
    if kind is not SERVICES or not isinstance(new.get("spec"), dict):
        return new
    kept = {key: live["spec"][key] for key in ("clusterIP", "clusterIPs") if key in live["spec"]}
    return {**new, "spec": {**kept, **new["spec"]}}


def _commit(store: Store, request: Request, live: Json | None, new: Json) -> Json:
    """Check, count the generation, store: or answer the live object where nothing changed."""
    check(request.kind, live, new)
    if live is not None:
        if new == live:
            return live
        if request.kind.counts_generations and not request.subresource and _is_new(request.kind, live, new):
            new = with_metadata(new, generation=live["metadata"]["generation"] + 1)
    elif request.kind in _FIRST_STATUS:
        new = {**new, "status": _FIRST_STATUS[request.kind]}
    if request.dry_run:
        return new
    if is_over(new):  # its last finalizer was taken away
        store.remove(request.kind, request.namespace, name_of(new))
        return new
    return store.put(request.kind, request.namespace, new)


def _is_new(kind: Kind, live: Json, new: Json) -> bool:
    """Whether a change is a new generation: one of the spec is, and for a Deployment also one of its annotations."""
    if new.get("spec") != live.get("spec"):
        return True
    return kind is DEPLOYMENTS and annotations_of(new) != annotations_of(live)


def request_for(kind: Kind, obj: Json, manager: str, now: float, subresource: str = "") -> Request:
    """A controller's write to an object that it holds."""
    return Request(
        kind, obj["metadata"].get("namespace", ""), name_of(obj), manager, now, subresource=subresource
    )
