"""A deployer's work against a sandbox's real HTTP API, and what the cluster shows afterwards."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from lockgate.deployer.bodies import FlagsBody, OrderBody, RegisterBody, StepBody
from lockgate.deployer.cluster import DEPLOYMENTS, PODS, ROUTES, SERVICES, Cluster, Resource, open_cluster
from lockgate.deployer.settings import DeployerSettings, Pace, RegionSettings
from lockgate.deployer.work import WorkFunction, open_work
from lockgate.messages.rollbacks import FlagsOrdered, RollbackOrdered
from lockgate.messages.verdicts import Granted
from lockgate.sandbox import Sandbox


@dataclass
class AtWork:
    """Runs pieces of work as a worker would; keeps their reports."""

    work: Mapping[str, WorkFunction]
    cluster: Cluster
    reports: list[dict[str, Any]] = field(default_factory=list)
    requests: int | None = None
    """What the last step asked of the API server, if it says so."""

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    async def step(self, grant: Granted, seconds: float = 40.0) -> dict[str, Any]:
        body = StepBody(grant=grant, until=datetime.now(UTC) + timedelta(seconds=seconds))
        answer = await self.work[grant.action.value](body.json_body(), self._report)
        self.requests = answer.pop("requests", None)
        return answer

    async def order(
        self, order: RollbackOrdered, *, touched: bool = False, seconds: float = 40.0
    ) -> dict[str, Any]:
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        body = OrderBody(order=order, until=until, touched=touched)
        return await self.work["rollback"](body.json_body(), self._report)

    async def flags(self, order: FlagsOrdered, seconds: float = 40.0) -> dict[str, Any]:
        body = FlagsBody(order=order, until=datetime.now(UTC) + timedelta(seconds=seconds))
        return await self.work["flags"](body.json_body(), self._report)

    async def register(self, region: str = "eu-west") -> dict[str, Any]:
        return await self.work["register"](
            RegisterBody(region=region, namespace="shop").json_body(), self._report
        )

    async def object(self, resource: Resource, name: str = "payments") -> dict[str, Any]:
        found = await self.cluster.find(resource, name)
        assert found is not None, f"there is no {resource.kind} {name}"
        return found

    async def image(self, name: str = "payments") -> str:
        deployment = await self.object(DEPLOYMENTS, name)
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    async def weights(self) -> list[tuple[str, int]]:
        route = await self.object(ROUTES)
        return [(ref["name"], ref["weight"]) for ref in route["spec"]["rules"][0]["backendRefs"]]

    async def names(self, resource: Resource) -> list[str]:
        return sorted(each["metadata"]["name"] for each in await self.cluster.all(resource))

    async def mark(self, name: str, resource: Resource = DEPLOYMENTS) -> str | None:
        found = (await self.object(resource))["metadata"].get("annotations") or {}
        return found.get(name)

    async def _report(self, report: dict[str, Any]) -> None:
        self.reports.append(report)


def settings_for(sandbox: Sandbox, **pace: float) -> DeployerSettings:
    """A deployer of all regions of the sandbox, in a hurry."""
    regions = tuple(
        RegionSettings(
            region=name,
            namespace=place["namespace"],
            url=place["kubernetes"],
            token=SecretStr(place["token"]),
        )
        for name, place in sandbox.directory()["regions"].items()
    )
    return hurried(*regions, **pace)


def hurried(*regions: RegionSettings, **pace: float) -> DeployerSettings:
    hurry = Pace(**{"poll": 0.05, "progress": 0.0, "drain": 0.0, "request": 5.0, "reread": 5.0, **pace})
    return DeployerSettings(name="west", regions=regions, pace=hurry)


@asynccontextmanager
async def at_work(sandbox: Sandbox, **pace: float) -> AsyncIterator[AtWork]:
    async with working(settings_for(sandbox, **pace)) as worker:
        yield worker


@asynccontextmanager
async def working(settings: DeployerSettings) -> AsyncIterator[AtWork]:
    """The work of a deployer, and a client of the first of its regions."""
    async with open_work(settings) as work, open_cluster(settings.regions[0], 5.0) as cluster:
        yield AtWork(work, cluster)


__all__ = [
    "DEPLOYMENTS",
    "PODS",
    "ROUTES",
    "SERVICES",
    "AtWork",
    "at_work",
    "hurried",
    "settings_for",
    "working",
]
