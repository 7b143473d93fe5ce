"""Whoever else writes what a release writes is recognised, and told how to hand it over."""

from typing import Any

import pytest

from lockgate.deployer.reports import Failed
from lockgate.deployer.strategies.blue_green import green
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Kind, Target
from lockgate.deployer.strategies.owners import image, to_hand_over
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from tests.support.deployer import (
    MESHED,
    OLD,
    ROUTELESS,
    deployment,
    destination,
    target,
    virtual_service,
)
from tests.support.deployer_cluster import Held, Strategy

FIELD = "/spec/template/spec/containers/1/image"
ARGO_CD = (
    "Argo CD owns the Deployment payments in eu-west and would undo the deployment: add ignoreDifferences: "
    f"[{{group: apps, kind: Deployment, name: payments, jsonPointers: [{FIELD}]}}] and syncPolicy: {{syncOptions: "
    "[RespectIgnoreDifferences=true]} to the spec of its Application. Then: kubectl annotate deployment payments "
    "lockgate.dev/image=handed-over"
)
KUSTOMIZE = (
    "Flux, by a Kustomization, owns the Deployment payments in eu-west and would undo the deployment: add ignore: "
    f"[{{paths: [{FIELD}], target: {{kind: Deployment, name: payments}}}}] to the spec of the Kustomization. Then: "
    "kubectl annotate deployment payments lockgate.dev/image=handed-over"
)
HELM = (
    "Flux, by a HelmRelease, owns the Deployment payments in eu-west and would undo the deployment: add "
    f"driftDetection: {{mode: enabled, ignore: [{{paths: [{FIELD}], target: {{kind: Deployment, name: payments}}}}]}} "
    "to the spec of the HelmRelease, and keep its values at the version that runs, for an upgrade sets the image all "
    "the same. Then: kubectl annotate deployment payments lockgate.dev/image=handed-over"
)


def owned(**metadata: Any) -> dict[str, Any]:
    found = deployment()
    found["metadata"] |= metadata
    return found


def written(manager: str, container: str = "app", field: str = "f:image") -> dict[str, Any]:
    """What managedFields says of a manager that writes a field of a container."""
    containers: dict[str, Any] = {f'k:{{"name":"{container}"}}': {".": {}, field: {}, "f:name": {}}}
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": containers}}},
        },
    }


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/payments"}}, ARGO_CD),
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, ARGO_CD),
        ({"managedFields": [written("argocd-controller")]}, ARGO_CD),
        ({"managedFields": [written("argocd-application-controller")]}, ARGO_CD),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, KUSTOMIZE),
        ({"managedFields": [written("kustomize-controller")]}, KUSTOMIZE),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "shop"}}, HELM),
        ({"managedFields": [written("kubectl"), written("helm-controller")]}, HELM),
    ],
)
def test_an_engine_is_told_by_its_marks_or_by_what_it_writes(metadata: dict[str, Any], told: str) -> None:
    found = owned(**metadata)
    assert to_hand_over(found, image(found, 1), "eu-west") == told


@pytest.mark.parametrize(
    "metadata",
    [
        {"managedFields": [written("kubectl"), written("lockgate-deployer"), written("helm")]},
        {
            "managedFields": [
                written("argocd-controller", "log"),
                written("kustomize-controller", field="f:env"),
            ]
        },
        {"managedFields": [{"manager": "helm-controller", "operation": "Apply", "subresource": "status"}]},
        {"labels": {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm"}},
        {
            "annotations": {
                "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/payments",
                "lockgate.dev/image": "handed-over",
            },
            "managedFields": [written("argocd-controller")],
        },
    ],
)
def test_nobody_has_to_hand_over_what_no_engine_writes_or_what_was_handed_over(
    metadata: dict[str, Any],
) -> None:
    found = owned(**metadata)
    assert to_hand_over(found, image(found, 1), "eu-west") is None


TRACKED = {"argocd.argoproj.io/tracking-id": "shop:x:shop/payments"}
RULES = [{"route": [destination("static")]}, {"route": [destination("payments")]}]


def region(kind: Kind, **metadata: Any) -> Held:
    """A region in which one object has these metadata as well; by a VirtualService if it is one."""
    held = Held()
    if kind is Kind.VIRTUAL_SERVICE:
        del held.objects[Kind.ROUTE, "payments"]
        held.objects[kind, "payments"] = virtual_service(*RULES)
    held.objects[kind, "payments"]["metadata"] |= metadata
    return held


def manager(name: str, field: str) -> dict[str, Any]:
    return {"manager": name, "operation": "Apply", "fieldsV1": {"f:spec": {field: {}}}}


SHARED: list[tuple[Strategy, Target, Kind, dict[str, Any], str]] = [
    (
        pilot,
        target(share=0.1),
        Kind.ROUTE,
        {"annotations": TRACKED},
        (
            "Argo CD owns the HTTPRoute payments in eu-west and would undo the deployment: add ignoreDifferences: [{group: "
            "gateway.networking.k8s.io, kind: HTTPRoute, name: payments, jsonPointers: [/spec/rules/0/backendRefs]}] and "
            "syncPolicy: {syncOptions: [RespectIgnoreDifferences=true]} to the spec of its Application. Then: kubectl "
            "annotate httproute payments lockgate.dev/weights=handed-over"
        ),
    ),
    (
        canary,
        target(share=0.1, workload=MESHED),
        Kind.VIRTUAL_SERVICE,
        {"managedFields": [manager("kustomize-controller", "f:http")]},
        (
            "Flux, by a Kustomization, owns the VirtualService payments in eu-west and would undo the deployment: add "
            "ignore: [{paths: [/spec/http/1/route], target: {kind: VirtualService, name: payments}}] to the spec of the "
            "Kustomization. Then: kubectl annotate virtualservice payments lockgate.dev/weights=handed-over"
        ),
    ),
    (
        green,
        target(workload=ROUTELESS),
        Kind.SERVICE,
        {"labels": {"helm.toolkit.fluxcd.io/name": "shop"}},
        (
            "Flux, by a HelmRelease, owns the Service payments in eu-west and would undo the deployment: add "
            "driftDetection: {mode: enabled, ignore: [{paths: [/spec/selector], target: {kind: Service, name: payments}}]} "
            "to the spec of the HelmRelease, and upgrade it between releases only, for that sets the selector all the "
            "same. Then: kubectl annotate service payments lockgate.dev/selector=handed-over"
        ),
    ),
    (
        green,
        target(workload=ROUTELESS),
        Kind.SERVICE,
        {"managedFields": [manager("argocd-controller", "f:selector")]},
        (
            "Argo CD owns the Service payments in eu-west and would undo the deployment: add ignoreDifferences: [{kind: "
            "Service, name: payments, jsonPointers: [/spec/selector]}] and syncPolicy: {syncOptions: "
            "[RespectIgnoreDifferences=true]} to the spec of its Application. Then: kubectl annotate service payments "
            "lockgate.dev/selector=handed-over"
        ),
    ),
]


@pytest.mark.parametrize(("strategy", "wanted", "kind", "metadata", "told"), SHARED)
def test_what_a_share_is_written_to_is_refused_before_anything_is_written(
    strategy: Strategy, wanted: Target, kind: Kind, metadata: dict[str, Any], told: str
) -> None:
    assert strategy(wanted, region(kind, **metadata).live()) == Failed(reason=told)


@pytest.mark.parametrize(("strategy", "wanted", "kind", "metadata", "told"), SHARED)
def test_what_was_handed_over_gets_its_clone(
    strategy: Strategy, wanted: Target, kind: Kind, metadata: dict[str, Any], told: str
) -> None:
    mark = told.rpartition(" ")[2].partition("=")[0]
    marked = {**metadata, "annotations": {**metadata.get("annotations", {}), mark: "handed-over"}}
    held = region(kind, **marked)
    assert not isinstance(held.carry_out(strategy, wanted), Failed)


UNTOUCHED: list[tuple[Strategy, Target, Kind]] = [
    (rolling, target(), Kind.ROUTE),
    (rolling, target(workload=ROUTELESS), Kind.SERVICE),
    (pilot, target(share=0.1, workload=ROUTELESS), Kind.SERVICE),
    (canary, target(share=0.1), Kind.SERVICE),
    (green, target(), Kind.SERVICE),
]


@pytest.mark.parametrize(("strategy", "wanted", "kind"), UNTOUCHED)
def test_what_a_step_does_not_write_may_be_owned_by_anybody(
    strategy: Strategy, wanted: Target, kind: Kind
) -> None:
    held = region(kind, annotations=TRACKED)
    assert not isinstance(held.carry_out(strategy, wanted), Failed)


def test_traffic_goes_back_also_by_what_an_engine_has_taken_over_since() -> None:
    held = Held()
    held.carry_out(pilot, target(share=0.1))
    held.objects[Kind.ROUTE, "payments"]["metadata"]["annotations"] |= TRACKED
    held.carry_out(rollback, target("7.1.1", digest=OLD, touched=True))
    assert held.weights == [("payments", 1)]
