"""Clones of a Deployment and its Service: how they are made, and how they go. Pure.

A clone carries the release number in its name and in its selector. It is made by POST, and a later step of its release may
change its fence and its size only; it is changed and goes by its uid, so that nothing made later under its name is hit.
"""

import copy
from dataclasses import replace

from lockgate.deployer.fencing import OWN, clone_fence, fenced
from lockgate.deployer.objects import (
    APPLICATION_LABEL,
    CLONE_LABEL,
    Json,
    is_going,
    labels_of,
    name_of,
    selects,
    uid_of,
    version_of,
    with_digest,
)
from lockgate.deployer.strategies.given import Create, Delete, Kind, Patch, Region, Target, Wait
from lockgate.deployer.strategies.names import role_of
from lockgate.deployer.strategies.production import Production
from lockgate.deployer.strategies.surge import as_owned
from lockgate.deployer.traffic import Traffic
from lockgate.messages.values import Fence

_NAME_LIMIT = 63
_COPIED = ("strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit")
_PORT_FIELDS = ("name", "protocol", "port", "targetPort", "appProtocol")


def met(target: Target, live: Region) -> Target:
    """The target under the name of the clone that its release has here already, whatever that was made for."""
    made = [
        (clone_fence(each).order, role)
        for each in live.clones
        if _is_ours(target, each)
        and clone_fence(each).number == target.fence.number
        and (role := role_of(name_of(each))) is not None
    ]
    return replace(target, role=max(made)[1]) if made else target


def uncloneable(target: Target, live: Region, *, in_service: bool) -> str | None:
    """Why no clone of the workload can be made, and what to do; None if it can."""
    for name in (target.clone, target.clone_service):
        if len(name) > _NAME_LIMIT:
            return f"The clone's name {name} has {len(name)} characters, and {_NAME_LIMIT} is the most: shorten it."
    deployment, service = live.deployment or {}, live.service or {}
    selector = (service.get("spec") or {}).get("selector")
    if not selector:
        return f"The Service {target.workload.service} in {target.region} has no selector: a clone needs one."
    labels = pod_labels(target, deployment, selector, in_service=in_service)
    if in_service and not selects({"matchLabels": selector}, labels):
        return (
            f"The Service {target.workload.service} in {target.region} does not select the Deployment's pods."
        )
    if not in_service and (
        selects({"matchLabels": selector}, labels) or selects(deployment["spec"]["selector"], labels)
    ):
        return (
            f"The Deployment {target.workload.deployment} in {target.region} selects pods by the absence of labels "
            f"only, so it would select a clone's too: add a matchLabels entry to its selector."
        )
    return None


def pod_labels(
    target: Target, deployment: Json, service_selector: dict[str, str], *, in_service: bool
) -> dict[str, str]:
    """The labels of a clone's pods: its own, and away from production's selectors.

    With a route they leave the Service's selector and the Deployment's. Without one they stay in the Service's, for
    that is their traffic, and leave the Deployment's if it asks for more; if it does not, ReplicaSets are still told
    apart by their owner.
    """
    labels = dict(deployment["spec"]["template"]["metadata"].get("labels") or {})
    selector = deployment["spec"]["selector"]
    asked = set(selector.get("matchLabels") or {})
    asked |= {e["key"] for e in selector.get("matchExpressions") or () if e["operator"] in {"In", "Exists"}}
    served = set(service_selector)
    for keys in [asked - served] if in_service else [asked & served or asked, served]:
        if keys and all(labels.get(key) != target.clone for key in keys):
            labels[min(keys)] = target.clone
    return {**labels, CLONE_LABEL: target.clone, APPLICATION_LABEL: target.application}


def clone_deployment(
    target: Target, seen: Production, service: Json, replicas: int, *, in_service: bool
) -> Create:
    """The clone: the production Deployment's template with the target's image, and labels of its own."""
    source = as_owned(seen.deployment)["spec"]
    template = copy.deepcopy(source["template"])
    container = template["spec"]["containers"][seen.index]
    container["image"] = with_digest(container["image"], str(target.digest))
    selector = service["spec"]["selector"]
    template["metadata"]["labels"] = pod_labels(target, seen.deployment, selector, in_service=in_service)
    spec = {key: copy.deepcopy(source[key]) for key in _COPIED if key in source}
    spec |= {
        "replicas": replicas,
        "selector": {"matchLabels": {CLONE_LABEL: target.clone}},
        "template": template,
    }
    return Create(
        Kind.DEPLOYMENT,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata_of(target, target.clone),
            "spec": spec,
        },
    )


def clone_service(target: Target, service: Json) -> Create:
    """A Service for the clone alone, with the production Service's ports."""
    ports = [
        {key: port[key] for key in _PORT_FIELDS if key in port} for port in service["spec"].get("ports") or ()
    ]
    spec = {"selector": {CLONE_LABEL: target.clone}, "ports": ports}
    metadata = metadata_of(target, target.clone_service)
    if target.workload.route is not None:
        metadata["annotations"][OWN.route] = target.workload.route
    return Create(Kind.SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def metadata_of(target: Target, name: str) -> Json:
    return {
        "name": name,
        "labels": {
            APPLICATION_LABEL: target.application,
            CLONE_LABEL: target.clone,
            "app.kubernetes.io/managed-by": "lockgate",
        },
        "annotations": {
            OWN.fence: str(target.fence),
            OWN.application: target.application,
            OWN.release: target.release,
        },
    }


def taken_over(target: Target, live: Region) -> Patch | None:
    """Until nothing of the release's clone carries the fence of an earlier step; then None.

    This comes before anything else that a step writes: an earlier step that still runs somewhere takes away what it made
    once it finds itself outdated, and must not find what serves by now among that.
    """
    for kind, objects in ((Kind.DEPLOYMENT, live.clones), (Kind.SERVICE, live.clone_services)):
        for obj in objects:
            if is_earlier(target, obj):
                return Patch(kind, name_of(obj), fenced(obj, OWN, target.fence, {}, []))
    return None


def is_earlier(target: Target, obj: Json) -> bool:
    """Whether a clone, or its Service, is of an earlier step of the same release."""
    fence = clone_fence(obj)
    return _is_ours(target, obj) and fence.number == target.fence.number and fence.order < target.fence.order


def farewell(
    target: Target, live: Region, traffic: Traffic, keep: Fence | None = None, *, dark: bool = False
) -> Patch | Delete | Wait | None:
    """The next thing to do until no clone is left but those of the fence that is kept: first their share, then they.

    `dark`: those that are kept have no share either.
    """
    kept = target.clone_service if keep is not None and not dark else None
    if (patch := traffic.take(target, live, kept)) is not None:
        return patch
    services = [each for each in live.clone_services if _leaves(target, each, keep)]
    clones = [each for each in live.clones if _leaves(target, each, keep)]
    for kind, objects in ((Kind.SERVICE, services), (Kind.DEPLOYMENT, clones)):
        for obj in objects:
            if not is_going(obj):
                return Delete(kind, name_of(obj), uid_of(obj), version_of(obj))
    if services or clones:
        return Wait(0, 0, f"{len(services) + len(clones)} objects of clones have still to go.")
    return None


def _leaves(target: Target, obj: Json, keep: Fence | None) -> bool:
    """Clones of this application at or below the target's fence. Newer ones are another step's."""
    fence = clone_fence(obj)
    return _is_ours(target, obj) and fence.order <= target.fence.order and fence != keep


def labels_of_pods(clone: Json) -> dict[str, str]:
    return clone["spec"]["template"]["metadata"].get("labels") or {}


def _is_ours(target: Target, obj: Json) -> bool:
    return labels_of(obj).get(APPLICATION_LABEL) == target.application and CLONE_LABEL in labels_of(obj)
