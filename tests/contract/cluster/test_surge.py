"""A Deployment's maxSurge, raised for one roll-out by a deployer with the rights that it has, and put back when that is over."""

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from lockgate.deployer.objects import annotations_of
from lockgate.deployer.settings import RegionSettings
from lockgate.messages.verdicts import Action
from tests.support.changing import (
    BLUE_GREEN,
    GOOD,
    RUNS,
    Changing,
    Steps,
    canary,
    changing,
    killed_after_each_write,
)
from tests.support.controlplane.behaviours import Acts, digest
from tests.support.deployer import WORKLOAD
from tests.support.deployer_at_work import DEPLOYMENTS
from tests.support.places import MERGE, PATIENCE, Json, Place, replaced
from tests.support.sandboxes import until

PODS = 4
NOTE = "lockgate.dev/surge"
OWN = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
RAISED = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 4, "maxUnavailable": 0}}
ROLLING: Steps = ((Action.DEPLOY, None),)


@pytest.fixture(autouse=True)
def _slow_starters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods are believed to take as long as fits once into a step's time, and are ready at once: nobody waits for them."""
    monkeypatch.setattr("lockgate.deployer.following.start_of", lambda pods: 30.0 if pods else None)


def roomy(region: RegionSettings) -> RegionSettings:
    return region.model_copy(update={"surge": 1.0})


async def states(region: Changing) -> list[tuple[str, Json, str | None]]:
    """Digest, strategy and note of the Deployment after each write of anybody."""
    found = []
    for write in await region.seen.written():
        if (write.kind, write.name) == ("deployments", "payments"):
            spec = write.obj["spec"]
            image = spec["template"]["spec"]["containers"][0]["image"]
            found.append((image.partition("@")[2], spec["strategy"], annotations_of(write.obj).get(NOTE)))
    return found


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed after each write"])
@pytest.mark.parametrize(
    "steps", [ROLLING, canary(0.25, 0.5), BLUE_GREEN], ids=["rolling", "canary", "blue-green"]
)
async def test_it_is_raised_with_the_image_and_put_back_at_the_end(
    place: Place, steps: Steps, *, killed: bool
) -> None:
    async with changing(place, WORKLOAD, PODS, OWN, roomy) as region:
        with killed_after_each_write() if killed else nullcontext():
            for granted in region.grants(steps):
                assert await region.step(granted) is not None
        await region.is_at_rest(GOOD)
        shown = await states(region)
        assert {(image, surge["rollingUpdate"]["maxSurge"], note) for image, surge, note in shown} == {
            (RUNS, 1, None),
            (GOOD, 4, "1 4"),
            (GOOD, 1, ""),
        }
        assert shown[-1] == (GOOD, OWN, "")
        assert await region.fewest() >= PODS


async def test_it_is_said_beforehand(place: Place) -> None:
    async with changing(place, WORKLOAD, PODS, OWN, roomy) as region:
        for granted in region.grants(ROLLING):
            assert await region.west.step(granted, PATIENCE) == {"outcome": "deployed"}
        started = region.west.reports[0]
        assert started["seconds"] == 30.0
        assert started["estimate"].endswith(
            "With the Deployment's own maxSurge, 1, it would be about 120 s: maxSurge is 4 until the roll-out is over."
        )


async def test_a_failed_step_leaves_it_so_that_whoever_scales_takes_no_ready_pod_and_the_order_puts_it_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockgate.deployer.following.start_of", lambda _pods: 5.0)
    bad = digest(Acts.NEVER_READY)
    async with changing(place, WORKLOAD, 10, OWN, roomy) as region:
        for granted in region.grants(ROLLING, bad):
            assert (await region.west.step(granted, 9.0))["outcome"] == "failed"
        assert (await states(region))[-1][2] == "1 10"
        await until(lambda: _counts(region, replicas=20, availableReplicas=10), PATIENCE)
        (await place.patch("deployments", "payments", [replaced("/spec/replicas", 11)])).obj()
        await until(
            lambda: _counts(region, replicas=21), PATIENCE
        )  # of either version: controllers differ in it
        assert await region.back(bad) == {"outcome": "rolled-back", "digest": RUNS}
        assert (await states(region))[-1] == (RUNS, OWN, "")
        assert await region.fewest() >= 10


async def test_a_roll_out_that_was_over_in_time_is_done_whoever_was_away_and_is_put_back(
    place: Place,
) -> None:
    async with changing(place, WORKLOAD, PODS, OWN, roomy) as region:
        (granted,) = region.grants(ROLLING, digest(Acts.SLOW))
        step = asyncio.create_task(region.west.step(granted, PATIENCE))
        await until(lambda: _waits(region), PATIENCE)
        step.cancel()
        await asyncio.gather(step, return_exceptions=True)
        await until(lambda: _counts(region, replicas=4, updatedReplicas=4, availableReplicas=4), PATIENCE)
        assert await region.west.step(granted, -1.0) == {"outcome": "deployed"}
        assert (await states(region))[-1] == (digest(Acts.SLOW), OWN, "")


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed after each write"])
async def test_an_order_in_the_middle_of_it_puts_it_back(place: Place, *, killed: bool) -> None:
    bad = digest(Acts.NEVER_READY)
    async with changing(place, WORKLOAD, PODS, OWN, roomy) as region:
        (granted,) = region.grants(ROLLING, bad)
        step = asyncio.create_task(region.west.step(granted, PATIENCE))
        await until(lambda: _has(region, RAISED), PATIENCE)
        step.cancel()
        await asyncio.gather(step, return_exceptions=True)
        with killed_after_each_write() if killed else nullcontext():
            assert await region.back(bad) == {"outcome": "rolled-back", "digest": RUNS}
        await region.is_at_rest(RUNS)
        assert (await states(region))[-1] == (RUNS, OWN, "")


async def test_what_its_owner_writes_in_the_middle_of_it_stays(place: Place) -> None:
    async with changing(place, WORKLOAD, PODS, OWN, roomy) as region:
        (granted,) = region.grants(ROLLING, digest(Acts.SLOW))
        step = asyncio.create_task(region.west.step(granted, PATIENCE))
        await until(lambda: _has(region, RAISED), PATIENCE)
        theirs = replaced("/spec/strategy/rollingUpdate/maxSurge", "50%")
        (await place.patch("deployments", "payments", [theirs])).obj()
        assert await step == {"outcome": "deployed"}
        assert (await states(region))[-1] == (
            digest(Acts.SLOW),
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}},
            "",
        )


async def test_where_argo_cd_owns_it_it_is_left_alone_and_said_how_it_is_handed_over(place: Place) -> None:
    async with changing(place, WORKLOAD, PODS, OWN, roomy) as region:
        owned = {"argocd.argoproj.io/tracking-id": "shop:x", "lockgate.dev/image": "handed-over"}
        await _annotated(place, owned)
        granted, again = region.grants(((Action.DEPLOY, None), (Action.DEPLOY, None)))
        assert await region.west.step(granted, PATIENCE) == {"outcome": "deployed"}
        assert "kubectl annotate deployment payments lockgate.dev/maxSurge=handed-over" in said(region)
        assert [note for _, _, note in await states(region)] == [None] * len(await states(region))
        await _annotated(place, {"lockgate.dev/maxSurge": "handed-over"})
        newer = {"release": "release-8", "artifact": granted.artifact.model_copy(update={"digest": RUNS})}
        fence = again.fence.model_copy(update={"number": 8})
        assert await region.west.step(again.model_copy(update={**newer, "fence": fence}), PATIENCE) == {
            "outcome": "deployed"
        }
        assert (RUNS, RAISED, "1 4") in await states(region)
        assert (await states(region))[-1] == (RUNS, OWN, "")


async def test_where_the_settings_do_not_say_that_there_is_room_it_is_left_alone_and_said(
    place: Place,
) -> None:
    async with changing(place, WORKLOAD, PODS, OWN) as region:
        for granted in region.grants(ROLLING):
            assert await region.west.step(granted, PATIENCE) == {"outcome": "deployed"}
        assert said(region).endswith(
            "The settings of the region's deployer have it raised to 0% of the pods at most."
        )
        assert [note for _, _, note in await states(region)] == [None] * len(await states(region))


def said(region: Changing) -> str:
    texts: list[Any] = [report.get("estimate") for report in region.west.reports]
    return " ".join(text for text in texts if text)


async def _annotated(place: Place, annotations: dict[str, str]) -> None:
    (await place.patch("deployments", "payments", {"metadata": {"annotations": annotations}}, MERGE)).obj()


async def _has(region: Changing, strategy: Json) -> bool:
    return bool((await region.west.object(DEPLOYMENTS))["spec"]["strategy"] == strategy)


async def _counts(region: Changing, **wanted: int) -> bool:
    live = await region.west.object(DEPLOYMENTS)
    seen = live["status"].get("observedGeneration") == live["metadata"]["generation"]
    return seen and all(live["status"].get(field, 0) == count for field, count in wanted.items())


async def _waits(region: Changing) -> bool:
    """Whether the step has written all that comes before the end of the roll-out."""
    return any(report["outcome"] == "progressed" for report in region.west.reports)
