"""A Kubernetes API path taken apart, and whether the bearer of a region's token may go there. Pure."""

import re
from dataclasses import dataclass

from lockgate.sandbox.kinds import BY_PATH, NAMESPACES, Kind
from lockgate.sandbox.status import ApiError, forbidden

_PATH = re.compile(
    r"^/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)"
    r"(?:/(?P<name>[^/]+)(?:/(?P<subresource>[^/]+)(?:/(?P<rest>.*))?)?)?/?$"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names; `name`, `subresource`, `rest` may be empty, `namespace` is None where the path has none."""

    group: str
    version: str
    plural: str
    namespace: str | None
    name: str
    subresource: str
    rest: str

    @property
    def kind(self) -> Kind | None:
        return BY_PATH.get((self.group, self.version, self.plural))


def parse(path: str) -> Target | None:
    """The resource that a path names; None for anything that is no resource."""
    found = _PATH.match(path)
    if not found:
        return None
    parts = found.groupdict(default="")
    namespace = parts["namespace"] or None
    version = parts["core"] or parts["version"]
    return Target(
        parts["group"],
        version,
        parts["plural"],
        namespace,
        parts["name"],
        parts["subresource"],
        parts["rest"],
    )


def verb_of(method: str, target: Target, watch: bool) -> str:
    """The verb that RBAC knows a request by."""
    if method in ("GET", "HEAD"):
        return "get" if target.name else "watch" if watch else "list"
    verb = _VERBS.get(method, method.lower())
    return "deletecollection" if verb == "delete" and not target.name else verb


def denied(target: Target, verb: str, user: str, namespaces: tuple[str, ...]) -> ApiError | None:
    """403 for what a ServiceAccount with a Role in `namespaces` may not do, else None.

    It may do everything to the resources served here in its namespaces, and read their Namespaces and
    `kube-system`, whose uid is the cluster's identity.
    """
    if target.kind is not None and target.kind.namespaced and target.namespace in namespaces:
        return None
    if target.kind is NAMESPACES and verb == "get" and target.name in (*namespaces, "kube-system"):
        return None
    scope = f' in the namespace "{target.namespace}"' if target.namespace else " at the cluster scope"
    plural = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    return forbidden(user, verb, plural=plural, group=target.group, scope=scope, name=target.name)
