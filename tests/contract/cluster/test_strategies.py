"""Canary and blue-green on a cluster, as its watches show them: no pods missing, no share above the step's, all or nothing."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from lockgate.deployer.cluster import DEPLOYMENTS, SERVICES, Cluster
from lockgate.messages.values import Workload
from lockgate.messages.verdicts import Action, Granted
from lockgate.sandbox.sample import objects
from tests.support.controlplane.behaviours import Acts, digest
from tests.support.deployer import ROUTELESS, WORKLOAD, artifact, grant, order
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import PATIENCE, Place
from tests.support.sandboxes import until
from tests.support.watched import Sample, Watched, watched

RUNS, GOOD = digest(number=1), digest(number=2)
PODS = 4
CANARY = ((Action.CANARY, 0.25), (Action.CANARY, 0.5), (Action.DEPLOY, None))
BLUE_GREEN = ((Action.GREEN, None), (Action.SWITCH, 1.0), (Action.DEPLOY, None))
STORIES = {"canary": CANARY, "blue-green": BLUE_GREEN}

Steps = tuple[tuple[Action, float | None], ...]


@dataclass
class Region:
    """A region that runs four pods of `payments`, its deployer, and what its watches show."""

    place: Place
    west: AtWork
    seen: Watched
    workload: Workload

    def grants(self, steps: Steps, wanted: str = GOOD) -> Iterator[Granted]:
        for number, (action, share) in enumerate(steps, start=1):
            yield grant(
                f"7.0.{number}",
                action,
                share=share,
                requests=(),
                artifact=artifact(wanted),
                workload=self.workload,
            )

    async def back(self, bad: str = GOOD) -> dict[str, Any]:
        return await self.west.order(
            order("7.2.1", digest=RUNS, bad=bad, workload=self.workload), touched=True
        )

    async def is_at_rest(self, runs: str) -> None:
        """All pods run one version and are ready; no clone, no share and no switch is left."""

        async def settled() -> bool:
            return await self.images() == [runs] * PODS

        await until(settled, PATIENCE)
        assert await self.west.image() == f"registry.example/payments@{runs}"
        assert await self.west.names(DEPLOYMENTS) == ["payments"]
        assert await self.west.names(SERVICES) == ["payments"]
        assert await self.west.weights() == [("payments", 1)]
        assert (await self.west.object(SERVICES))["spec"]["selector"] == {"app": "payments"}
        assert (await self.seen.samples())[-1] == Sample(ready=PODS, serving=PODS, share=0.0)

    async def fewest(self) -> int:
        """Ready pods, at the worst moment."""
        return min(sample.ready for sample in await self.seen.samples())

    async def images(self) -> list[str]:
        """The digests of the pods that are there."""
        pods = (await self.place.find("pods")).obj()["items"]
        return sorted(pod["spec"]["containers"][0]["image"].partition("@")[2] for pod in pods)


@pytest_asyncio.fixture(params=[WORKLOAD, ROUTELESS], ids=["route", "no route"])
async def region(request: pytest.FixtureRequest, place: Place) -> AsyncIterator[Region]:
    for plural, obj in zip(
        ("deployments", "services", "httproutes"), objects("payments", RUNS, PODS), strict=True
    ):
        (await place.create(plural, obj)).obj()

    async def up() -> bool:
        status = (await place.read("deployments", "payments")).get("status", {})
        return bool(status.get("availableReplicas") == PODS)

    await until(up, PATIENCE)
    routed = request.param.route is not None
    async with working(hurried(place.region("eu-west"))) as west, watched(place, routed=routed) as seen:
        yield Region(place, west, seen, request.param)


STORY = pytest.mark.parametrize("story", STORIES)


@STORY
async def test_a_good_version_goes_through_every_step_with_no_pod_missing_and_no_share_too_large(
    region: Region, story: str
) -> None:
    for granted in region.grants(STORIES[story]):
        mark, before = await region.seen.now(), (await region.seen.samples())[-1].share
        answer = await region.west.step(granted, PATIENCE)
        assert answer["outcome"] in {"piloted", "probed", "deployed"}, answer
        shown = await region.seen.samples(since=mark)
        if granted.action is not Action.DEPLOY:
            assert max(sample.share for sample in shown) <= max(before, granted.share or 0.0)
            assert shown[-1].share == pytest.approx(answer.get("share", 0.0))
    await region.is_at_rest(GOOD)
    assert await region.fewest() >= PODS


async def test_blue_green_has_all_traffic_on_one_side_at_any_time(region: Region) -> None:
    for granted in region.grants(BLUE_GREEN):
        await region.west.step(granted, PATIENCE)
    await region.is_at_rest(GOOD)
    shown = await region.seen.samples()
    assert [share for share, _ in itertools.groupby(sample.share for sample in shown)] == [0.0, 1.0, 0.0]
    assert min(sample.serving for sample in shown) >= PODS


@STORY
async def test_a_bad_version_fails_its_first_step_without_traffic_and_production_never_changes(
    region: Region, story: str
) -> None:
    bad = digest(Acts.NEVER_READY)
    first = next(region.grants(STORIES[story], bad))
    answer = await region.west.step(first, seconds=2.0)
    assert answer["outcome"] == "failed", answer
    assert "ContainersNotReady" in answer["reason"]
    assert await region.back(bad) == {"outcome": "rolled-back", "digest": RUNS}
    await region.is_at_rest(RUNS)
    assert {sample.share for sample in await region.seen.samples()} == {0.0}
    assert await region.fewest() == PODS
    assert await region.west.mark("deployment.kubernetes.io/revision") == "1"


@pytest.mark.parametrize("done", [1, 2])
@STORY
async def test_a_rollback_between_two_steps_is_all_old_and_rolls_nothing(
    region: Region, story: str, done: int
) -> None:
    for granted in itertools.islice(region.grants(STORIES[story]), done):
        await region.west.step(granted, PATIENCE)
    assert await region.back() == {"outcome": "rolled-back", "digest": RUNS}
    await region.is_at_rest(RUNS)
    assert await region.fewest() >= PODS
    assert await region.west.mark("deployment.kubernetes.io/revision") == "1"


class Killed(BaseException):
    """The deployer's process ended right after a write."""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ends each run after its first write; the writes that were done."""
    writes: list[str] = []

    def ending(name: str, method: Any) -> Any:
        async def write(self: Cluster, *arguments: Any) -> Any:
            await method(self, *arguments)
            writes.append(f"{name} {arguments[0].kind}")
            raise Killed

        return write

    for name in ("patch", "create", "delete"):
        monkeypatch.setattr(Cluster, name, ending(name, getattr(Cluster, name)))
    return writes


async def run(region: Region, granted: Granted, *, runs: int = 60) -> dict[str, Any] | None:
    """A step whose deployer is killed after each write and started again; None after so many deaths."""
    for _ in range(runs):
        try:
            return await region.west.step(granted, PATIENCE)
        except Killed:
            continue
    return None


@STORY
async def test_a_deployer_killed_after_each_write_gets_to_the_end_with_no_pod_missing(
    region: Region, killed: list[str], story: str
) -> None:
    for granted in region.grants(STORIES[story]):
        assert await run(region, granted) is not None
    assert len(killed) >= 7
    await region.is_at_rest(GOOD)
    assert await region.fewest() >= PODS


@pytest.mark.parametrize("deaths", [3, 5, 8])
@STORY
async def test_an_order_after_a_deployer_was_killed_in_the_middle_of_a_step_is_all_old(
    region: Region, killed: list[str], story: str, deaths: int
) -> None:
    for granted in region.grants(STORIES[story]):
        if await run(region, granted, runs=deaths - len(killed)) is None:
            break
    answer = None
    while answer is None:
        try:
            answer = await region.back()
        except Killed:
            await asyncio.sleep(0)
    assert answer["outcome"] == "rolled-back"
    await region.is_at_rest(RUNS)
