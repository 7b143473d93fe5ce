"""What cannot be done in a region is refused with what to do, by the cluster as it is, and nothing has changed then."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lockgate.deployer.objects import annotations_of
from lockgate.deployer.settings import RegionSettings
from lockgate.messages.values import Workload
from lockgate.messages.verdicts import Action
from lockgate.sandbox.sample import objects
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import WORKLOAD, artifact, grant, order
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import MERGE, PATIENCE, Json, Place
from tests.support.sandboxes import until

RUNS, GOOD = digest(number=1), digest(number=2)
PLURALS = ("deployments", "services", "httproutes")
LONG = ".".join(["payments" * 7] * 4 + ["payments" * 3 + "p"])  # 253 characters

_CONTROLLERS = {"deployment.kubernetes.io/revision"}
"""Annotations that the Deployment controller writes when it gets to it; they change with the spec's template alone."""


@dataclass
class Region:
    """A region that runs two pods of `payments`."""

    place: Place

    async def make(self, name: str = "payments", **changes: Any) -> None:
        """Deployment, Service and route of an application; `changes` are to the Deployment's spec."""
        deployment, *others = objects(name, RUNS, 2)
        deployment["spec"] |= changes
        for plural, obj in zip(PLURALS, [deployment, *others], strict=True):
            (await self.place.create(plural, obj)).obj()

    async def wanted(self) -> list[Json]:
        """Everything that somebody may have written here, but not what the controllers say of it."""
        found = [each for plural in PLURALS for each in (await self.place.find(plural)).obj()["items"]]
        marks = ("name", "uid", "generation", "labels")
        return [
            {
                "metadata": {key: each["metadata"].get(key) for key in marks},
                "annotations": {
                    key: value for key, value in annotations_of(each).items() if key not in _CONTROLLERS
                },
                "spec": each["spec"],
            }
            for each in found
        ]

    async def refusal(self, workload: Workload = WORKLOAD, action: Action = Action.DEPLOY) -> str:
        """Why a grant fails. Nothing has changed then, and nothing was reported as begun."""
        before = await self.wanted()
        async with working(hurried(self.place.region("eu-west"))) as west:
            given = grant(action=action, workload=workload, artifact=artifact(GOOD))
            answer = await west.step(given)
        assert (answer["outcome"], west.reports) == ("failed", [])
        assert await self.wanted() == before
        return str(answer["reason"])


@pytest_asyncio.fixture
async def region(place: Place) -> AsyncIterator[Region]:
    """At rest: all of its pods are there."""
    found = Region(place)
    await found.make()

    async def up() -> bool:
        return bool((await place.read("deployments", "payments"))["status"].get("availableReplicas") == 2)

    await until(up, PATIENCE)
    yield found


@pytest.mark.parametrize("action", [Action.DEPLOY, Action.PILOT])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"deployment": "billing"},
            "There is no Deployment billing in eu-west: create it, or correct the plan's workload.",
        ),
        (
            {"deployment": LONG},
            f"There is no Deployment {LONG} in eu-west: create it, or correct the plan's workload.",
        ),
        (
            {"container": "web"},
            "The Deployment payments in eu-west has no container web: correct the plan's workload.",
        ),
        (
            {"service": "billing"},
            "There is no Service billing in eu-west: create it, or correct the plan's workload.",
        ),
        (
            {"route": "billing"},
            "There is no HTTPRoute billing in eu-west: create it, or take it from the plan.",
        ),
    ],
)
async def test_a_workload_that_is_not_there_is_refused(
    region: Region, changes: dict[str, str], reason: str, action: Action
) -> None:
    assert await region.refusal(WORKLOAD.model_copy(update=changes), action) == reason


@pytest.mark.parametrize("action", [Action.DEPLOY, Action.PILOT])
@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (
            {"replicas": 0},
            "The Deployment payments in eu-west has 0 replicas: scale it up before something is deployed.",
        ),
        (
            {"paused": True},
            "The Deployment payments in eu-west is paused: resume it (kubectl rollout resume).",
        ),
    ],
)
async def test_a_deployment_that_does_not_roll_is_refused(
    region: Region, spec: dict[str, Any], reason: str, action: Action
) -> None:
    (await region.place.patch("deployments", "payments", {"spec": spec}, MERGE)).obj()

    async def heard() -> bool:
        seen = await region.place.read("deployments", "payments")
        return bool(seen["status"]["observedGeneration"] == seen["metadata"]["generation"])

    await until(heard, PATIENCE)
    assert await region.refusal(action=action) == reason


async def test_a_deployment_whose_name_leaves_no_room_for_its_replicasets_is_refused(region: Region) -> None:
    deployment = objects(LONG[:60], RUNS, 0)[0]
    deployment["metadata"]["name"] = LONG
    (await region.place.create("deployments", deployment)).obj()
    (await region.place.patch("deployments", LONG, {"spec": {"replicas": 2}}, MERGE)).obj()
    workload = WORKLOAD.model_copy(update={"deployment": LONG})
    assert await region.refusal(workload) == (
        f"The name of the Deployment {LONG} in eu-west has 253 characters, and with more than 242 it has no pods, "
        "because its ReplicaSets add to it: make one with a shorter name."
    )


async def test_a_pilot_of_a_name_that_leaves_no_room_for_a_clones_is_refused(region: Region) -> None:
    name = "p" * 60
    await region.make(name)
    workload = Workload(deployment=name, container="app", service=name, route=name)
    assert await region.refusal(workload, Action.PILOT) == (
        f"The clone's name {name}-pilot-7 has 68 characters, and 63 is the most: shorten it."
    )


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        ("argocd-controller", "Argo CD owns the Deployment payments in eu-west"),
        ("kustomize-controller", "Flux, by a Kustomization, owns the Deployment payments in eu-west"),
        ("helm-controller", "Flux, by a HelmRelease, owns the Deployment payments in eu-west"),
    ],
)
async def test_a_workload_that_a_gitops_engine_writes_is_refused_until_it_is_handed_over(
    region: Region, manager: str, words: str
) -> None:
    written = objects("payments", RUNS, 2)[0]
    (await region.place.apply("deployments", written, manager, force=True)).obj()
    reason = await region.refusal()
    assert words in reason
    assert "/spec/template/spec/containers/0/image" in reason
    assert "kubectl annotate deployment payments lockgate.dev/image=handed-over" in reason

    marked = {"metadata": {"annotations": {"lockgate.dev/image": "handed-over"}}}
    (await region.place.patch("deployments", "payments", marked, MERGE)).obj()
    async with working(hurried(region.place.region("eu-west"))) as west:
        assert await west.step(grant(artifact=artifact(GOOD))) == {"outcome": "deployed"}


def _step(west: AtWork) -> Awaitable[Json]:
    return west.step(grant(artifact=artifact(GOOD)))


def _order(west: AtWork) -> Awaitable[Json]:
    return west.order(order(digest=RUNS, bad=GOOD), touched=True)


@pytest.mark.parametrize("asked", [_step, _order])
async def test_a_namespace_that_is_not_the_deployers_or_gone_is_said(
    region: Region, asked: Callable[[AtWork], Awaitable[Json]]
) -> None:
    before = await region.wanted()
    lost = region.place.region("eu-west").model_copy(update={"namespace": "gone"})
    answer = await _asked(lost, asked)
    assert answer["outcome"] == "failed"
    assert 'is forbidden: User "system:serviceaccount:' in answer["reason"]
    assert answer["reason"].endswith(
        'in the namespace "gone". See that the namespace gone exists, and that the deployer has the Role of '
        "charts/lockgate there."
    )
    assert await region.wanted() == before


async def test_a_token_that_is_not_valid_any_more_is_said(region: Region) -> None:
    before = await region.wanted()
    region.place.deployer = "revoked"
    answer = await _asked(region.place.region("eu-west"), _step)
    assert answer["outcome"] == "failed"
    assert answer["reason"].endswith(
        "with 401: Unauthorized. The deployer's token is not valid, or no longer: make a new one (kubectl create "
        "token)."
    )
    assert await region.wanted() == before


async def test_a_token_file_that_has_none_is_said(region: Region, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xff\xfe")
    lost = region.place.region("eu-west").model_copy(update={"token": None, "token_file": file})
    async with working(hurried(lost)) as west:
        answer = await west.step(grant(artifact=artifact(GOOD)), seconds=1.0)
    assert answer["outcome"] == "failed"
    assert answer["reason"].endswith(
        f"Last: The cluster of eu-west was not asked: the token file {file} is no text in UTF-8: write a token into it."
    )


async def _asked(settings: RegionSettings, asked: Callable[[AtWork], Awaitable[Json]]) -> Json:
    async with working(hurried(settings)) as west:
        return await asked(west)
