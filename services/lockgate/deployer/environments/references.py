"""What the pods of a live workload refer to, and the same pods with something else in its place. Pure.

Every kind of reference that Kubernetes knows is listed here; what is not listed is refused, for it may be a new way to
production. A reference without an override is refused too, with what to write.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lockgate.deployer.objects import Json
from lockgate.messages.environments import Overrides


class Referred(StrEnum):
    """The kinds of objects that stand for production, by their name in the plan's overrides."""

    CONFIGMAP = "configmaps"
    SECRET = "secrets"  # noqa: S105  # the name of a kind, no secret
    CLAIM = "claims"


_KIND: Final = {
    Referred.CONFIGMAP: "ConfigMap",
    Referred.SECRET: "Secret",
    Referred.CLAIM: "PersistentVolumeClaim",
}
CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")
"""Sidecars are among the first."""

_FROM_ENVIRONMENT: Final = {"configMapRef": Referred.CONFIGMAP, "secretRef": Referred.SECRET}
_OF_A_VALUE: Final = {"configMapKeyRef": Referred.CONFIGMAP, "secretKeyRef": Referred.SECRET}
_VALUES_OF_ITS_OWN: Final = ("fieldRef", "resourceFieldRef", "fileKeyRef")
_VOLUMES: Final = {
    "configMap": (Referred.CONFIGMAP, "name"),
    "secret": (Referred.SECRET, "secretName"),
    "persistentVolumeClaim": (Referred.CLAIM, "claimName"),
}
_VOLUMES_OF_ITS_OWN: Final = ("emptyDir", "downwardAPI", "image")
_PROJECTED: Final = {"configMap": Referred.CONFIGMAP, "secret": Referred.SECRET}
_PROJECTED_OF_ITS_OWN: Final = ("downwardAPI", "serviceAccountToken", "clusterTrustBundle")


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference: to what, from where, and the part of the pod that it is written in, with its key there."""

    kind: Referred
    where: str
    part: Json
    key: str

    @property
    def name(self) -> str:
        return str(self.part.get(self.key, ""))


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that is neither a reference that can be replaced nor known to refer to nothing."""

    where: str
    what: str


Found = Reference | Unknown


def references(pod: Json) -> Iterator[Found]:
    """Everything that a pod's spec refers to outside of itself, in the order in which it is written."""
    for kind in CONTAINERS:
        for container in pod.get(kind) or ():
            yield from _of_container(container, f"the container {container['name']}")
    for volume in pod.get("volumes") or ():
        yield from _of_volume(volume)
    for secret in pod.get("imagePullSecrets") or ():
        yield Reference(Referred.SECRET, "imagePullSecrets", secret, "name")


def rebound(pod: Json, overrides: Overrides) -> list[str]:
    """Puts what stands in for it in the place of each reference, in this copy of a pod's spec.

    Returns why it cannot be done, a sentence for each thing that is missing; then the copy is of no use.
    """
    problems: dict[str, None] = {}
    for found in list(references(pod)):
        match found:
            case Reference(kind=kind, part=part, key=key, name=name):
                replacement = getattr(overrides, kind.value).get(name)
                if replacement is None:
                    problems[_missing(found)] = None
                else:
                    part[key] = replacement
            case Unknown(where=where, what=what):
                problems[
                    f"{where} uses {what}, which may reach production: an environment has no such thing."
                ] = None
    return list(problems)


def _missing(found: Reference) -> str:
    return (
        f"{found.where} refers to the {_KIND[found.kind]} {found.name}: make one for pre-production and write "
        f"overrides: {{{found.kind}: {{{found.name}: ITS-NAME}}}} into the stage."
    )


def _of_container(container: Json, where: str) -> Iterator[Found]:
    for source in container.get("envFrom") or ():
        yield from _listed(source, where, _FROM_ENVIRONMENT, ("prefix",))
    for variable in container.get("env") or ():
        taken = variable.get("valueFrom") or {}
        yield from _listed(taken, f"{where} ({variable['name']})", _OF_A_VALUE, _VALUES_OF_ITS_OWN)


def _of_volume(volume: Json) -> Iterator[Found]:
    where = f"the volume {volume['name']}"
    for source, written in volume.items():
        match source:
            case "name":
                pass
            case "projected":
                for each in (written or {}).get("sources") or ():
                    yield from _listed(each, where, _PROJECTED, _PROJECTED_OF_ITS_OWN)
            case "ephemeral":
                yield from _of_new_claim(written, where)
            case _ if source in _VOLUMES:
                kind, key = _VOLUMES[source]
                yield Reference(kind, where, written, key)
            case _ if source in _VOLUMES_OF_ITS_OWN:
                pass
            case _:
                yield Unknown(where, source)


def _of_new_claim(written: Json, where: str) -> Iterator[Found]:
    """A claim that comes and goes with the pod: new storage, unless it begins as a copy of something or names its volume."""
    spec = ((written or {}).get("volumeClaimTemplate") or {}).get("spec") or {}
    for key in ("dataSource", "dataSourceRef", "volumeName", "selector"):
        if spec.get(key):
            yield Unknown(where, f"ephemeral storage with {key}")


def _listed(
    written: Json, where: str, kinds: dict[str, Referred], harmless: tuple[str, ...]
) -> Iterator[Found]:
    for key, part in written.items():
        if key in kinds:
            yield Reference(kinds[key], where, part, "name")
        elif key not in harmless:
            yield Unknown(where, key)
