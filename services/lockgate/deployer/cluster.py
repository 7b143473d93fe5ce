"""A thin asynchronous client of one region's Kubernetes API, over aiohttp.

Objects are dicts. What can go wrong is a closed set (`Trouble`), so that whoever asks decides on each. Every
request has a timeout and follows no redirect; tokens are read when they are used, and never logged.
"""

import math
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, unquote, urlencode

import aiohttp
import orjson
from yarl import URL

from lockgate.deployer.answers import (
    TROUBLES,
    ClusterError,
    NoAnswerError,
    Trouble,
    changed,
    is_status,
    json_object,
    not_passed_on,
    refused,
)
from lockgate.deployer.metrics import METRICS
from lockgate.deployer.objects import Json, name_of, version_of
from lockgate.deployer.settings import RegionSettings, TokenError

__all__ = [
    "AUTOSCALERS",
    "DEPLOYMENTS",
    "NETWORK_POLICIES",
    "PODS",
    "REPLICASETS",
    "ROUTES",
    "SERVICES",
    "VIRTUAL_SERVICES",
    "Cluster",
    "ClusterError",
    "NoAnswerError",
    "Resource",
    "Trouble",
    "open_cluster",
    "open_clusters",
]

_AGENT = "lockgate-deployer"
_PAGE = 250
_MOST_CONNECTIONS = 1000  # to one region; each step that waits holds one for its watch
_BUFFER = 2 << 20  # objects may have 1.5 MiB
_MOST_OF_A_STATUS = 64 << 10
_JSON: Final = "application/json"
_JSON_PATCH: Final = "application/json-patch+json"


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
AUTOSCALERS = Resource("/apis/autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
NETWORK_POLICIES = Resource("/apis/networking.k8s.io/v1", "networkpolicies", "NetworkPolicy")
VIRTUAL_SERVICES = Resource("/apis/networking.istio.io/v1", "virtualservices", "VirtualService")


class Cluster:
    """One region. Every method raises ClusterError."""

    def __init__(
        self,
        settings: RegionSettings,
        session: aiohttp.ClientSession,
        timeout: float,
        trust: ssl.SSLContext | Literal[True],
    ) -> None:
        self.settings = settings
        self._session = session
        self._timeout = timeout
        self._trust = trust
        self.requests = 0

    def apart(self) -> "Cluster":
        """The same region, with a count of requests of its own: what one step costs."""
        return Cluster(self.settings, self._session, self._timeout, self._trust)

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

    async def some(self, resource: Resource, selector: str, most: int = _PAGE) -> list[Json]:
        """The first objects of a kind that a label selector selects: enough to tell what they have in common."""
        query = {"limit": str(most), "labelSelector": selector}
        page = await self._ask("GET", self._path(resource), what=f"the {resource.plural}", query=query)
        return list(page.get("items") or ())

    async def changes(self, resource: Resource, obj: Json, seconds: float) -> AsyncGenerator[Json | None]:
        """Each later state of an object, None once it is deleted; for so many seconds, in one request.

        One without a version begins with what there is. GONE if its version is forgotten, UNAVAILABLE if it was cut off.
        """
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name_of(obj)}",
            **({"resourceVersion": version_of(obj)} if "resourceVersion" in obj["metadata"] else {}),
            "timeoutSeconds": str(math.ceil(seconds) + 1),
        }
        what, target = f"a watch of the {resource.kind} {name_of(obj)}", self._path(resource)
        try:
            async with self._request(
                "GET", f"{target}?{urlencode(query)}", None, what=what, timeout=seconds
            ) as answer:
                if answer.status != 200:
                    raise refused(self.settings, answer.status, await answer.read(), what)
                while line := await answer.content.readline():
                    yield changed(self.settings, line, what)
        except NoAnswerError:
            return  # its time is over
        raise ClusterError(Trouble.UNAVAILABLE, f"The cluster of {self.settings.region} ended {what}.")

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
            if answer.status in TROUBLES or answer.status >= 500:
                raw = await answer.content.read(_MOST_OF_A_STATUS)
                if is_status(raw):
                    raise not_passed_on(self.settings, answer.status, raw, what)
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
                return json_object(raw, what)
            raise refused(self.settings, answer.status, raw, f"{method} {what}")

    @asynccontextmanager
    async def _request(
        self, method: str, target: str, body: Any, *, what: str, timeout: float, content_type: str = _JSON
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; UNAVAILABLE if there is no whole answer in time."""
        self.requests += 1
        METRICS.requests.labels(self.settings.region, method).inc()
        try:
            async with self._session.request(
                method,
                URL(self.settings.url.rstrip("/") + target, encoded=True),
                data=orjson.dumps(body) if body is not None else None,
                headers=self._headers(content_type if body is not None else None),
                timeout=aiohttp.ClientTimeout(total=timeout),
                ssl=self._trust,
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


@asynccontextmanager
async def open_cluster(settings: RegionSettings, timeout: float) -> AsyncIterator[Cluster]:
    """A client of one region. `timeout`: seconds for one answer."""
    async with open_clusters((settings,), timeout) as clusters:
        yield clusters[settings.region]


@asynccontextmanager
async def open_clusters(
    regions: Sequence[RegionSettings], timeout: float
) -> AsyncIterator[Mapping[str, Cluster]]:
    """Region -> its client. All have one pool of connections, and one TLS context for each file of authorities.

    A context weighs most of a megabyte, and a deployer may serve a thousand regions. Nothing of one region's requests
    goes to another: cookies are not kept, no proxy is taken from the environment and no password from ~/.netrc.
    """
    files = {each.ca_file for each in regions if each.url.startswith("https:")}
    trusts = {file: ssl.create_default_context(cafile=str(file) if file else None) for file in files}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=_MOST_CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        read_bufsize=_BUFFER,
    ) as session:
        yield {
            each.region: Cluster(each, session, timeout, trusts.get(each.ca_file, True)) for each in regions
        }
