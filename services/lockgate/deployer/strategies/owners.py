"""Who else writes what Lockgate writes: a GitOps engine would undo it until it hands the field over. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lockgate.deployer.fencing import pointer
from lockgate.deployer.objects import Json, annotations_of, labels_of, name_of
from lockgate.deployer.strategies.given import Kind

_HANDED_OVER: Final = "handed-over"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object that a release writes: its pointers, and its place in managedFields."""

    kind: Kind
    group: str
    what: str
    """As people call it, and as the annotation that hands it over is called: lockgate.dev/image."""
    pointers: tuple[str, ...]
    managed: tuple[str, ...]

    @property
    def mark(self) -> str:
        """Where this annotation is `handed-over`, a GitOps engine has been told to leave the field alone."""
        return f"lockgate.dev/{self.what}"


def image(deployment: Json, index: int) -> Field:
    """Of this container in a Deployment."""
    container = deployment["spec"]["template"]["spec"]["containers"][index]["name"]
    place = ("f:spec", "f:template", "f:spec", "f:containers", f'k:{{"name":"{container}"}}', "f:image")
    field = pointer("spec", "template", "spec", "containers", index, "image")
    return Field(Kind.DEPLOYMENT, "apps", "image", (field,), place)


def weights(route: Json, kind: Kind, rules: str, pointers: tuple[str, ...]) -> Field:
    """Of a route; its list of rules has one owner as a whole."""
    group = str(route["apiVersion"]).partition("/")[0]
    return Field(kind, group, "weights", pointers, ("f:spec", f"f:{rules}"))


FLOOR: Final = Field(
    Kind.AUTOSCALER, "autoscaling", "minReplicas", ("/spec/minReplicas",), ("f:spec", "f:minReplicas")
)
SELECTOR: Final = Field(Kind.SERVICE, "", "selector", ("/spec/selector",), ("f:spec", "f:selector"))

_SURGE = "/spec/strategy/rollingUpdate/maxSurge"
MAX_SURGE: Final = Field(
    Kind.DEPLOYMENT,
    "apps",
    "maxSurge",
    (_SURGE,),
    ("f:spec", "f:strategy", "f:rollingUpdate", "f:maxSurge"),
)


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


def to_hand_over(obj: Json, field: Field, region: str) -> str | None:
    """Which engine owns the field, and how it hands it over; None if none does, or it has."""
    engine = next(_engines(obj, field), None)
    if engine is None or annotations_of(obj).get(field.mark) == _HANDED_OVER:
        return None
    name = name_of(obj)
    return (
        f"{engine.value} owns the {field.kind} {name} in {region} and would undo the deployment: add "
        f"{_snippet(engine, name, field)}. Then: kubectl annotate {_resource(field)} {name} {field.mark}={_HANDED_OVER}"
    )


def _resource(field: Field) -> str:
    return field.kind.value.lower()


def _snippet(engine: Engine, name: str, field: Field) -> str:
    """What makes an engine leave a field alone, and where it is written."""
    listed = ", ".join(field.pointers)
    rule = f"[{{paths: [{listed}], target: {{kind: {field.kind}, name: {name}}}}}]"
    match engine:
        case Engine.ARGO_CD:
            group = f"group: {field.group}, " if field.group else ""
            return (
                f"ignoreDifferences: [{{{group}kind: {field.kind}, name: {name}, jsonPointers: [{listed}]}}] and "
                "syncPolicy: {syncOptions: [RespectIgnoreDifferences=true]} to the spec of its Application"
            )
        case Engine.KUSTOMIZE:
            return f"ignore: {rule} to the spec of the Kustomization"
        case Engine.HELM:
            return f"driftDetection: {{mode: enabled, ignore: {rule}}} to the spec of the HelmRelease, and {_kept(field)}"


def _kept(field: Field) -> str:
    """What people must see to themselves: Helm's upgrades know no ignored fields."""
    if field.kind is Kind.DEPLOYMENT:
        return "keep its values at the version that runs, for an upgrade sets the image all the same"
    return f"upgrade it between releases only, for that sets the {field.what} all the same"


def _engines(obj: Json, field: Field) -> Iterator[Engine]:
    for key in (*annotations_of(obj), *labels_of(obj)):
        if key in _MARKS:
            yield _MARKS[key]
    for entry in obj["metadata"].get("managedFields") or ():
        if entry.get("manager") in _MANAGERS and _writes(entry, field.managed):
            yield _MANAGERS[entry["manager"]]


def _writes(entry: Json, place: tuple[str, ...]) -> bool:
    """Whether an entry of managedFields has a field among its own."""
    fields = entry.get("fieldsV1") or {}
    for part in place[:-1]:
        fields = fields.get(part) or {}
    return place[-1] in fields
