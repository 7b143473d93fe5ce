"""What a deployer may do, and no more: the one table behind the chart, the documentation and the tests. Pure."""

from dataclasses import dataclass
from typing import Final

from lockgate.deployer.objects import Json

_RBAC: Final = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Right:
    group: str
    resource: str
    verbs: tuple[str, ...]

    def rule(self, *names: str) -> Json:
        """As a Role has it; of these objects only, if any are named."""
        named = {"resourceNames": list(names)} if names else {}
        return {
            "apiGroups": [self.group],
            "resources": [self.resource],
            **named,
            "verbs": list(self.verbs),
        }


IN_ITS_REGION: Final = (
    Right("apps", "deployments", ("get", "list", "watch", "create", "patch", "delete")),
    Right("apps", "replicasets", ("list",)),
    Right("", "pods", ("list",)),
    Right("", "services", ("get", "list", "create", "patch", "delete")),
    Right("", "services/proxy", ("get", "create", "update", "delete")),
    Right("gateway.networking.k8s.io", "httproutes", ("get", "patch")),
    Right("networking.istio.io", "virtualservices", ("get", "patch")),
    Right("autoscaling", "horizontalpodautoscalers", ("list", "patch")),
    Right("", "configmaps", ("get", "patch")),
    Right("core.openfeature.dev", "featureflags", ("get", "patch")),
)
"""Of a Role in the region's namespace. The last two are for plans with flags. `services/proxy` is for the plan's requests: GET, POST, PUT, DELETE."""

WITH_ENVIRONMENTS: Final = (
    Right("apps", "deployments", ("list", "watch", "create", "delete")),
    Right("apps", "replicasets", ("list",)),
    Right("", "pods", ("list",)),
    Right("", "services", ("list", "create", "delete")),
    Right("", "services/proxy", ("get", "create", "update", "delete")),
    Right("networking.k8s.io", "networkpolicies", ("list", "create", "delete")),
)
"""Of a Role in the namespace where environments are made, instead. None for ConfigMaps and Secrets: pods get those."""

OF_THE_SOURCE: Final = (
    Right("apps", "deployments", ("get",)),
    Right("", "services", ("get",)),
)
"""Of a Role in the namespace of the live workload that environments are made from."""

IDENTITY: Final = Right("", "namespaces", ("get",))
"""Of kube-system alone: its uid is what a cluster is known by."""


def manifests(name: str, namespace: str, rights: tuple[Right, ...] = IN_ITS_REGION) -> list[Json]:
    """A ServiceAccount of this name for the region's deployer, with its rights."""
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    metadata, identity = {"name": name, "namespace": namespace}, {"name": f"{namespace}-{name}"}
    role, cluster_role = [each.rule() for each in rights], [IDENTITY.rule("kube-system")]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": role},
        _binding("RoleBinding", "Role", metadata, subject),
        {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": identity, "rules": cluster_role},
        _binding("ClusterRoleBinding", "ClusterRole", identity, subject),
    ]


def with_environments(
    name: str,
    namespace: str,
    source: str,
    rights: tuple[Right, ...] = WITH_ENVIRONMENTS,
    of_source: tuple[Right, ...] = OF_THE_SOURCE,
) -> list[Json]:
    """As `manifests`, for a region in which environments are made, from what is live in the namespace `source`."""
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    metadata, role = {"name": f"{namespace}-{name}", "namespace": source}, [each.rule() for each in of_source]
    return [
        *manifests(name, namespace, rights),
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": role},
        _binding("RoleBinding", "Role", metadata, subject),
    ]


def _binding(kind: str, role: str, metadata: Json, subject: Json) -> Json:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, "kind": role, "name": metadata["name"]},
        "subjects": [subject],
    }
