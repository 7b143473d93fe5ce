"""The Kubernetes API of the regions over HTTP: one handler for all, the region told by its port.

Who calls and may he, then which verb; `writes` and `watching` do the rest. Errors leave as Status objects.
"""

import hmac
import io
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lockgate.sandbox import writes
from lockgate.sandbox.discovery import discover
from lockgate.sandbox.faults import suffer
from lockgate.sandbox.kinds import DEPLOYMENTS, PODS, SERVICES, Kind
from lockgate.sandbox.kubepath import Target, denied, parse, verb_of
from lockgate.sandbox.leaving import finalizers_of
from lockgate.sandbox.objects import Json, name_of, uid_of
from lockgate.sandbox.paging import Wanted, list_of, page
from lockgate.sandbox.proxy import answer, reference_name, service_named
from lockgate.sandbox.region import Region
from lockgate.sandbox.scale import rescaled, scale_of
from lockgate.sandbox.selectors import object_selector
from lockgate.sandbox.status import (
    ApiError,
    bad_request,
    internal,
    invalid,
    no_such_path,
    not_allowed,
    not_found,
    unauthorized,
)
from lockgate.sandbox.watching import Watch, stream

_APPLY = "application/apply-patch+yaml"
_POLICIES = ("Foreground", "Background", "Orphan")
_DELETE_OPTIONS = Kind("meta.k8s.io", "v1", "deleteoptions", "DeleteOptions")
_PATCH_OPTIONS = Kind("meta.k8s.io", "v1", "patchoptions", "PatchOptions")


def application(region_at: Callable[[int], Region]) -> web.Application:
    """The API of every region; `region_at` names the one that listens on a port."""

    async def handle(request: web.Request) -> web.StreamResponse:
        region = region_at(request.get_extra_info("sockname")[1])
        fault = region.fault
        if fault is not None and not fault.hits(request.method):
            fault = None
        elif fault is not None:
            region.fault = fault.spent()
        status = await suffer(request, fault)
        if status is not None:
            return _faulty(region, status)
        try:
            answer = await _answer(request, region)
        except ApiError as error:
            answer = _json(error.body(), error.code)
        if fault is not None and fault.mode == "lost" and request.transport is not None:
            request.transport.abort()
        return answer

    app = web.Application(client_max_size=3 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=orjson.dumps(body, option=orjson.OPT_SORT_KEYS), status=status, content_type="application/json"
    )


def _faulty(region: Region, status: int) -> web.Response:
    reason = {429: "TooManyRequests", 503: "ServiceUnavailable"}.get(status, "InternalError")
    error = ApiError(status, reason, f"a fault is set on the API of region {region.name}")
    response = _json(error.body(), status)
    if status == 429:
        response.headers["Retry-After"] = "1"
    return response


async def _answer(request: web.Request, region: Region) -> web.StreamResponse:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not hmac.compare_digest(token.encode(), region.token.encode()):
        raise unauthorized()
    said = discover(request.path)
    if said is not None:
        return web.Response(text=said) if isinstance(said, str) else _json(said)
    target = parse(request.path)
    if target is None:
        raise no_such_path()
    watch = request.query.get("watch", "") in ("1", "true", "True")
    refusal = denied(target, verb_of(request.method, target, watch), region.user, region.namespaces)
    if refusal is not None:
        raise refusal
    kind = target.kind
    if kind is None:
        raise no_such_path()
    if target.subresource == "proxy":
        return await _proxy(region, target)
    if not target.name:
        return await _collection(request, region, kind, target, watch)
    return await _object(request, region, kind, target)


async def _proxy(region: Region, target: Target) -> web.Response:
    if target.kind is not SERVICES:
        raise no_such_path()
    routing = region.routing(target.namespace)
    service = service_named(routing, target.name)
    if service is None:
        raise not_found(SERVICES, reference_name(target.name))
    return await answer(region, routing, service, f"/{target.rest}")


# Collections


async def _collection(
    request: web.Request, region: Region, kind: Kind, target: Target, watch: bool
) -> web.StreamResponse:
    query = request.query
    selects = object_selector(query.get("labelSelector", ""), query.get("fieldSelector", ""))
    match request.method:
        case "GET" if watch:
            version = _version(query.get("resourceVersion", "0")) or None
            timeout = float(_number(query.get("timeoutSeconds", "0"), "timeoutSeconds")) or None
            bookmarks = query.get("allowWatchBookmarks", "") in ("1", "true", "True")
            return await stream(
                request, region, Watch(kind, target.namespace, selects, version, timeout, bookmarks)
            )
        case "GET":
            wanted = Wanted(
                kind,
                target.namespace,
                selects,
                all_of_kind=not (query.get("labelSelector") or query.get("fieldSelector")),
                limit=_number(query.get("limit", "0"), "limit"),
                token=query.get("continue", ""),
            )
            return _json(page(region.store, wanted))
        case "POST":
            created = writes.create(
                region.store, _request(request, region, kind, target), await _body(request)
            )
            return _json(created, 201)
        case "DELETE":
            found = [obj for obj in region.store.select(kind, target.namespace) if selects(obj)]
            for obj in found:
                _delete(request, region, kind, obj, {})
            return _json(list_of(kind, found, {"resourceVersion": str(region.store.version)}))
        case _:
            raise not_allowed()


def _number(text: str, field: str) -> int:
    if not text.isdigit():
        raise bad_request(f"{field}: Invalid value: {text!r}: must be a non-negative integer")
    return int(text)


def _version(text: str) -> int:
    if not text.isdigit():
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise internal(f'resourceVersion: Invalid value: "{text}": {why}')
    return int(text)


# Single objects


async def _object(request: web.Request, region: Region, kind: Kind, target: Target) -> web.Response:
    if target.subresource == "scale" and kind is DEPLOYMENTS:
        return await _scale(request, region, target)
    if target.subresource and (target.subresource != "status" or not kind.has_status):
        raise no_such_path()
    call = _request(request, region, kind, target)
    match request.method:
        case "GET":
            return _json(writes.existing(region.store, call))
        case "PUT":
            return _json(writes.replace(region.store, call, await _body(request)))
        case "PATCH":
            _check_patch_options(request)
            patched, made = writes.patch(region.store, call, request.content_type, await _body(request))
            return _json(patched, 201 if made else 200)
        case "DELETE" if not target.subresource:
            live = writes.existing(region.store, call)
            return _json(_delete(request, region, kind, live, await _body(request)))
        case _:
            raise not_allowed()


def _delete(request: web.Request, region: Region, kind: Kind, live: Json, options: Any) -> Json:
    _check_delete_options(options)
    policy = (options or {}).get("propagationPolicy") or request.query.get("propagationPolicy")
    if policy not in (None, *_POLICIES):
        said = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        raise invalid(_DELETE_OPTIONS, "", [("propagationPolicy", said)])
    dry = "All" in ((options or {}).get("dryRun") or []) or request.query.get("dryRun") == "All"
    call = writes.Request(kind, live["metadata"].get("namespace", ""), name_of(live), "", region.clock(), dry)
    if policy == "Orphan" and not dry:
        region.controllers.orphan(live)
    gone = writes.delete(region.store, call, options or {}, region.controllers.grace)
    if kind in (PODS, SERVICES) or finalizers_of(gone):
        return gone
    details = {"name": name_of(live), "kind": kind.plural, "uid": uid_of(live)}
    details |= {"group": kind.group} if kind.group else {}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _check_delete_options(options: Any) -> None:
    if options is not None and not isinstance(options, dict):
        raise bad_request("the options of a DELETE are no object")
    if not isinstance((options or {}).get("preconditions") or {}, dict):
        raise bad_request(
            "json: cannot unmarshal string into Go struct field DeleteOptions.preconditions of type v1.Preconditions"
        )


async def _scale(request: web.Request, region: Region, target: Target) -> web.Response:
    call = _request(request, region, DEPLOYMENTS, target)
    live = writes.existing(region.store, call)
    if request.method == "GET":
        return _json(scale_of(live))
    if request.method not in ("PUT", "PATCH"):
        raise not_allowed()
    body = await _body(request)
    changed = rescaled(live, body, request.content_type if request.method == "PATCH" else "")
    return _json(scale_of(writes.replace(region.store, call, changed)))


def _request(request: web.Request, region: Region, kind: Kind, target: Target) -> writes.Request:
    query = request.query
    agent = request.headers.get("User-Agent", "unknown").split("/")[0]
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{dry_run}": supported values: "All"')
    subresource = target.subresource if target.subresource == "status" else ""
    return writes.Request(
        kind,
        target.namespace or "",
        target.name,
        query.get("fieldManager") or agent,
        region.clock(),
        bool(dry_run),
        subresource,
        query.get("force", "") in ("1", "true", "True"),
    )


def _check_patch_options(request: web.Request) -> None:
    applies = request.content_type == _APPLY
    if applies and not request.query.get("fieldManager"):
        raise invalid(_PATCH_OPTIONS, "", [("fieldManager", "Required value: is required for apply patch")])
    if not applies and request.query.get("force"):
        raise invalid(_PATCH_OPTIONS, "", [("force", "Forbidden: may not be specified for non-apply patch")])


async def _body(request: web.Request) -> Any:
    """The body of a request, JSON or YAML; None for an empty one."""
    raw = await request.read()
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        if "yaml" not in request.content_type:
            raise bad_request("the body of the request is not valid JSON") from None
    try:
        return YAML(typ="safe", pure=True).load(io.BytesIO(raw))
    except YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from None
