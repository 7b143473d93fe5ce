"""What a control plane begins with, and what a tenant of it gets: nodes, policies, rights. Pure."""

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


def scheduling() -> list[Json]:
    """Who takes pods: a node as they are made; nobody those of an image that no node takes, as the scheduler finds out.

    All other pods cost no scheduler anything, which binds them one by one: with it, what rolls takes half as long again.
    """
    homeless = f'object.spec.containers.exists(each, each.image.contains("@sha256:{Acts.HOMELESS.value}"))'
    nowhere = '[JSONPatch{op: "add", path: "/spec/nodeSelector", value: {"lockgate.test/room": "none"}}]'
    placed = f'[JSONPatch{{op: "add", path: "/spec/nodeName", value: "{NODES[0]}"}}]'
    return [
        *_changed_when_made("homeless", homeless, nowhere),
        *_changed_when_made("placed", f"!{homeless}", placed),
    ]


def _changed_when_made(name: str, which: str, change: str) -> list[Json]:
    """A policy that changes the pods that an expression finds."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [pods]},
        "matchConditions": [{"name": name, "expression": which}],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": change}}],
    }
    policy, binding = "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"
    metadata = {"name": name}
    return [
        {"apiVersion": _ADMISSION, "kind": policy, "metadata": metadata, "spec": spec},
        {"apiVersion": _ADMISSION, "kind": binding, "metadata": metadata, "spec": {"policyName": name}},
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
