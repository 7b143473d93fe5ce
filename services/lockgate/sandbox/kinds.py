"""The resources that the sandbox's Kubernetes API serves, as one table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource: where it is served and what its objects are called."""

    group: str
    version: str
    plural: str
    name: str
    namespaced: bool = True
    counts_generations: bool = False
    has_status: bool = False
    custom: bool = False
    """Of a CustomResourceDefinition: without strategic merge, and its items say what they are."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As Kubernetes names it in messages: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment", counts_generations=True, has_status=True)
REPLICASETS = Kind("apps", "v1", "replicasets", "ReplicaSet", counts_generations=True, has_status=True)
PODS = Kind("", "v1", "pods", "Pod", has_status=True)
SERVICES = Kind("", "v1", "services", "Service", has_status=True)
CONFIGMAPS = Kind("", "v1", "configmaps", "ConfigMap")
SECRETS = Kind("", "v1", "secrets", "Secret")
NAMESPACES = Kind("", "v1", "namespaces", "Namespace", namespaced=False, has_status=True)
HTTPROUTES = Kind(
    "gateway.networking.k8s.io",
    "v1",
    "httproutes",
    "HTTPRoute",
    counts_generations=True,
    has_status=True,
    custom=True,
)
VIRTUALSERVICES = Kind(
    "networking.istio.io",
    "v1",
    "virtualservices",
    "VirtualService",
    counts_generations=True,
    has_status=True,
    custom=True,
)
FEATUREFLAGS = Kind(
    "core.openfeature.dev",
    "v1beta1",
    "featureflags",
    "FeatureFlag",
    counts_generations=True,
    has_status=True,
    custom=True,
)
NETWORKPOLICIES = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", counts_generations=True)
AUTOSCALERS = Kind(
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", has_status=True
)

ALL = (
    DEPLOYMENTS,
    REPLICASETS,
    PODS,
    SERVICES,
    CONFIGMAPS,
    SECRETS,
    NAMESPACES,
    HTTPROUTES,
    VIRTUALSERVICES,
    FEATUREFLAGS,
    NETWORKPOLICIES,
    AUTOSCALERS,
)
BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in ALL}
