"""What is live in a region for a step: read afresh each time, because only the cluster knows."""

import asyncio

from lockgate.deployer.cluster import (
    AUTOSCALERS,
    DEPLOYMENTS,
    PODS,
    REPLICASETS,
    ROUTES,
    SERVICES,
    VIRTUAL_SERVICES,
    Cluster,
)
from lockgate.deployer.fencing import OWN, DamagedFenceError, fence_of
from lockgate.deployer.objects import (
    APPLICATION_LABEL,
    CLONE_LABEL,
    Json,
    annotations_of,
    container_at,
    digest_of,
    image_at,
    labels_of,
    running_digest,
)
from lockgate.deployer.strategies.given import Kind, Region, Target, named_route
from lockgate.messages.deployments import Live
from lockgate.messages.values import Fence


async def look(cluster: Cluster, target: Target) -> Region:
    """The workload's objects and its clones, asked for all at once. ClusterError if one of them cannot be read."""
    workload, clones = target.workload, f"{APPLICATION_LABEL}={target.application},{CLONE_LABEL}"
    deployment, service, cloned, cloned_services, route, scalers = await asyncio.gather(
        cluster.find(DEPLOYMENTS, workload.deployment),
        cluster.find(SERVICES, workload.service),
        cluster.all(DEPLOYMENTS, clones),
        cluster.all(SERVICES, clones),
        _route(cluster, workload.route),
        cluster.all(AUTOSCALERS),
    )
    former = await _route(cluster, _former_route(cloned_services, workload.route))
    pods = await _pods_behind_a_tag(cluster, deployment, workload.container)
    sets = await cluster.all(REPLICASETS, selector_of(deployment)) if deployment and target.share else []
    return Region(
        deployment,
        service,
        route,
        tuple(cloned),
        tuple(cloned_services),
        tuple(pods),
        tuple(sets),
        former,
        _scaler_of(workload.deployment, scalers),
    )


def _scaler_of(deployment: str, scalers: list[Json]) -> Json | None:
    """The autoscaler that decides on the Deployment's pods."""
    for each in scalers:
        of = each["spec"]["scaleTargetRef"]
        if (of["kind"], of["name"]) == (Kind.DEPLOYMENT.value, deployment) and of.get(
            "apiVersion", "apps/v1"
        ).startswith("apps/"):
            return each
    return None


def _former_route(services: list[Json], route: str | None) -> str | None:
    """The route of an earlier plan, if it was another: it may send traffic to a clone that is left over."""
    named = (annotations_of(each).get(OWN.route) for each in services)
    return next((name for name in named if name not in (None, route)), None)


async def _route(cluster: Cluster, route: str | None) -> Json | None:
    if route is None:
        return None
    kind, name = named_route(route)
    return await cluster.find(VIRTUAL_SERVICES if kind is Kind.VIRTUAL_SERVICE else ROUTES, name)


async def _pods_behind_a_tag(cluster: Cluster, deployment: Json | None, container: str) -> list[Json]:
    """The pods, where the image names a tag and only they know which digest it is; else none."""
    index = container_at(deployment, container) if deployment else None
    if deployment is None or index is None or digest_of(image_at(deployment, index)) is not None:
        return []
    return await pods_of_deployment(cluster, deployment)


async def pods_of_deployment(cluster: Cluster, deployment: Json) -> list[Json]:
    return await cluster.all(PODS, selector_of(deployment))


def selector_of(deployment: Json) -> str:
    """The matchLabels of a Deployment as a query; its expressions are looked at afterwards."""
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


async def running(cluster: Cluster) -> dict[str, Live]:
    """Application -> what runs, of every Deployment that Lockgate has written to; clones are left out."""
    live = {}
    for deployment in await cluster.all(DEPLOYMENTS):
        marks = annotations_of(deployment)
        container, application = marks.get(OWN.container), marks.get(OWN.application)
        index = container_at(deployment, container) if container else None
        if application is None or container is None or index is None or CLONE_LABEL in labels_of(deployment):
            continue
        digest = digest_of(image_at(deployment, index))
        if digest is None:
            digest = running_digest(deployment, container, await pods_of_deployment(cluster, deployment))
        live[application] = Live(digest=digest, fence=_readable_fence(deployment))
    return live


def _readable_fence(deployment: Json) -> Fence | None:
    try:
        return fence_of(deployment)
    except DamagedFenceError:
        return None  # said by the first step that meets it
