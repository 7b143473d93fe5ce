"""The floor of a workload's autoscaler, raised and given back by a deployer with the rights that it has."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from lockgate.messages.verdicts import Action
from lockgate.sandbox.sample import objects
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import artifact, grant, order
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import PATIENCE, Json, Place, autoscaler
from tests.support.sandboxes import until

RUNS, GOOD = digest(number=1), digest(number=2)
SCALERS = "horizontalpodautoscalers"
NOTED = "lockgate.dev/floor"


@pytest_asyncio.fixture
async def west(place: Place) -> AsyncIterator[AtWork]:
    """The deployer of a region that runs three pods of `payments`, which an autoscaler may make one."""
    for plural, obj in zip(
        ("deployments", "services", "httproutes"), objects("payments", RUNS, 3), strict=True
    ):
        (await place.create(plural, obj)).obj()
    for made in (autoscaler(1, 9), autoscaler(1, 9, name="billing")):
        (await place.create(SCALERS, made)).obj()

    async def up() -> bool:
        status = (await place.read("deployments", "payments")).get("status", {})
        return bool(status.get("availableReplicas") == 3)

    await until(up, PATIENCE)
    async with working(hurried(place.region("eu-west"))) as worker:
        yield worker


def told(scaler: Json) -> tuple[int, str | None]:
    return scaler["spec"]["minReplicas"], (scaler["metadata"].get("annotations") or {}).get(NOTED)


async def test_the_floor_is_raised_for_a_clone_and_given_back_after_the_roll_out(
    place: Place, west: AtWork
) -> None:
    given: dict[str, Any] = {"artifact": artifact(GOOD)}
    piloted = await west.step(grant("7.0.1", Action.PILOT, share=0.25, **given))
    assert piloted["outcome"] == "piloted"
    assert told(await place.read(SCALERS, "payments")) == (3, "1 3")
    assert told(await place.read(SCALERS, "billing")) == (1, None)
    assert await west.step(grant("7.0.2", **given)) == {"outcome": "deployed"}
    assert told(await place.read(SCALERS, "payments")) == (1, "")


async def test_an_order_gives_it_back_as_well(place: Place, west: AtWork) -> None:
    await west.step(grant("7.0.1", Action.CANARY, share=0.5, artifact=artifact(GOOD)))
    assert told(await place.read(SCALERS, "payments")) == (3, "1 3")
    back = await west.order(order("7.2.1", digest=RUNS, bad=GOOD), touched=True)
    assert back["outcome"] == "rolled-back"
    assert told(await place.read(SCALERS, "payments")) == (1, "")
