"""A thin asynchronous client of one region's Kubernetes API, over kubernetes_asyncio.

Objects are dicts. What can go wrong is a closed set (`Trouble`), so that whoever asks decides on each. Every
request has a timeout and follows no redirect; tokens are read when they are used, and never logged.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

import aiohttp
import orjson
from yarl import URL

from lockgate.deployer.kubernetes_client import ApiClient, Configuration
from lockgate.deployer.objects import Json
from lockgate.deployer.settings import RegionSettings, TokenError

_AGENT = "lockgate-deployer"
_PAGE = 250
_BUFFER = 2 << 20  # objects may have 1.5 MiB
_MOST_OF_A_STATUS = 64 << 10
_JSON: Final = "application/json"
_JSON_PATCH: Final = "application/json-patch+json"


class Trouble(StrEnum):
    """Why the API server did not do what it was asked."""

    CONFLICT = "conflict"  # 409: it exists already, or a precondition does not hold
    GONE = "gone"  # 410: a continuation is too old
    NOT_FOUND = "not-found"  # 404
    FORBIDDEN = "forbidden"  # 401 and 403, an admission policy's refusal included
    INVALID = "invalid"  # other 4xx; also what a JSON Patch whose test does not hold is answered with
    UNAVAILABLE = "unavailable"  # 429, 5xx, no answer in time: it may have been done or not


class ClusterError(Exception):
    """A request to a cluster failed; the message is a sentence for people."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


class NoAnswerError(ClusterError):
    """There was no whole answer in the time that it had. Through a Service, that may be the Service's own slowness."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a kind of object is served."""

    prefix: str
    plural: str
    kind: str


DEPLOYMENTS = Resource("/apis/apps/v1", "deployments", "Deployment")
REPLICASETS = Resource("/apis/apps/v1", "replicasets", "ReplicaSet")
PODS = Resource("/api/v1", "pods", "Pod")
SERVICES = Resource("/api/v1", "services", "Service")
ROUTES = Resource("/apis/gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute")
VIRTUAL_SERVICES = Resource("/apis/networking.istio.io/v1", "virtualservices", "VirtualService")


class Cluster:
    """One region. Every method raises ClusterError."""

    def __init__(self, settings: RegionSettings, session: aiohttp.ClientSession, timeout: float) -> None:
        self.settings = settings
        self._session = session
        self._timeout = timeout

    async def identity(self) -> str:
        """The UID of kube-system: what the cluster is known by."""
        answer = await self._ask("GET", "/api/v1/namespaces/kube-system", what="the namespace kube-system")
        return str(answer["metadata"]["uid"])

    async def find(self, resource: Resource, name: str) -> Json | None:
        """The object, or None if there is none."""
        try:
            return await self._ask("GET", self._path(resource, name), what=f"the {resource.kind} {name}")
        except ClusterError as error:
            if error.trouble is Trouble.NOT_FOUND:
                return None
            raise

    async def all(self, resource: Resource, selector: str = "") -> list[Json]:
        """Every object of a kind that a label selector selects, page by page."""
        found: list[Json] = []
        query: dict[str, str] = {"limit": str(_PAGE), **({"labelSelector": selector} if selector else {})}
        while True:
            page = await self._ask("GET", self._path(resource), what=f"the {resource.plural}", query=query)
            found += page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            query["continue"] = token

    async def create(self, resource: Resource, body: Json) -> Json:
        what = f"a {resource.kind} {body['metadata']['name']}"
        return await self._ask("POST", self._path(resource), what=what, body=body)

    async def patch(self, resource: Resource, name: str, operations: list[dict[str, object]]) -> Json:
        """A JSON Patch; INVALID if one of its tests does not hold."""
        what = f"the {resource.kind} {name}"
        path = self._path(resource, name)
        return await self._ask("PATCH", path, what=what, body=operations, content_type=_JSON_PATCH)

    async def delete(self, resource: Resource, name: str, uid: str, version: str) -> None:
        """Deletes this very object, what it owns afterwards; CONFLICT if it was changed, or the name is another's."""
        unchanged = {"uid": uid, "resourceVersion": version}
        options = {"preconditions": unchanged, "propagationPolicy": "Background"}
        await self._ask(
            "DELETE", self._path(resource, name), what=f"the {resource.kind} {name}", body=options
        )

    async def through_service(
        self, service: str, port: str, request: tuple[str, str, Any], *, timeout: float
    ) -> int:
        """The status that a Service answers a request (method, path, JSON body) with, through the API server's proxy.

        The Service's own body is not read. INVALID for a path that climbs out of the Service; what the API server
        says itself, because it may not or cannot ask the Service, is raised as any other refusal.
        """
        method, path, body = request
        bare, _, query = path.partition("?")
        if ".." in unquote(unquote(bare)).split("/"):
            raise ClusterError(
                Trouble.INVALID, f"the path {path[:200]!r} climbs out of the Service; it was not asked"
            )
        proxy = self._path(SERVICES, f"{service}:{port}", "proxy") + bare.replace("#", "%23")
        url = proxy + (f"?{query.replace('#', '%23')}" if query else "")
        what = f"{method} {path[:200]}"
        async with self._request(method, url, body, what=what, timeout=timeout) as answer:
            if answer.status in _TROUBLES or answer.status >= 500:
                raw = await answer.content.read(_MOST_OF_A_STATUS)
                if _is_status(raw):
                    raise self._refused(answer.status, raw, what)
            return answer.status

    def _path(self, resource: Resource, *names: str) -> str:
        rest = "".join(f"/{quote(name, safe=':')}" for name in names)
        return f"{resource.prefix}/namespaces/{self.settings.namespace}/{resource.plural}{rest}"

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = _JSON,
    ) -> Json:
        target = f"{path}?{urlencode(query)}" if query else path
        async with self._request(
            method, target, body, what=what, timeout=self._timeout, content_type=content_type
        ) as answer:
            raw = await answer.read()
            if 200 <= answer.status < 300:
                return _object(raw, what)
            raise self._refused(answer.status, raw, f"{method} {what}")

    @asynccontextmanager
    async def _request(
        self, method: str, target: str, body: Any, *, what: str, timeout: float, content_type: str = _JSON
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; UNAVAILABLE if there is no whole answer in time."""
        try:
            async with self._session.request(
                method,
                URL(self.settings.url.rstrip("/") + target, encoded=True),
                data=orjson.dumps(body) if body is not None else None,
                headers=self._headers(content_type if body is not None else None),
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
            ) as answer:
                yield answer
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            why = str(error) or f"no answer within {timeout:g} s"
            region = self.settings.region
            message = f"The cluster of {region} did not answer {what}: {why[:300]}."
            late = isinstance(error, TimeoutError)
            raise (NoAnswerError if late else ClusterError)(Trouble.UNAVAILABLE, message) from None

    def _headers(self, content_type: str | None) -> dict[str, str]:
        headers = {"User-Agent": _AGENT, "Accept": _JSON}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if (token := self._token()) is not None:
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _token(self) -> str | None:
        """UNAVAILABLE if there is none in its file: whoever rotates it may be at it just now."""
        try:
            return self.settings.bearer
        except (OSError, TokenError) as error:
            message = f"The cluster of {self.settings.region} was not asked: {error}."
            raise ClusterError(Trouble.UNAVAILABLE, message) from None

    def _refused(self, status: int, raw: bytes, what: str) -> ClusterError:
        """The error that a Status object speaks of."""
        trouble = _TROUBLES.get(status, Trouble.UNAVAILABLE if status >= 500 else Trouble.INVALID)
        try:
            text = str(orjson.loads(raw).get("message", ""))
        except (orjson.JSONDecodeError, AttributeError):
            text = raw[:200].decode(errors="replace")
        told = f"The cluster of {self.settings.region} answered {what} with {status}: {text[:500]}"
        return ClusterError(trouble, f"{told}{self._remedy(status)}")

    def _remedy(self, status: int) -> str:
        """What to do about a refusal for which the region's own set-up is to blame."""
        match status:
            case 401:
                return ". The deployer's token is not valid, or no longer: make a new one (kubectl create token)."
            case 403:
                return (
                    f". See that the namespace {self.settings.namespace} exists, and that the deployer has the Role "
                    "of charts/lockgate there."
                )
            case _:
                return ""


_TROUBLES = {
    401: Trouble.FORBIDDEN,
    403: Trouble.FORBIDDEN,
    404: Trouble.NOT_FOUND,
    409: Trouble.CONFLICT,
    410: Trouble.GONE,
    429: Trouble.UNAVAILABLE,
}


def _is_status(raw: bytes) -> bool:
    """Whether an answer is the API server's own."""
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and (answer.get("kind"), answer.get("apiVersion")) == ("Status", "v1")


def _object(raw: bytes, what: str) -> Json:
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ClusterError(
            Trouble.UNAVAILABLE, f"The answer about {what} is no JSON object; is this an API server?"
        )
    return answer


@asynccontextmanager
async def open_cluster(settings: RegionSettings, timeout: float) -> AsyncIterator[Cluster]:
    """A client of one region. `timeout`: seconds for one answer."""
    configuration = Configuration(host=settings.url)
    if settings.ca_file is not None:
        configuration.ssl_ca_cert = str(settings.ca_file)
    async with ApiClient(configuration) as api:  # makes the TLS context and the pool of connections
        # Its own session would take the token to a proxy that the environment names, and another out of ~/.netrc.
        pool = {"connector": api.rest_client.pool_manager.connector, "connector_owner": False}
        async with aiohttp.ClientSession(**pool, trust_env=False, read_bufsize=_BUFFER) as session:
            yield Cluster(settings, session, timeout)
