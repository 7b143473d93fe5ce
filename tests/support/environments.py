"""Two namespaces of one cluster, of the sandbox or a real one: what is live in the one, environments in the other."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from lockgate.deployer.rights import OF_THE_SOURCE, WITH_ENVIRONMENTS, Right, with_environments
from lockgate.deployer.settings import RegionSettings
from lockgate.messages.environments import Environment
from lockgate.messages.plan_parts import Request
from lockgate.messages.verdicts import Action, Granted
from lockgate.sandbox import Sandbox, Settings
from lockgate.sandbox.sample import objects
from lockgate.sandbox.settings import RegionSettings as SandboxRegion
from tests.support.controlplane import ControlPlane
from tests.support.controlplane.behaviours import digest, sandbox_images
from tests.support.deployer import artifact, grant
from tests.support.places import MERGE, PATIENCE, Json, Place, of_tenant
from tests.support.sandboxes import until

RUNS = digest(number=1)
KINDS = ("deployments", "services", "networkpolicies")


@dataclass(frozen=True, slots=True)
class Ground:
    """`live` and `tried` are the namespaces as their owner sees them."""

    live: Place
    tried: Place
    region: RegionSettings
    """What the deployer is told."""
    sandbox: Sandbox | None = None

    async def made(self) -> dict[str, list[str]]:
        """What there is in the namespace for environments, by kind."""
        found = {plural: (await self.tried.find(plural)).obj()["items"] for plural in KINDS}
        return {plural: sorted(each["metadata"]["name"] for each in objs) for plural, objs in found.items()}

    async def versions(self) -> list[tuple[str, int]]:
        """Of what is live: as long as they are the same, nobody wrote to its Deployment's spec, nor to its annotations."""
        workload = await self.live.read("deployments", "payments")
        service = await self.live.read("services", "payments")
        return [
            (str(workload["metadata"].get("annotations")), workload["metadata"]["generation"]),
            (service["metadata"]["resourceVersion"], 0),
        ]

    async def gives_up_after(self, seconds: int) -> None:
        """The live workload's own patience with a version that does not come up, which its environments have too."""
        wanted = {"spec": {"progressDeadlineSeconds": seconds}}
        (await self.live.patch("deployments", "payments", wanted, MERGE)).obj()


@asynccontextmanager
async def sandboxed_ground() -> AsyncIterator[Ground]:
    region = SandboxRegion(name="eu-west", environments="shop-preprod")
    settings = Settings(
        regions=(region,), scrape_seconds=5.0, rate=0.0, backoff_seconds=0.2, images=sandbox_images()
    )
    async with Sandbox(settings) as sandbox, aiohttp.ClientSession() as http:
        found = sandbox.directory()["regions"]["eu-west"]
        token, url = found["token"], found["kubernetes"]

        async def forget() -> None:
            sandbox.regions["eu-west"].store.forget()

        live, tried = (
            Place(http, url, name, owner=token, deployer=token, forget=forget)
            for name in ("shop", "shop-preprod")
        )
        yield await _with_workload(Ground(live, tried, _settings(live, tried), sandbox))


@asynccontextmanager
async def served_ground(
    plane: ControlPlane,
    rights: tuple[Right, ...] = WITH_ENVIRONMENTS,
    of_source: tuple[Right, ...] = OF_THE_SOURCE,
) -> AsyncIterator[Ground]:
    """Of a real control plane, with a deployer that has these rights."""
    source = await asyncio.to_thread(plane.tenant, "shop")
    target = await asyncio.to_thread(plane.tenant, "trial", rights)
    for obj in with_environments("deployer", target.namespace, source.namespace, rights, of_source):
        await asyncio.to_thread(plane.admin.apply, obj)
    async with of_tenant(plane, source) as live, of_tenant(plane, target) as tried:
        yield await _with_workload(Ground(live, tried, _settings(live, tried)))


def _settings(live: Place, tried: Place) -> RegionSettings:
    return tried.region("eu-preprod").model_copy(update={"source": live.namespace})


async def _with_workload(ground: Ground) -> Ground:
    """The live workload, which refers to a Secret."""
    workload, service, _ = objects("payments", RUNS, 3)
    workload["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "keys"}}]
    for plural, obj in (("deployments", workload), ("services", service)):
        (await ground.live.create(plural, obj)).obj()

    async def up() -> bool:
        found = await ground.live.read("deployments", "payments")
        return bool(found.get("status", {}).get("availableReplicas") == 3)

    await until(up, PATIENCE)
    return ground


def asked(**changes: Any) -> Environment:
    return Environment.model_validate({"overrides": {"secrets": {"keys": "keys-preprod"}}, **changes})


def trying(
    wanted: str,
    at: str = "7.0.1",
    *,
    environment: Environment | None = None,
    requests: Iterable[Request] = (Request(get="/healthz", within=0.5),),
    **changes: Any,
) -> Granted:
    return grant(
        at,
        Action.ENVIRONMENT,
        region="eu-preprod",
        artifact=artifact(wanted),
        environment=environment or asked(),
        requests=tuple(requests),
        **changes,
    )


def leftover(name: str, until_: str | None) -> Json:
    """A Service as an environment that nobody removed left it."""
    marks = {"lockgate.dev/fence": "3.0.1"} | ({"lockgate.dev/until": until_} if until_ else {})
    labels = {"lockgate.dev/clone": name, "lockgate.dev/application": "billing"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels, "annotations": marks},
        "spec": {"selector": {"lockgate.dev/clone": name}, "ports": [{"port": 80}]},
    }
