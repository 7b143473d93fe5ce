"""Who else writes a workload's image: a GitOps engine would undo a deployment until it hands the image over. Pure."""

from collections.abc import Iterator
from enum import Enum

from lockgate.deployer.fencing import pointer
from lockgate.deployer.objects import Json, annotations_of, labels_of, name_of

HANDED_OVER = "lockgate.dev/image"
"""Where this annotation is `handed-over`, a GitOps engine has been told to leave the image alone."""


class Engine(Enum):
    ARGO_CD = "Argo CD"
    KUSTOMIZE = "Flux, by a Kustomization,"
    HELM = "Flux, by a HelmRelease,"


_MARKS = {
    "argocd.argoproj.io/tracking-id": Engine.ARGO_CD,
    "argocd.argoproj.io/instance": Engine.ARGO_CD,
    "kustomize.toolkit.fluxcd.io/name": Engine.KUSTOMIZE,
    "helm.toolkit.fluxcd.io/name": Engine.HELM,
}
"""Labels and annotations that the engines put on what they own."""

_MANAGERS = {
    "argocd-controller": Engine.ARGO_CD,
    "argocd-application-controller": Engine.ARGO_CD,
    "kustomize-controller": Engine.KUSTOMIZE,
    "helm-controller": Engine.HELM,
}
"""The names under which they write: found where their marks were renamed or left out, as Argo CD's can be."""


def to_hand_over(deployment: Json, index: int, where: str) -> str | None:
    """Which engine owns the image of this container, and how it hands it over; None if none does, or it has."""
    engine = next(_engines(deployment, index), None)
    if engine is None or annotations_of(deployment).get(HANDED_OVER) == "handed-over":
        return None
    name = name_of(deployment)
    return (
        f"{engine.value} owns the Deployment {where} and would undo the deployment: add "
        f"{_snippet(engine, name, pointer('spec', 'template', 'spec', 'containers', index, 'image'))}. Then: "
        f"kubectl annotate deployment {name} {HANDED_OVER}=handed-over"
    )


def _snippet(engine: Engine, name: str, field: str) -> str:
    """What makes an engine leave a field alone, and where it is written."""
    rule = f"[{{paths: [{field}], target: {{kind: Deployment, name: {name}}}}}]"
    match engine:
        case Engine.ARGO_CD:
            return (
                f"ignoreDifferences: [{{group: apps, kind: Deployment, name: {name}, jsonPointers: [{field}]}}] and "
                "syncPolicy: {syncOptions: [RespectIgnoreDifferences=true]} to the spec of its Application"
            )
        case Engine.KUSTOMIZE:
            return f"ignore: {rule} to the spec of the Kustomization"
        case Engine.HELM:
            return (
                f"driftDetection: {{mode: enabled, ignore: {rule}}} to the spec of the HelmRelease, and keep its "
                "values at the version that runs, for an upgrade sets the image all the same"
            )


def _engines(deployment: Json, index: int) -> Iterator[Engine]:
    for key in (*annotations_of(deployment), *labels_of(deployment)):
        if key in _MARKS:
            yield _MARKS[key]
    container = deployment["spec"]["template"]["spec"]["containers"][index]["name"]
    for entry in deployment["metadata"].get("managedFields") or ():
        if entry.get("manager") in _MANAGERS and _writes_image(entry, container):
            yield _MANAGERS[entry["manager"]]


def _writes_image(entry: Json, container: str) -> bool:
    """Whether an entry of managedFields has the image of a container among its fields."""
    fields = entry.get("fieldsV1") or {}
    for part in ("f:spec", "f:template", "f:spec", "f:containers", f'k:{{"name":"{container}"}}'):
        fields = fields.get(part) or {}
    return "f:image" in fields
