"""A roll-out is followed by a watch of its Deployment: few requests, and none of the ways that a watch ends loses it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest

from lockgate.deployer.cluster import PODS, REPLICASETS, Cluster, ClusterError, Resource, Trouble
from lockgate.deployer.following import states
from lockgate.deployer.strategies.given import Region
from lockgate.messages.verdicts import Action
from lockgate.runtime.metrics import REGISTRY
from lockgate.sandbox import Behaviour, Sandbox
from tests.support.deployer import NEW, grant
from tests.support.deployer_at_work import DEPLOYMENTS, ROUTES, AtWork, at_work
from tests.support.sandboxes import until

Changes = AsyncGenerator[dict[str, Any] | None]


def asked(region: str = "eu-west") -> float:
    """Requests to the region's API server that this process has counted."""
    labels = ("GET", "POST", "PATCH", "DELETE")
    counted = (
        REGISTRY.get_sample_value("lockgate_cluster_requests_total", {"region": region, "method": each})
        for each in labels
    )
    return sum(each or 0.0 for each in counted)


async def said(west: AtWork, words: str) -> bool:
    return any(words in report.get("reason", "") for report in west.reports)


async def test_a_roll_out_is_three_looks_a_page_of_pods_four_writes_and_a_watch_if_it_still_goes_on(
    west: AtWork,
) -> None:
    before = asked()
    assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}
    requests = west.requests
    assert asked() - before == requests
    await west.step(grant("7.0.1"))  # which is over, so it is looked at once
    look, starts, writes = west.requests or 0, 1, 4
    asked_for_all = 3 * look + starts + writes  # one of the looks after the route's first contact
    assert requests in {asked_for_all, asked_for_all + 1}
    assert look <= 6


@pytest.mark.parametrize("trouble", [Trouble.GONE, Trouble.UNAVAILABLE, Trouble.FORBIDDEN])
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_watch_that_ends_by_an_error_is_no_end_of_the_roll_out(
    trouble: Trouble, after: int, sandbox: Sandbox, west: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.set_image(NEW, Behaviour(start_seconds=1.5))  # so that it still goes on once it is looked at
    changes, watches = Cluster.changes, list[int]()

    async def failing(self: Cluster, resource: Resource, obj: dict[str, Any], seconds: float) -> Changes:
        watches.append(0)
        async for state in changes(self, resource, obj, seconds):
            if watches[-1] == after:
                raise ClusterError(trouble, "the watch is over")
            watches[-1] += 1
            yield state

    monkeypatch.setattr(Cluster, "changes", failing)
    assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}
    assert watches


async def test_a_watch_that_says_nothing_is_found_out_by_the_next_look(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(self: Cluster, resource: Resource, obj: dict[str, Any], seconds: float) -> Changes:
        await asyncio.sleep(seconds)
        for nothing in list[None]():
            yield nothing

    monkeypatch.setattr(Cluster, "changes", silent)
    async with at_work(sandbox, reread=0.2) as west:
        assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}


async def test_a_watch_that_is_cut_at_once_each_time_is_begun_less_and_less_often(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    times = list[float]()

    async def cut(self: Cluster, resource: Resource, obj: dict[str, Any], seconds: float) -> Changes:
        times.append(asyncio.get_running_loop().time())
        for nothing in list[None]():
            yield nothing
        raise ClusterError(Trouble.UNAVAILABLE, "it was cut")

    monkeypatch.setattr(Cluster, "changes", cut)
    async with at_work(sandbox, poll=0.05, reread=0.4) as west:
        assert (await west.step(grant("7.0.1"), seconds=2.0))["outcome"] == "failed"
    assert len(times) <= 9  # after 0.05, 0.1, 0.2 and then every 0.4 s
    waited = [later - earlier for earlier, later in pairwise(times)]
    for seconds, least in zip(
        waited[:-1], (0.05, 0.1, 0.2, 0.4, 0.4), strict=False
    ):  # the end cuts the last short
        assert seconds >= least


async def test_a_newer_fence_ends_it_while_it_watches(sandbox: Sandbox, west: AtWork) -> None:
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    older = asyncio.create_task(west.step(grant("7.0.1"), seconds=60.0))
    await until(lambda: said(west, "are of the new version"))
    await west.cluster.patch(
        DEPLOYMENTS,
        "payments",
        [{"op": "replace", "path": "/metadata/annotations/lockgate.dev~1fence", "value": "8.0.1"}],
    )
    assert (await older)["outcome"] == "fenced"


async def test_what_does_not_move_says_why_in_its_pods_words_while_there_is_time(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Resource] = []
    some = Cluster.some

    async def noted(
        self: Cluster, resource: Resource, selector: str, most: int = 250
    ) -> list[dict[str, Any]]:
        listed.append(resource)
        return await some(self, resource, selector, most)

    monkeypatch.setattr(Cluster, "some", noted)
    sandbox.set_image(NEW, Behaviour(missing=True))
    async with at_work(sandbox, reread=0.3) as west:
        step = asyncio.create_task(west.step(grant("7.0.1"), seconds=60.0))
        await until(lambda: said(west, "ImagePullBackOff"))
        sandbox.set_image(NEW, None)
        assert await step == {"outcome": "deployed"}
    assert listed[:3] == [PODS, REPLICASETS, PODS]


async def test_what_may_not_be_watched_says_why_in_its_pods_words_as_well(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: Cluster, resource: Resource, obj: dict[str, Any], seconds: float) -> Changes:
        for nothing in list[None]():
            yield nothing
        raise ClusterError(Trouble.FORBIDDEN, "deployments may not be watched")

    monkeypatch.setattr(Cluster, "changes", refused)
    sandbox.set_image(NEW, Behaviour(missing=True))
    async with at_work(sandbox, reread=0.3) as west:
        step = asyncio.create_task(west.step(grant("7.0.1"), seconds=60.0))
        await until(lambda: said(west, "ImagePullBackOff"))
        sandbox.set_image(NEW, None)
        assert await step == {"outcome": "deployed"}


async def test_a_watch_from_a_version_that_is_forgotten_begins_with_what_is_there(
    sandbox: Sandbox, west: AtWork
) -> None:
    unchanged = await west.object(DEPLOYMENTS)
    await west.step(grant("7.0.1", Action.PILOT))
    sandbox.regions["eu-west"].store.forget()
    live = Region(unchanged)
    async with aclosing(states(west.cluster, live, unchanged, 5.0)) as seen:
        assert await anext(seen) == Region(await west.object(DEPLOYMENTS))


@pytest.mark.parametrize("trouble", [Trouble.CONFLICT, Trouble.INVALID, Trouble.UNAVAILABLE])
async def test_a_failed_canary_takes_its_share_back_though_the_first_write_meets_somebody_elses(
    trouble: Trouble, sandbox: Sandbox, west: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await west.step(grant("7.0.1", Action.CANARY, share=0.25)))["outcome"] == "piloted"
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    patch, refusals = Cluster.patch, [trouble]

    async def contended(self: Cluster, resource: Resource, name: str, operations: list[Any]) -> Any:
        if resource is ROUTES and any(each["op"] == "replace" for each in operations) and refusals:
            raise ClusterError(refusals.pop(), "somebody else wrote it")
        return await patch(self, resource, name, operations)

    monkeypatch.setattr(Cluster, "patch", contended)
    answer = await west.step(grant("7.0.2", Action.CANARY, share=1.0), seconds=2.0)
    assert answer["outcome"] == "failed"
    assert not refusals
    assert await west.weights() == [("payments", 1)]


async def test_it_is_said_beforehand_how_long_a_roll_out_will_take(sandbox: Sandbox, west: AtWork) -> None:
    assert await west.step(grant("7.0.1"), seconds=300.0) == {"outcome": "deployed"}
    started = west.reports[0]
    assert started["estimate"].startswith("4 pods in 2 waves of 2, of which each takes about ")
    assert started["seconds"] < 10.0


async def test_a_roll_out_does_not_fail_by_stamps_that_nobody_can_read(
    west: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = Cluster.some

    async def garbled(
        self: Cluster, resource: Resource, selector: str, most: int = 250
    ) -> list[dict[str, Any]]:
        found = await some(self, resource, selector, most)
        return [{**each, "metadata": {**each["metadata"], "creationTimestamp": "?"}} for each in found]

    monkeypatch.setattr(Cluster, "some", garbled)
    assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}
    assert (west.reports[0]["seconds"], west.reports[0]["estimate"]) == (None, None)


async def test_a_roll_out_does_not_wait_for_an_estimate(
    west: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: Cluster, resource: Resource, selector: str, most: int = 250) -> list[Any]:
        raise ClusterError(Trouble.FORBIDDEN, f"{resource.plural} may not be listed")

    monkeypatch.setattr(Cluster, "some", refused)
    assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}
    assert (west.reports[0]["seconds"], west.reports[0]["estimate"]) == (None, None)
    answer = await west.step(grant("7.0.2", Action.CANARY, share=0.5))
    assert answer["outcome"] == "piloted"


async def test_a_pilot_says_how_long_its_pods_took_and_what_cannot_be_read_is_not_said(
    sandbox: Sandbox, west: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.set_image(NEW, Behaviour(start_seconds=1.5))
    answer = await west.step(grant("7.0.1", Action.PILOT))
    assert 1.0 <= answer["start"] < 10.0

    async def refused(self: Cluster, resource: Resource, selector: str, most: int = 250) -> list[Any]:
        raise ClusterError(Trouble.FORBIDDEN, f"{resource.plural} may not be listed")

    monkeypatch.setattr(Cluster, "some", refused)
    answer = await west.step(grant("7.0.2", Action.PILOT))
    assert (answer["outcome"], answer["start"]) == ("piloted", None)


async def test_where_no_clone_runs_what_the_pilot_took_elsewhere_counts(
    sandbox: Sandbox, west: AtWork
) -> None:
    assert await west.step(grant("7.0.1", start=30.0), seconds=300.0) == {"outcome": "deployed"}
    assert west.reports[0]["seconds"] == 60.0
    assert "each takes about 30 s as its clones' pods took" in west.reports[0]["estimate"]
