"""The region's own Deployment: whether it may be written, and its writes under the fence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.deployer.fencing import (
    OWN,
    DamagedFenceError,
    Operation,
    adoption,
    clone_fence,
    fence_of,
    fenced,
    pointer,
)
from lockgate.deployer.objects import (
    Json,
    annotations_of,
    container_at,
    digest_of,
    image_at,
    name_of,
    replicas_of,
    running_digest,
    with_digest,
)
from lockgate.deployer.reports import Failed, Fenced
from lockgate.deployer.strategies.given import Kind, Patch, Region, Target, no_route
from lockgate.deployer.strategies.owners import image, to_hand_over
from lockgate.deployer.traffic.selector import home
from lockgate.messages.values import NO_FENCE, Fence

_RESTARTED = "lockgate.dev/restarted"
_LONGEST_NAME = (
    253 - 11
)  # a ReplicaSet's is that of its Deployment, a hyphen and a hash of up to ten characters


@dataclass(frozen=True, slots=True)
class Production:
    """The Deployment as it may be written to: which container, which digest (None: named by a tag), which fence."""

    deployment: Json
    index: int
    digest: str | None
    running: str | None
    fence: Fence | None

    @property
    def found(self) -> str | None:
        """What ran before this release: as it was noted, or what runs now."""
        return self.digest or self.running


def fenced_out(target: Target, live: Region) -> Fenced | Failed | None:
    """Whether the cluster shows a newer fence on anything that this step writes to. A newer step begins with the clones."""
    try:
        seen = [
            *([fence_of(live.deployment)] if live.deployment else []),
            *(fence_of(route, target.route_marks) for route in live.routes),
            *([fence_of(live.autoscaler)] if live.autoscaler else []),
            *([fence_of(home(live.service, target.route_marks), target.route_marks)] if live.service else []),
            *(clone_fence(each) for each in (*live.clones, *live.clone_services)),
        ]
    except DamagedFenceError as error:
        return Failed(reason=str(error))
    highest = max((fence.order for fence in seen if fence is not None), default=NO_FENCE.order)
    if highest <= target.fence.order:
        return None
    newer = Fence(number=highest[0], turn=highest[1], grant=highest[2])
    return Fenced(
        live=newer,
        reason=f"The region {target.region} carries the fence {newer} for {target.application}, above "
        f"{target.fence}: a newer step or order has been there.",
    )


def production(target: Target, live: Region) -> Production | Failed:
    """The Deployment, or a sentence on why it cannot be written and what to do. Nothing has been changed then."""
    workload, deployment = target.workload, live.deployment
    where = f"{workload.deployment} in {target.region}"
    if deployment is None:
        return Failed(reason=f"There is no Deployment {where}: create it, or correct the plan's workload.")
    owner = annotations_of(deployment).get(OWN.application)
    if owner is not None and owner != target.application:
        return Failed(
            reason=f"The Deployment {where} belongs to the application {owner}, not to {target.application}: "
            f"two plans name the same workload."
        )
    index = container_at(deployment, workload.container)
    if index is None:
        return Failed(
            reason=f"The Deployment {where} has no container {workload.container}: correct the plan's workload."
        )
    running = running_digest(deployment, workload.container, live.pods)
    return Production(
        deployment, index, digest_of(image_at(deployment, index)), running, fence_of(deployment)
    )


def deployable(target: Target, live: Region) -> Production | Failed | Fenced:
    """As `production`, and it can roll: no newer fence, replicas, not paused, its Service and route, no other owner."""
    if (refusal := fenced_out(target, live)) is not None:
        return refusal
    seen = production(target, live)
    if isinstance(seen, Failed):
        return seen
    problem = _unready(target, seen) or _lacking(target, live)
    return Failed(reason=problem) if problem is not None else seen


def _unready(target: Target, seen: Production) -> str | None:
    where = f"{target.workload.deployment} in {target.region}"
    name = name_of(seen.deployment)
    if len(name) > _LONGEST_NAME:
        return (
            f"The name of the Deployment {where} has {len(name)} characters, and with more than {_LONGEST_NAME} it has "
            "no pods, because its ReplicaSets add to it: make one with a shorter name."
        )
    if replicas_of(seen.deployment) == 0:
        return f"The Deployment {where} has 0 replicas: scale it up before something is deployed."
    if is_paused(seen):
        return f"The Deployment {where} is paused: resume it (kubectl rollout resume)."
    return to_hand_over(seen.deployment, image(seen.deployment, seen.index), target.region)


def _lacking(target: Target, live: Region) -> str | None:
    workload = target.workload
    if live.service is None:
        return f"There is no Service {workload.service} in {target.region}: create it, or correct the plan's workload."
    if workload.route is not None and live.route is None:
        return no_route(target)
    return None


def is_paused(seen: Production) -> bool:
    return bool(seen.deployment["spec"].get("paused"))


def adopt(target: Target, seen: Production) -> Patch:
    """First contact: fence 0, whose it is, which container, and what was found running."""
    values = {OWN.application: target.application, OWN.container: target.workload.container}
    if seen.found is not None:
        values[OWN.found] = seen.found
    return _patch(seen, adoption(seen.deployment, OWN, values))


def claim(
    target: Target, seen: Production, changes: list[Operation], noted: Mapping[str, str] | None = None
) -> Patch:
    """The target's fence on the Deployment, noted as written by its release, with these changes in the same write."""
    values = {OWN.release: target.release}
    if annotations_of(seen.deployment).get(OWN.release) != target.release and seen.found is not None:
        values[OWN.found] = seen.found
    return _patch(seen, fenced(seen.deployment, OWN, target.fence, {**values, **(noted or {})}, changes))


def raise_fence(target: Target, seen: Production) -> Patch:
    """The target's fence and nothing else: from here on nothing older can be written, and nobody wrote."""
    return _patch(seen, fenced(seen.deployment, OWN, target.fence, {}, []))


def resized(target: Target, seen: Production, replicas: int) -> Patch:
    """So many pods: only to take traffic back that they were taken away without."""
    changes: list[Operation] = [{"op": "add", "path": "/spec/replicas", "value": replicas}]
    return _patch(seen, fenced(seen.deployment, OWN, target.fence, {}, changes))


def to_digest(target: Target, seen: Production, digest: str) -> list[Operation]:
    """The image at another digest; the container is named, in case that somebody reorders them."""
    container = pointer("spec", "template", "spec", "containers", seen.index)
    image = with_digest(image_at(seen.deployment, seen.index), digest)
    return [
        {"op": "test", "path": f"{container}/name", "value": target.workload.container},
        {"op": "replace", "path": f"{container}/image", "value": image},
    ]


def restarted(target: Target, seen: Production) -> list[Operation]:
    """New pods of the same version: what makes another attempt at a failed roll-out more than a look at it."""
    template = seen.deployment["spec"]["template"]["metadata"]
    mark = {_RESTARTED: str(target.fence)}
    if not template.get("annotations"):
        return [{"op": "add", "path": "/spec/template/metadata/annotations", "value": mark}]
    path = pointer("spec", "template", "metadata", "annotations", _RESTARTED)
    return [{"op": "add", "path": path, "value": mark[_RESTARTED]}]


def not_restarted(seen: Production) -> list[Operation]:
    """The template as it was, so that pods that still run from before are taken back and not replaced."""
    template = seen.deployment["spec"]["template"]["metadata"].get("annotations") or {}
    if _RESTARTED not in template:
        return []
    return [{"op": "remove", "path": pointer("spec", "template", "metadata", "annotations", _RESTARTED)}]


def _patch(seen: Production, operations: list[Operation]) -> Patch:
    return Patch(Kind.DEPLOYMENT, name_of(seen.deployment), operations)


def found_before(target: Target, seen: Production) -> str | None:
    """What ran before this release: as its first write noted it, should this not be it."""
    marks = annotations_of(seen.deployment)
    if marks.get(OWN.release) == target.release:
        return marks.get(OWN.found)
    return seen.found
