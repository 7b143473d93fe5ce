"""Watches: a region's changes as JSON lines, from a resource version on."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from aiohttp import web

from lockgate.sandbox.kinds import Kind
from lockgate.sandbox.objects import Json
from lockgate.sandbox.region import Region
from lockgate.sandbox.selectors import Predicate
from lockgate.sandbox.status import ApiError
from lockgate.sandbox.store import Change

_LONGEST = 1800.0
_BOOKMARK_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What a client wants to hear: from after `version` on (None: everything there is, first)."""

    kind: Kind
    namespace: str | None
    selects: Predicate
    version: int | None
    timeout: float | None
    bookmarks: bool


async def stream(request: web.Request, region: Region, watch: Watch) -> web.StreamResponse:
    """Answer a watch until its time is over, the client goes, or the region's API goes down."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    awake = asyncio.Event()
    forget = region.store.listen(lambda _change: awake.set())
    region.watchers.add(awake)
    try:
        await _run(request, response, region, watch, awake)
    except (ConnectionResetError, TimeoutError):
        pass  # the client went, or the watch's time is over
    finally:
        forget()
        region.watchers.discard(awake)
    return response


async def _run(
    request: web.Request, response: web.StreamResponse, region: Region, watch: Watch, awake: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + min(_LONGEST, watch.timeout or _LONGEST)
    version = watch.version
    if version is None:
        version = region.store.version
        await _write(response, _initial(region, watch))
    while True:
        awake.clear()
        try:
            changes = list(region.store.since(version))
        except ApiError as error:
            await _write(response, [{"type": "ERROR", "object": error.body()}])
            return
        version = region.store.version
        await _write(response, (line for change in changes if (line := _seen(change, watch)) is not None))
        left = end - loop.time()
        if region.closed or left <= 0:
            break
        if not await _woken(awake, min(left, _BOOKMARK_EVERY)) and watch.bookmarks:
            await _write(response, [_bookmark(watch.kind, version)])
        if region.fault is not None and region.fault.mode == "down" and request.transport is not None:
            request.transport.abort()
            raise ConnectionResetError


async def _woken(awake: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await awake.wait()
    except TimeoutError:
        return False
    return True


async def _write(response: web.StreamResponse, lines: Iterator[Json] | list[Json]) -> None:
    text = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    if text:
        await response.write(text)


def _initial(region: Region, watch: Watch) -> list[Json]:
    found = region.store.select(watch.kind, watch.namespace)
    return [{"type": "ADDED", "object": obj} for obj in found if watch.selects(obj)]


def _bookmark(kind: Kind, version: int) -> Json:
    metadata = {"resourceVersion": str(version), "creationTimestamp": None}
    obj = {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
    return {"type": "BOOKMARK", "object": obj}


def _seen(change: Change, watch: Watch) -> Json | None:
    """A change as this watch sees it: what moves out of its selector is deleted for it."""
    if change.kind is not watch.kind or watch.namespace not in (
        None,
        change.obj["metadata"].get("namespace"),
    ):
        return None
    before = change.old is not None and watch.selects(change.old)
    after = change.type != "DELETED" and watch.selects(change.obj)
    match before, after:
        case True, True:
            return {"type": "MODIFIED", "object": change.obj}
        case True, False:
            return {"type": "DELETED", "object": change.obj}
        case False, True:
            return {"type": "ADDED", "object": change.obj}
        case _:
            return None
