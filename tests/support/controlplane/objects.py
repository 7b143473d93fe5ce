"""What a control plane begins with, and what a tenant of it gets: nodes, a policy, rights. Pure."""

from lockgate.deployer.rights import Right
from tests.support.controlplane.admin import Json
from tests.support.controlplane.behaviours import Acts

_ADMISSION = "admissionregistration.k8s.io/v1"
NODES = tuple(f"node-{number}" for number in range(3))


def nodes() -> list[Json]:
    return [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"type": "kwok"}}}
        for name in NODES
    ]


def homeless_policy() -> list[Json]:
    """Pods of an image that no node takes get a selector that no node has; the scheduler finds out."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    image = f'object.spec.containers.exists(each, each.image.contains("@sha256:{Acts.HOMELESS.value}"))'
    change = '[JSONPatch{op: "add", path: "/spec/nodeSelector", value: {"lockgate.test/room": "none"}}]'
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [pods]},
        "matchConditions": [{"name": "homeless", "expression": image}],
        "mutations": [
            {"patchType": "JSONPatch", "jsonPatch": {"expression": change}},
        ],
    }
    return [
        {
            "apiVersion": _ADMISSION,
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": "homeless"},
            "spec": spec,
        },
        {
            "apiVersion": _ADMISSION,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": "homeless"},
            "spec": {"policyName": "homeless"},
        },
    ]


def virtual_services() -> Json:
    """The VirtualServices of Istio, as far as an API server has to do with them."""
    return _custom("networking.istio.io", "v1", "VirtualService")


def feature_flags() -> Json:
    """The FeatureFlags of the OpenFeature operator, likewise."""
    return _custom("core.openfeature.dev", "v1beta1", "FeatureFlag")


def _custom(group: str, version: str, kind: str) -> Json:
    """A custom resource of any fields, none of which has a default."""
    singular, schema = kind.lower(), {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{singular}s.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": f"{singular}s",
                "singular": singular,
            },
            "versions": [{**served, "schema": {"openAPIV3Schema": schema}}],
        },
    }


OWNER = (
    *(Right("apps", name, ("*",)) for name in ("deployments", "deployments/scale", "deployments/status")),
    Right("apps", "replicasets", ("*",)),
    *(Right("", name, ("*",)) for name in ("pods", "services", "services/proxy", "configmaps", "secrets")),
    *(Right("gateway.networking.k8s.io", name, ("*",)) for name in ("httproutes", "httproutes/status")),
    Right("networking.istio.io", "virtualservices", ("*",)),
    Right("autoscaling", "horizontalpodautoscalers", ("*",)),
    Right("core.openfeature.dev", "featureflags", ("*",)),
    Right("networking.k8s.io", "networkpolicies", ("*",)),
)
"""Whoever owns the workloads: what a sandbox's token allows."""


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
