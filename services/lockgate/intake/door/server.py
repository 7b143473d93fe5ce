"""The door over HTTP: reads a request within its bounds, has it judged and published, and answers. Holds nothing for later.

aiohttp's own decompression is off: signatures are over what was sent, and what small bodies inflate to has no bound.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel

from lockgate.intake.door.answers import PROBLEM_TYPE, Code, Receipt, Refused, Whoami
from lockgate.intake.door.callers import Caller, Signed, identified, known, permitted, verified
from lockgate.intake.door.connections import Connections
from lockgate.intake.door.delivery import Delivery, Options, Outgoing, plain
from lockgate.intake.door.judging import Judged, judged, readable, route_of, too_large
from lockgate.intake.door.limits import Bounds, Held, Hold, Limiter, Rate
from lockgate.intake.door.metrics import METRICS
from lockgate.intake.door.openapi import document
from lockgate.intake.door.publishing import AwayError
from lockgate.intake.door.routes import DOCUMENT, ROUTES, Route

log = structlog.get_logger()

Who = TypeVar("Who", Caller, Caller | Signed)

BODY_SECONDS: Final = 10.0
LARGE: Final = 64 << 10
"""Bytes of a body that takes long enough to judge to keep others waiting."""

STRANGERS_TOLD: Final = Rate(per_second=1.0, burst=20.0)
"""How many lines of the log are about requests that may be anybody's; a metric counts them all."""

TO_CALLERS: Final = frozenset({Code.FORBIDDEN, Code.UNREADABLE})
"""What is answered only to those who are known, and always told; all else strangers may be answered too."""

RETRY_SECONDS: Final = 5
"""When to try again what could not be published."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may ask, how often, and how their deliveries are read."""

    callers: tuple[Caller, ...]
    limiter: Limiter
    options: Options
    bounds: Bounds = Bounds()  # noqa: RUF009  # frozen


class Door:
    """Answers requests. `publish` returns once the broker has acknowledged; AwayError if it does not."""

    def __init__(self, rules: Rules, publish: Callable[[Sequence[Outgoing]], Awaitable[None]]) -> None:
        self._rules = rules
        self._publish = publish
        self._held = Held(rules.bounds)
        self._told = Limiter(STRANGERS_TOLD)
        self._slow = asyncio.Semaphore(2)
        self._document = document()

    def runner(self) -> web.ServerRunner:
        """What serves it."""
        return web.ServerRunner(Connections(self._handle, self._rules.bounds), shutdown_timeout=3.0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request. A defect of ours is 503 as well, so that whoever sent it tries again."""
        began = time.monotonic()
        name, outcome = "none", "defect"
        try:
            route = self._route(request)
            name = route if isinstance(route, str) else route.name
            answer = (
                await self._post(request, route) if isinstance(route, Route) else self._get(request, route)
            )
            outcome = "published" if answer.status == 202 else "nothing"
        except Refused as refused:
            outcome = refused.code.code
            tell = log.info if self._is_told(refused.code) else log.debug
            tell("refused", route=name, code=outcome, peer=request.remote, why=refused.detail[:300])
            answer = _problem(refused)
        except Exception:
            log.exception("a defect of Lockgate", route=name)
            answer = _problem(_away("the door failed, which is a defect of Lockgate: see its log"))
        METRICS.deliveries.labels(name, outcome).inc()
        METRICS.seconds.observe(time.monotonic() - began)
        return answer

    def _is_told(self, code: Code) -> bool:
        """One who floods the door floods no log."""
        if code is Code.TOO_MANY:
            return False
        return code in TO_CALLERS or not self._told.take("strangers", time.monotonic())

    def _route(self, request: web.BaseRequest) -> Route | str:
        """Where it goes. What leads nowhere is counted by address, like whoever is not known."""
        try:
            return route_of(request.method, request.path)
        except Refused:
            self._let_in(_address(request))
            raise

    def _get(self, request: web.BaseRequest, path: str) -> web.Response:
        if path == DOCUMENT:
            self._let_in(_address(request))
            return web.json_response(self._document)
        caller = self._counted(request, lambda: known(_lowered(request), self._rules.callers))
        return _json(_whoami(caller), 200)

    async def _post(self, request: web.BaseRequest, route: Route) -> web.Response:
        """Everything that the headers tell is judged before a byte of the body is read."""
        headers, callers = _lowered(request), self._rules.callers
        who = self._counted(request, lambda: identified(headers, callers, route.schemes, tokens=route.tokens))
        if isinstance(who, Caller):
            permitted(who, route.roles)
        readable(route, headers)
        hold = Hold(self._held, _address(request) if isinstance(who, Signed) else None)
        try:
            body = await _body(request, route, hold)
            caller = verified(who, body, callers) if isinstance(who, Signed) else who
            hold.known()
            return await self._delivered(route, headers, caller, body)
        finally:
            hold.end()

    async def _delivered(
        self, route: Route, headers: Mapping[str, str], caller: Caller, body: bytes
    ) -> web.Response:
        permitted(caller, route.roles)
        now = datetime.fromtimestamp(time.time(), UTC)
        made = await self._judged(route, caller, Delivery(headers, body, caller.name, now, str(uuid.uuid4())))
        for ignored in made.ignored:
            log.info("ignored", route=route.name, caller=caller.name, what=ignored.what, why=ignored.why)
        if not made.outgoing:
            return _json(Receipt(ignored=made.ignored), 200)
        try:
            await self._publish(made.outgoing)
        except AwayError:
            raise _away(
                "Kafka did not acknowledge: send the same again, what lies there already is no harm"
            ) from None
        for each in made.outgoing:
            METRICS.events.labels(each.told.topic).inc()
        events = [
            plain(f"{each.told.topic} {each.told.source} {each.told.id}", 300) for each in made.outgoing
        ]
        log.info("published", route=route.name, caller=caller.name, events=events)
        return _json(Receipt(published=tuple(each.told for each in made.outgoing), ignored=made.ignored), 202)

    async def _judged(self, route: Route, caller: Caller, delivery: Delivery) -> Judged:
        if not route.thorough and len(delivery.body) <= LARGE:
            return judged(route, caller, delivery, self._rules.options)
        async with self._slow:
            return await asyncio.to_thread(judged, route, caller, delivery, self._rules.options)

    def _counted(self, request: web.BaseRequest, identify: Callable[[], Who]) -> Who:
        """Who asks, if that is not too often. Whoever is not known yet is counted by address."""
        try:
            who = identify()
        except Refused:
            self._let_in(_address(request))
            raise
        self._let_in(f"caller {who.name}" if isinstance(who, Caller) else _address(request))
        return who

    def _let_in(self, who: str) -> None:
        if wait := self._rules.limiter.take(who, time.monotonic()):
            raise Refused.for_seconds(
                Code.TOO_MANY,
                f"too many requests: wait {wait} s. LOCKGATE_DOOR_RATE says how many are let in",
                wait,
            )


async def _body(request: web.BaseRequest, route: Route, hold: Hold) -> bytes:
    """The body, never more of it than the route reads and there is room for."""
    parts, size = [], 0
    try:
        if request.headers.get("expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                size += len(part)
                if size > route.most_bytes:
                    raise too_large(route)
                if not hold.more(len(part)):
                    raise _away("too much is being delivered at this moment")
                parts.append(part)
    except TimeoutError:
        raise Refused(
            Code.TIMEOUT, f"the body was not there after {BODY_SECONDS:g} s: send it again"
        ) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Refused(
            Code.MALFORMED, f"the body ended or broke off before it was whole: {type(error).__name__}"
        ) from None
    return b"".join(parts)


def _lowered(request: web.BaseRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _address(request: web.BaseRequest) -> str:
    return request.remote or "unknown"


def _whoami(caller: Caller) -> Whoami:
    return Whoami(
        name=caller.name,
        role=caller.role,
        applications=tuple(sorted(caller.applications)),
        packages=tuple(sorted(caller.packages)),
        paths=tuple(route.path for route in ROUTES if caller.role in route.roles),
    )


def _away(detail: str) -> Refused:
    return Refused.for_seconds(Code.UNAVAILABLE, detail, RETRY_SECONDS)


def _json(body: BaseModel, status: int) -> web.Response:
    return web.Response(body=body.model_dump_json().encode(), status=status, content_type="application/json")


def _problem(refused: Refused) -> web.Response:
    answer = web.Response(
        body=refused.problem.model_dump_json(exclude_defaults=True).encode(),
        status=refused.code.status,
        content_type=PROBLEM_TYPE,
        headers=refused.headers,
    )
    if refused.code in {Code.TOO_LARGE, Code.TIMEOUT, Code.MALFORMED}:
        answer.force_close()  # what is left of the body is not waited for
    return answer
