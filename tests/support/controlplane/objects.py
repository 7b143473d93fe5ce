"""What a control plane begins with, and what a tenant of it gets: nodes, a policy, accounts and roles. Pure."""

from tests.support.controlplane.admin import Json
from tests.support.controlplane.behaviours import Acts

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io/v1"
IDENTITY_ROLE = "cluster-identity"
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


def identity_role() -> Json:
    """A deployer reads one thing outside its namespace: the uid of kube-system, which a cluster is known by."""
    rule = {
        "apiGroups": [""],
        "resources": ["namespaces"],
        "resourceNames": ["kube-system"],
        "verbs": ["get"],
    }
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": IDENTITY_ROLE},
        "rules": [rule],
    }


_DEPLOYER = (
    ("apps", ["deployments"], ["get", "list", "create", "patch", "delete"]),
    ("apps", ["replicasets"], ["list"]),
    ("", ["pods"], ["list"]),
    ("", ["services"], ["get", "list", "create", "patch", "delete"]),
    ("", ["services/proxy"], ["get", "create", "update", "patch", "delete"]),
    ("gateway.networking.k8s.io", ["httproutes"], ["get", "patch"]),
)
"""(API group, resources, verbs): all that a deployer may do in its namespace."""

_OWNER = (
    ("apps", ["deployments", "deployments/scale", "deployments/status", "replicasets"], ["*"]),
    ("", ["pods", "services", "services/proxy", "configmaps", "secrets"], ["*"]),
    ("gateway.networking.k8s.io", ["httproutes", "httproutes/status"], ["*"]),
)
"""Whoever owns the workloads: what a sandbox's token allows."""

RIGHTS = {"deployer": _DEPLOYER, "owner": _OWNER}


def account(name: str, namespace: str) -> list[Json]:
    """A ServiceAccount with the rights of its name in this namespace."""
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    metadata = {"name": name, "namespace": namespace}
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": verbs}
        for group, resources, verbs in RIGHTS[name]
    ]
    api = f"{_RBAC}/v1"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
            "subjects": [subject],
        },
        {
            "apiVersion": api,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{namespace}-{name}"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": IDENTITY_ROLE},
            "subjects": [subject],
        },
    ]


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
