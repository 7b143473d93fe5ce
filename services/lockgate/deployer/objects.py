"""Questions to Kubernetes objects, which are dicts here and never text. Pure."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]

CLONE_LABEL: Final = "lockgate.dev/clone"
APPLICATION_LABEL: Final = "lockgate.dev/application"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def name_of(obj: Json) -> str:
    return str(obj["metadata"]["name"])


def uid_of(obj: Json) -> str:
    return str(obj["metadata"]["uid"])


def version_of(obj: Json) -> str:
    return str(obj["metadata"]["resourceVersion"])


def annotations_of(obj: Json) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def labels_of(obj: Json) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def is_going(obj: Json) -> bool:
    """Whether its deletion was asked for and is not over."""
    return "deletionTimestamp" in obj["metadata"]


def digest_of(image: str) -> str | None:
    """The digest that an image reference names, if it names one."""
    digest = image.partition("@")[2]
    return digest if _DIGEST.fullmatch(digest) else None


def with_digest(image: str, digest: str) -> str:
    """The same repository at another digest. The repository always comes from the cluster, never from an event."""
    path, slash, last = image.partition("@")[0].rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}@{digest}"


def container_at(deployment: Json, name: str) -> int | None:
    """Where in the pod template the container of this name is."""
    names = [each["name"] for each in deployment["spec"]["template"]["spec"]["containers"]]
    return names.index(name) if name in names else None


def image_at(deployment: Json, index: int) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][index]["image"])


def replicas_of(deployment: Json) -> int:
    """As wished for; Kubernetes takes 1 where nothing is written."""
    return int(deployment["spec"].get("replicas", 1))


def available_of(deployment: Json) -> int:
    return int((deployment.get("status") or {}).get("availableReplicas", 0))


def recreates(deployment: Json) -> bool:
    """Whether its roll-outs end all pods before they begin any."""
    return bool((deployment["spec"].get("strategy") or {}).get("type") == "Recreate")


def may_miss(deployment: Json) -> int:
    """How many of its pods a Deployment's own strategy lets a roll-out take away, rounded as Kubernetes does."""
    wanted = replicas_of(deployment)
    if recreates(deployment):
        return wanted
    bounds = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    missing = _part_of(wanted, bounds.get("maxUnavailable", "25%"), math.floor)
    return missing if missing or may_add(deployment) else 1


def may_add(deployment: Json) -> int:
    """How many pods more than it wants a roll-out of a Deployment may have, by its own strategy."""
    return 0 if recreates(deployment) else _part_of(replicas_of(deployment), max_surge(deployment), math.ceil)


def max_surge(deployment: Json) -> int | str:
    """As its strategy says it; Kubernetes takes 25% where nothing is written."""
    bounds = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge: int | str = bounds.get("maxSurge", "25%")
    return surge


def with_surge(deployment: Json, surge: int | str) -> Json:
    """The same Deployment with another maxSurge."""
    spec = deployment["spec"]
    strategy = spec.get("strategy") or {}
    bounds = {**(strategy.get("rollingUpdate") or {}), "maxSurge": surge}
    return {**deployment, "spec": {**spec, "strategy": {**strategy, "rollingUpdate": bounds}}}


def _part_of(wanted: int, bound: int | str, rounded: Callable[[float], int]) -> int:
    if isinstance(bound, str):
        bound = rounded(wanted * int(bound.removesuffix("%")) / 100)
    return min(bound, wanted)


def selects(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels, matchExpressions) selects these labels."""
    if selector is None:
        return False
    exact = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return exact and all(_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"a label selector has the operator {other!r}, which Kubernetes does not know")


def pods_of(deployment: Json, pods: Sequence[Json]) -> list[Json]:
    """The pods that a Deployment's selector selects, without those of clones (unless it is a clone itself)."""
    clone = labels_of(deployment).get(CLONE_LABEL)
    mine = [pod for pod in pods if labels_of(pod).get(CLONE_LABEL) == clone]
    return [pod for pod in mine if selects(deployment["spec"]["selector"], labels_of(pod))]


def running_digest(deployment: Json, container: str, pods: Sequence[Json]) -> str | None:
    """The one digest that all ready pods run in a container, where the image itself names a tag only."""
    statuses = [
        status
        for pod in pods_of(deployment, pods)
        for status in (pod.get("status") or {}).get("containerStatuses") or ()
        if status["name"] == container and status.get("ready")
    ]
    digests = {digest_of(status.get("imageID") or "") for status in statuses}
    return digests.pop() if len(digests) == 1 else None


def baseline_prefix(deployment: Json, replicasets: Sequence[Json]) -> str:
    """The name prefix of a Deployment's current pods: `<deployment>-<hash>-`, which no clone's pods share."""
    current = newest(deployment, replicasets)
    return f"{name_of(current if current is not None else deployment)}-"


def newest(deployment: Json, replicasets: Sequence[Json]) -> Json | None:
    """The ReplicaSet of a Deployment's current template; None if it cannot be told."""
    revision = annotations_of(deployment).get("deployment.kubernetes.io/revision")
    current = [
        each
        for each in replicasets
        if annotations_of(each).get("deployment.kubernetes.io/revision") == revision
        and any(o.get("uid") == uid_of(deployment) for o in each["metadata"].get("ownerReferences") or ())
    ]
    return current[0] if len(current) == 1 else None
