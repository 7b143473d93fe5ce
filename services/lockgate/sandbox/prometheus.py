"""The part of Prometheus' HTTP API that asks for samples: instant, raw and range queries, series, readiness."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

import orjson
from aiohttp import web
from multidict import MultiDict

from lockgate.sandbox.faults import Fault, suffer
from lockgate.sandbox.promql import BadQueryError, Selector, duration, parse_selector
from lockgate.sandbox.samples import Labels, Sample, Samples

_MOST_POINTS = 11_000
_NO_RANGE = 'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector'


class PrometheusApi:
    """Answers from `samples`; `fault` is what a test or demo set."""

    def __init__(self, samples: Samples, clock: Callable[[], float]) -> None:
        self.fault: Fault | None = None
        self._samples, self._clock = samples, clock

    def application(self) -> web.Application:
        app = web.Application()
        for path, handler in (
            ("/api/v1/query", self._query),
            ("/api/v1/query_range", self._query_range),
            ("/api/v1/series", self._series),
        ):
            for method in ("GET", "POST"):
                app.router.add_route(method, path, self._guarded(handler))
        app.router.add_get("/-/ready", self._ready)
        app.router.add_get("/api/v1/status/buildinfo", self._build)
        return app

    def _guarded(self, handler: Callable[[MultiDict[str]], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            status = await suffer(request, self.fault)
            if status is not None:
                return _error(status, "internal", "a fault is set on Prometheus")
            parameters: MultiDict[str] = MultiDict(request.query)
            if request.method == "POST":
                posted = await request.post()
                parameters.extend({key: value for key, value in posted.items() if isinstance(value, str)})
            try:
                return _success(handler(parameters))
            except BadQueryError as error:
                return _error(400, "bad_data", str(error))

        return handle

    async def _ready(self, request: web.Request) -> web.Response:
        status = await suffer(request, self.fault)
        return web.Response(text="Prometheus Server is Ready.\n", status=status or 200)

    async def _build(self, request: web.Request) -> web.Response:
        await suffer(request, self.fault)
        return _success({"version": "3.5.0", "revision": "sandbox", "goVersion": "none"})

    def _query(self, parameters: MultiDict[str]) -> Any:
        selector = _selector(parameters, "query")
        moment = _time(parameters, "time", self._clock())
        if selector.range is not None:
            return self._answer("matrix", self._samples.raw(selector, moment - selector.range, moment))
        return self._answer("vector", self._samples.instant(selector, moment), moment)

    def _query_range(self, parameters: MultiDict[str]) -> Any:
        selector = _selector(parameters, "query")
        if selector.range is not None:
            raise BadQueryError(_NO_RANGE)
        start, end = _time(parameters, "start", None), _time(parameters, "end", None)
        step = _step(parameters)
        if end < start:
            raise BadQueryError('invalid parameter "end": end timestamp must not be before start time')
        if (end - start) / step > _MOST_POINTS:
            raise BadQueryError(
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        moments = [start + step * at for at in range(int((end - start) / step + 1e-9) + 1)]
        return self._answer("matrix", self._samples.stepped(selector, moments))

    def _series(self, parameters: MultiDict[str]) -> Any:
        queries = parameters.getall("match[]", [])
        if not queries:
            raise BadQueryError("no match[] parameter provided")
        now = self._clock()
        start, end = _time(parameters, "start", now - 3600), _time(parameters, "end", now)
        found = [
            dict(labels)
            for query in queries
            for labels, _ in self._samples.raw(parse_selector(query), start - 1e-6, end)
        ]
        return [] if self._is("empty") else found

    def misses_scrapes(self) -> bool:
        return self._is("gap")

    def _is(self, mode: str) -> bool:
        return self.fault is not None and self.fault.mode == mode

    def _answer(
        self,
        kind: Literal["vector", "matrix"],
        found: Sequence[tuple[Labels, list[Sample]]],
        moment: float = 0.0,
    ) -> Any:
        if self._is("empty"):
            found = []

        def pair(time: float, value: float) -> list[Any]:
            return [round(time, 3), "NaN" if self._is("nan") else _number(value)]

        if kind == "vector":
            result = [
                {"metric": dict(labels), "value": pair(moment, points[0][1])} for labels, points in found
            ]
        else:
            result = [
                {"metric": dict(labels), "values": [pair(*point) for point in points]}
                for labels, points in found
            ]
        return {"resultType": kind, "result": result}


def _selector(parameters: MultiDict[str], name: str) -> Selector:
    return parse_selector(parameters.get(name, ""))


def _time(parameters: MultiDict[str], name: str, default: float | None) -> float:
    """Epoch seconds or RFC 3339."""
    text = parameters.get(name)
    if text is None and default is not None:
        return default
    try:
        return float(text or "")
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text or "").timestamp()
    except ValueError:
        raise BadQueryError(
            f'invalid parameter "{name}": cannot parse "{text or ""}" to a valid timestamp'
        ) from None


def _step(parameters: MultiDict[str]) -> float:
    text = parameters.get("step", "")
    try:
        step = float(text)
    except ValueError:
        try:
            step = duration(text)
        except BadQueryError:
            raise BadQueryError(
                f'invalid parameter "step": cannot parse "{text}" to a valid duration'
            ) from None
    if not step > 0:
        raise BadQueryError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted'
        )
    return step


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)


def _success(data: Any) -> web.Response:
    body = orjson.dumps({"status": "success", "data": data})
    return web.Response(body=body, content_type="application/json")


def _error(status: int, kind: str, message: str) -> web.Response:
    body = {"status": "error", "errorType": kind, "error": message}
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
