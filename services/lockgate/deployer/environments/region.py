"""The two namespaces of a region in which releases are tried: what is live in one, the environments in the other."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lockgate.deployer.cluster import (
    DEPLOYMENTS,
    NETWORK_POLICIES,
    PODS,
    REPLICASETS,
    SERVICES,
    Cluster,
    ClusterError,
    Resource,
    Trouble,
)
from lockgate.deployer.environments.leaving import departures, is_over
from lockgate.deployer.environments.making import Tried, newer
from lockgate.deployer.objects import APPLICATION_LABEL, CLONE_LABEL
from lockgate.deployer.probes import Times, sent_to_clone
from lockgate.deployer.reports import Failed, Fenced, Probed
from lockgate.deployer.strategies.given import Kind, Region, Target
from lockgate.messages.plan_parts import Request

_RESOURCES: dict[Kind, Resource] = {
    Kind.DEPLOYMENT: DEPLOYMENTS,
    Kind.SERVICE: SERVICES,
    Kind.NETWORK_POLICY: NETWORK_POLICIES,
}

_READ: Final = (DEPLOYMENTS, SERVICES, NETWORK_POLICIES, REPLICASETS, PODS)

MARGIN: Final = timedelta(minutes=10)
"""So long after its step's time an environment may still be there; then anybody removes it."""


def tried(target: Target) -> Tried:
    """As an environment's objects are called. No route leads to it."""
    fields = {each.name: getattr(target, each.name) for each in dataclasses.fields(target)}
    return Tried(**fields | {"workload": target.workload.model_copy(update={"route": None})})


def no_source(region: str) -> str:
    return (
        f"The deployer makes no environments in {region}: give it, in LOCKGATE_DEPLOYER_REGIONS, a namespace for them and "
        "as `source` that of the live workload, or write environment: always-on into the stage."
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """A region with a `source`: `live` may only be read, `cluster` is where environments are made."""

    live: Cluster
    cluster: Cluster

    @property
    def source(self) -> str:
        return self.live.settings.namespace

    @property
    def look(self) -> Callable[[Cluster, Target], Awaitable[Region]]:
        """What is live of the target's workload, and the environments of its application."""

        async def look(cluster: Cluster, target: Target) -> Region:
            found, deployment, service = await asyncio.gather(
                self.glance(cluster, target),
                self.live.find(DEPLOYMENTS, target.workload.deployment),
                self.live.find(SERVICES, target.workload.service),
            )
            return Region(
                deployment,
                service,
                clones=found.clones,
                clone_services=found.clone_services,
                pods=found.pods,
                replicasets=found.replicasets,
                policies=found.policies,
            )

        return look

    async def glance(self, cluster: Cluster, target: Target) -> Region:
        """The environments of the target's application alone: to remove them, nothing else has to be there."""
        return await environments(cluster, f"{APPLICATION_LABEL}={target.application},{CLONE_LABEL}")

    async def asked(
        self, cluster: Cluster, target: Target, requests: tuple[Request, ...], times: Times
    ) -> Probed | Failed | Fenced:
        """Each request with its result, sent to the target's environment. ClusterError if that cannot be looked at."""
        target = tried(target)
        live = await self.look(cluster, target)
        return newer(target, live) or await sent_to_clone(cluster, target, live, requests, times)

    async def swept(self, now: datetime) -> None:
        """Removes what whoever made it did not live to remove. What changes meanwhile is left to the next sweep."""
        found = await environments(self.cluster, CLONE_LABEL)
        for each in departures(found, lambda obj: is_over(obj, now)):
            try:
                await self.cluster.delete(_RESOURCES[each.kind], each.name, each.uid, each.version)
            except ClusterError as error:
                if error.trouble not in {Trouble.CONFLICT, Trouble.NOT_FOUND}:
                    raise


async def environments(cluster: Cluster, selector: str) -> Region:
    """The environments of a namespace, or of one application there."""
    clones, services, policies, sets, pods = await asyncio.gather(
        *(cluster.all(each, selector) for each in _READ)
    )
    return Region(
        None,
        clones=tuple(clones),
        clone_services=tuple(services),
        policies=tuple(policies),
        pods=tuple(pods),
        replicasets=tuple(sets),
    )
