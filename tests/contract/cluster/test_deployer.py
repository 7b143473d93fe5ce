"""A deployer at work with the rights that it needs and no others: good versions, bad ones, and the way back."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lockgate.deployer.cluster import DEPLOYMENTS, SERVICES, ClusterError, Trouble
from lockgate.messages.verdicts import Action
from lockgate.sandbox.sample import objects
from tests.support.controlplane.behaviours import Acts, digest
from tests.support.deployer import artifact, grant, order
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import FORGETTING, MERGE, PATIENCE, Json, Place
from tests.support.sandboxes import until

RUNS, GOOD = digest(number=1), digest(number=2)
FENCE = "lockgate.dev/fence"


@pytest_asyncio.fixture
async def west(place: Place) -> AsyncIterator[AtWork]:
    """The deployer of a region that runs four pods of `payments`."""
    for plural, obj in zip(
        ("deployments", "services", "httproutes"), objects("payments", RUNS, 4), strict=True
    ):
        (await place.create(plural, obj)).obj()

    async def up() -> bool:
        return bool(
            (await place.read("deployments", "payments")).get("status", {}).get("availableReplicas") == 4
        )

    await until(up, PATIENCE)
    async with working(hurried(place.region("eu-west"))) as worker:
        yield worker


def deploying(wanted: str, at: str = "7.0.1", **changes: Any) -> Any:
    return grant(at, artifact=artifact(wanted), **changes)


async def ready_images(place: Place) -> list[str]:
    """The digests of the pods that are ready."""
    found = (await place.find("pods", labelSelector="app=payments")).obj()["items"]
    return sorted(
        pod["spec"]["containers"][0]["image"].partition("@")[2]
        for pod in found
        if "deletionTimestamp" not in pod["metadata"]
        and any(each["ready"] for each in pod["status"].get("containerStatuses") or ())
    )


async def test_a_region_registers_with_the_clusters_identity_and_what_runs(
    place: Place, west: AtWork
) -> None:
    kube_system = (await place.ask("GET", "/api/v1/namespaces/kube-system")).obj()
    assert await west.register() == {
        "outcome": "registered",
        "cluster": kube_system["metadata"]["uid"],
        "live": {},
    }
    await west.step(deploying(GOOD))
    assert (await west.register())["live"] == {
        "payments": {"digest": GOOD, "fence": {"number": 7, "turn": 0, "grant": 1}}
    }


async def test_a_good_version_replaces_every_pod_under_its_fence(place: Place, west: AtWork) -> None:
    assert await west.step(deploying(GOOD)) == {"outcome": "deployed"}
    assert (west.reports[0]["outcome"], west.reports[0]["found"]) == ("started", RUNS)
    assert await west.image() == f"registry.example/payments@{GOOD}"
    assert await west.mark(FENCE) == "7.0.1"
    assert await ready_images(place) == [GOOD] * 4


async def test_the_same_grant_again_writes_nothing(west: AtWork) -> None:
    await west.step(deploying(GOOD))
    before = (await west.object(DEPLOYMENTS))["metadata"]["generation"]
    assert await west.step(deploying(GOOD)) == {"outcome": "deployed"}
    assert (await west.object(DEPLOYMENTS))["metadata"]["generation"] == before


@pytest.mark.parametrize(
    ("acts", "words"),
    [
        (Acts.NEVER_READY, "ContainersNotReady"),
        (Acts.CRASHES, "CrashLoopBackOff"),
        (Acts.MISSING, "ImagePullBackOff"),
        (Acts.HOMELESS, "Unschedulable"),
    ],
)
async def test_a_bad_version_fails_with_its_reason_and_is_taken_back(
    place: Place, west: AtWork, acts: Acts, words: str
) -> None:
    await place.patch("deployments", "payments", {"spec": {"progressDeadlineSeconds": 5}}, MERGE)
    bad = digest(acts)
    answer = await west.step(deploying(bad))
    assert answer["outcome"] == "failed"
    assert "ProgressDeadlineExceeded" in answer["reason"]
    assert words in answer["reason"]
    assert await ready_images(place) == [RUNS] * 3  # nobody was left without service

    assert await west.order(order("7.2.1", digest=RUNS, bad=bad), touched=True) == {
        "outcome": "rolled-back",
        "digest": RUNS,
    }
    assert await west.image() == f"registry.example/payments@{RUNS}"
    assert await west.mark(FENCE) == "7.2.1"
    assert await ready_images(place) == [RUNS] * 4


async def test_a_late_lower_fence_is_refused(west: AtWork) -> None:
    await west.step(deploying(GOOD, "8.0.2"))
    answer = await west.step(deploying(digest(number=3), "7.0.9"))
    assert answer["outcome"] == "fenced"
    assert answer["live"] == {"number": 8, "turn": 0, "grant": 2}
    assert await west.image() == f"registry.example/payments@{GOOD}"


async def test_a_pilot_gets_its_share_and_the_wave_takes_it_over(place: Place, west: AtWork) -> None:
    answer = await west.step(deploying(GOOD, action=Action.PILOT, share=0.25))
    assert answer["outcome"] == "piloted"
    assert await west.names(DEPLOYMENTS) == ["payments", "payments-pilot-7"]
    assert await west.names(SERVICES) == ["payments", "payments-pilot-7"]
    assert await west.weights() == [("payments", 750), ("payments-pilot-7", 250)]

    assert await west.step(deploying(GOOD, "7.0.2")) == {"outcome": "deployed"}
    assert await west.weights() == [("payments", 1)]
    assert await west.names(DEPLOYMENTS) == ["payments"]
    assert await west.names(SERVICES) == ["payments"]

    async def all_good() -> bool:
        return await ready_images(place) == [GOOD] * 4

    await until(all_good, PATIENCE)


async def test_a_pilot_that_is_bad_goes_by_order_and_production_never_changed(
    place: Place, west: AtWork
) -> None:
    bad = digest(Acts.NEVER_READY)
    answer = await west.step(deploying(bad, action=Action.PILOT, share=0.25), seconds=2.0)
    assert answer["outcome"] == "failed"
    await west.order(order("7.2.1", digest=RUNS, bad=bad), touched=True)
    assert await west.names(DEPLOYMENTS) == ["payments"]
    assert await west.weights() == [("payments", 1)]
    assert await west.mark("deployment.kubernetes.io/revision") == "1"
    assert await ready_images(place) == [RUNS] * 4


async def test_all_pages_of_a_list_are_read(
    place: Place, west: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockgate.deployer.cluster._PAGE", 1)
    labels = {"many": "yes"}
    for number in range(3):
        _, service, _ = objects(f"s{number}", RUNS, 1)
        service["metadata"]["labels"] = labels
        await place.create("services", service)
    found = await west.cluster.all(SERVICES, "many=yes")
    assert [each["metadata"]["name"] for each in found] == ["s0", "s1", "s2"]


async def test_a_watch_tells_each_later_state_and_the_end_of_a_deployment(place: Place, west: AtWork) -> None:
    found = await west.object(DEPLOYMENTS)
    heard: list[int | None] = []

    async def listen() -> None:
        async for obj in west.cluster.changes(DEPLOYMENTS, found, PATIENCE):
            heard.append(obj["spec"]["replicas"] if obj is not None else None)
            if obj is None:
                return

    listening = asyncio.create_task(listen())
    await place.patch("deployments", "payments", {"spec": {"replicas": 3}}, MERGE)
    await place.delete("deployments", "payments")
    await listening
    assert (heard[0], heard[-1]) == (3, None)


async def test_a_watch_ends_with_its_time(west: AtWork) -> None:
    found = await west.object(DEPLOYMENTS)
    assert [each async for each in west.cluster.changes(DEPLOYMENTS, found, 0.2)] == []


@pytest.mark.timeout(FORGETTING)
async def test_a_watch_from_a_forgotten_version_says_that_it_is_gone(place: Place, west: AtWork) -> None:
    found = await west.object(DEPLOYMENTS)
    found["metadata"]["resourceVersion"] = "1"
    await place.forget()
    changes = itertools.count()
    while (told := await _told(west, found)) is not Trouble.GONE:
        assert told in (None, Trouble.UNAVAILABLE)
        change = {"metadata": {"labels": {"change": f"{next(changes)}"}}}
        await place.patch("deployments", "payments", change, MERGE)


async def _told(west: AtWork, found: Json) -> Trouble | None:
    """What a watch from there is ended with; None if its time was over."""
    try:
        async for _ in west.cluster.changes(DEPLOYMENTS, found, 0.2):
            pass
    except ClusterError as error:
        return error.trouble
    return None


async def test_what_goes_wrong_is_told_apart(place: Place, west: AtWork) -> None:
    cluster = west.cluster
    assert await cluster.find(DEPLOYMENTS, "nobody") is None
    deployment = objects("payments", RUNS, 1)[0]
    asked = {
        Trouble.CONFLICT: cluster.create(DEPLOYMENTS, deployment),
        Trouble.INVALID: cluster.patch(
            DEPLOYMENTS, "payments", [{"op": "test", "path": "/spec/replicas", "value": 9}]
        ),
        Trouble.NOT_FOUND: cluster.patch(DEPLOYMENTS, "nobody", []),
    }
    for trouble, call in asked.items():
        with pytest.raises(ClusterError) as error:
            await call
        assert error.value.trouble is trouble
    metadata = (await place.read("deployments", "payments"))["metadata"]
    for uid, version in (("00000000-0000-0000-0000-000000000000", ""), (metadata["uid"], "1")):
        with pytest.raises(ClusterError) as conflict:
            await cluster.delete(DEPLOYMENTS, "payments", uid, version or metadata["resourceVersion"])
        assert conflict.value.trouble is Trouble.CONFLICT
    assert (await place.read("deployments", "payments"))["spec"]["replicas"] == 4
