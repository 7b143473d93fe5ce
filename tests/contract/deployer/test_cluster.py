"""The Kubernetes client: what goes wrong is a closed set, no redirect is followed, pages are read to their end."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from lockgate.deployer.cluster import (
    DEPLOYMENTS,
    SERVICES,
    Cluster,
    ClusterError,
    Trouble,
    open_cluster,
    open_clusters,
)
from lockgate.deployer.settings import RegionSettings
from lockgate.sandbox import Sandbox
from lockgate.sandbox.faults import Fault
from tests.support.deployer_at_work import AtWork, settings_for


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (400, Trouble.INVALID),
        (401, Trouble.FORBIDDEN),
        (403, Trouble.FORBIDDEN),
        (409, Trouble.CONFLICT),
        (410, Trouble.GONE),
        (422, Trouble.INVALID),
        (429, Trouble.UNAVAILABLE),
        (500, Trouble.UNAVAILABLE),
        (503, Trouble.UNAVAILABLE),
    ],
)
async def test_every_status_is_one_of_the_known_troubles(
    status: int, trouble: Trouble, sandbox: Sandbox, west: AtWork
) -> None:
    await sandbox.set_kubernetes_fault("eu-west", Fault(mode="error", status=status))
    with pytest.raises(
        ClusterError, match=f"eu-west answered GET the Deployment payments with {status}"
    ) as error:
        await west.cluster.find(DEPLOYMENTS, "payments")
    assert error.value.trouble is trouble


async def test_a_proxy_of_the_environment_never_gets_the_token(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with open_cluster(settings_for(sandbox).regions[0], 5.0) as cluster:
        assert await cluster.find(DEPLOYMENTS, "payments") is not None


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_what_the_api_server_says_itself_is_no_answer_of_the_service(
    status: int, sandbox: Sandbox, west: AtWork
) -> None:
    await sandbox.set_kubernetes_fault("eu-west", Fault(mode="error", status=status))
    with pytest.raises(ClusterError, match=f"answered GET /healthz with {status}"):
        await west.cluster.through_service("payments", "80", ("GET", "/healthz", None), timeout=5.0)


async def test_a_thousand_regions_of_one_authority_have_one_tls_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str | None] = []
    make = ssl.create_default_context

    def counted(*, cafile: str | None = None) -> ssl.SSLContext:
        made.append(cafile)
        return make()

    monkeypatch.setattr(ssl, "create_default_context", counted)
    one, other = tmp_path / "one.crt", tmp_path / "other.crt"
    regions = [
        RegionSettings(region=f"r-{number}", namespace="shop", url="https://127.0.0.1:9", ca_file=file)
        for number, file in enumerate([one] * 998 + [other, None])
    ]
    plain = RegionSettings(region="plain", namespace="shop", url="http://127.0.0.1:9")
    async with open_clusters([*regions, plain], 5.0) as clusters:
        assert len(clusters) == 1001
    assert sorted(made, key=str) == sorted([str(one), str(other), None], key=str)


async def test_a_cookie_of_one_region_is_not_sent_to_another() -> None:
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.json_response({}, headers={"Set-Cookie": "session=s3cret; Path=/"})

    async with serving(handler) as url:
        regions = [RegionSettings(region=name, namespace="shop", url=url) for name in ("east", "west")]
        async with open_clusters(regions, 2.0) as clusters:
            for each in (*clusters.values(), *clusters.values()):
                await each.find(DEPLOYMENTS, "payments")
    assert cookies == [None] * 4


async def test_what_is_not_there_is_none(west: AtWork) -> None:
    assert await west.cluster.find(DEPLOYMENTS, "nobody") is None


async def test_a_slow_answer_is_none_in_time(sandbox: Sandbox) -> None:
    async with open_cluster(settings_for(sandbox).regions[0], 0.1) as cluster:
        await sandbox.set_kubernetes_fault("eu-west", Fault(mode="slow", seconds=1.0))
        with pytest.raises(ClusterError, match=r"no answer within 0\.1 s") as error:
            await cluster.find(DEPLOYMENTS, "payments")
    assert error.value.trouble is Trouble.UNAVAILABLE


async def test_a_patch_whose_test_does_not_hold_changes_nothing(west: AtWork) -> None:
    operations: list[dict[str, object]] = [
        {"op": "test", "path": "/metadata/uid", "value": "another"},
        {"op": "replace", "path": "/spec/replicas", "value": 9},
    ]
    with pytest.raises(ClusterError) as error:
        await west.cluster.patch(DEPLOYMENTS, "payments", operations)
    assert error.value.trouble is Trouble.INVALID
    assert (await west.object(DEPLOYMENTS))["spec"]["replicas"] == 4


@pytest.mark.parametrize("changed", ["uid", "resourceVersion"])
async def test_only_the_object_that_was_read_is_deleted(west: AtWork, changed: str) -> None:
    metadata = (await west.object(SERVICES))["metadata"]
    read = {key: metadata[key] for key in ("uid", "resourceVersion")} | {changed: "1"}
    with pytest.raises(ClusterError) as error:
        await west.cluster.delete(SERVICES, "payments", read["uid"], read["resourceVersion"])
    assert error.value.trouble is Trouble.CONFLICT
    assert await west.names(SERVICES) == ["payments"]


@asynccontextmanager
async def serving(handler: object) -> AsyncIterator[str]:
    """A server of our own on a free port; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]  # any handler
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client(url: str, token: str) -> AsyncIterator[Cluster]:
    region = RegionSettings(region="eu-west", namespace="shop", url=url, token=SecretStr(token))
    async with open_cluster(region, 2.0) as cluster:
        yield cluster


async def test_no_redirect_is_followed_with_the_regions_token() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with serving(handler) as url, client(url, "t") as cluster:
        with pytest.raises(ClusterError):
            await cluster.find(DEPLOYMENTS, "payments")
        status = await cluster.through_service("payments", "http", ("GET", "/login", None), timeout=2.0)
    assert status == 302
    assert "/elsewhere" not in asked
    assert asked[1].endswith("/namespaces/shop/services/payments:http/proxy/login")


async def test_a_list_is_read_page_by_page_to_its_end() -> None:
    async def handler(request: web.Request) -> web.Response:
        after = request.query.get("continue")
        assert request.query["labelSelector"] == "a=b,c"
        more = {} if after else {"continue": "next one"}
        return web.json_response({"metadata": more, "items": [{"page": after or "first"}]})

    async with serving(handler) as url, client(url, "t") as cluster:
        assert await cluster.all(DEPLOYMENTS, "a=b,c") == [{"page": "first"}, {"page": "next one"}]


async def test_an_answer_that_is_no_json_object_is_no_api_server() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="<html>")

    async with serving(handler) as url, client(url, "t") as cluster:
        with pytest.raises(ClusterError, match="is this an API server"):
            await cluster.find(DEPLOYMENTS, "payments")


async def test_errors_never_show_the_token(sandbox: Sandbox, tmp_path: Path) -> None:
    async with client("http://127.0.0.1:9", "s3cret") as cluster:
        with pytest.raises(ClusterError) as refused:
            await cluster.identity()
    async with client(sandbox.directory()["regions"]["eu-west"]["kubernetes"], "s3cret") as cluster:
        with pytest.raises(ClusterError) as unauthorized:
            await cluster.identity()
    assert unauthorized.value.trouble is Trouble.FORBIDDEN
    assert "s3cret" not in f"{refused.value} {unauthorized.value}"
