"""What somebody else changed in the middle of a release: said, and never written over in silence. Pure.

It is looked for where a step begins. One that fails for what was done to its clone notes that on production's Deployment, so
that the next attempt knows, and begins anew.
"""

from lockgate.deployer.fencing import OWN, clone_fence
from lockgate.deployer.objects import Json, annotations_of, container_at, digest_of, image_at, name_of
from lockgate.deployer.strategies import production, surge
from lockgate.deployer.strategies.given import Patch, Target
from lockgate.deployer.strategies.production import Production
from lockgate.messages.values import Fence

_WHO = "find out who owns it (kubectl get --show-managed-fields), as Helm, Argo CD or Flux, and have them leave its "


def of_production(target: Target, seen: Production) -> str | None:
    """Production's image, since this release has first written here."""
    noted = annotations_of(seen.deployment)
    if noted.get(OWN.release) != target.release or noted.get(OWN.found) is None:
        return None
    if seen.found in (None, noted[OWN.found], target.digest):
        return None
    return (
        f"Somebody set the image of {target.workload.deployment} in {target.region} to "
        f"{image_at(seen.deployment, seen.index)[:300]} in the middle of this release, which had found "
        f"{noted[OWN.found]}: {_WHO}image alone, or abort the release if it is to stay."
    )


def of_clone(target: Target, clone: Json) -> str | None:
    """The image of the clone that an earlier step left."""
    index = container_at(clone, target.workload.container)
    image = image_at(clone, index) if index is not None else "none"
    if digest_of(image) == target.digest:
        return None
    return (
        f"Somebody set the image of {name_of(clone)} in {target.region} to {image[:300]} after Lockgate had made it with "
        f"{target.digest}: {_WHO}image alone."
    )


def of_share(changed: str | None) -> str | None:
    """What carries the share. `changed`: what, as `Traffic.changed` says it."""
    return f"Somebody wrote {changed}: {_WHO}weights or its selector alone." if changed is not None else None


def said(target: Target, seen: Production, clone: Json) -> bool:
    """Whether an attempt after the step that left the clone has said it already: this one begins anew then."""
    told = _noted(seen)
    return told is not None and told != target.fence and told.order > clone_fence(clone).order


def saying(target: Target, seen: Production) -> Patch | None:
    """Until it is noted that this attempt says it; then None."""
    noted = {OWN.drift: str(target.fence)}
    if _noted(seen) == target.fence:
        return None
    return production.claim(target, seen, surge.put_back(seen.deployment), noted)


def _noted(seen: Production) -> Fence | None:
    try:
        return Fence.parse(annotations_of(seen.deployment).get(OWN.drift, ""))
    except ValueError:
        return None
