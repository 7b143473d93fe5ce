"""Whoever else writes the image of a workload is recognised, and told how to hand it over."""

from typing import Any

import pytest

from lockgate.deployer.strategies.owners import to_hand_over
from tests.support.deployer import deployment

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
    assert to_hand_over(owned(**metadata), 1, "payments in eu-west") == told


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
    assert to_hand_over(owned(**metadata), 1, "payments in eu-west") is None
