"""Requests to an API server as its administrator: synchronous, because whoever starts a control plane waits anyway."""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_PATHS: Mapping[str, str] = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "MutatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
}


class AdminError(RuntimeError):
    """The API server did not do what its administrator asked."""


@dataclass(frozen=True, slots=True)
class Admin:
    url: str
    authority: Path
    token: str

    def ask(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Json:
        """The JSON that answers a request. AdminError with the status, OSError if nothing answers."""
        request = urllib.request.Request(  # noqa: S310  # an https address of our own
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type},
        )
        handlers = (
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.authority))),
        )
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=20.0) as answer:
                raw = answer.read()
                found: Json = json.loads(raw) if raw.startswith(b"{") else {}  # /readyz says `ok`
                return found
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise AdminError(f"{method} {path} was answered with {error.code}: {said[:1000]}") from None

    def apply(self, obj: Json) -> None:
        """Makes an object be as it says, by server-side apply."""
        name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
        path = f"{_PATHS[obj['kind']].format(namespace)}/{name}?fieldManager=lockgate-tests&force=true"
        self.ask("PATCH", path, obj, "application/apply-patch+yaml")

    def answers(self, path: str) -> bool:
        """Whether a GET is answered with success."""
        try:
            self.ask("GET", path)
        except (AdminError, OSError):
            return False
        return True


def post(url: str, body: Json) -> Json:
    """What answers a POST on loopback, as etcd's gateway takes it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, data=json.dumps(body).encode(), timeout=20.0) as answer:
        found: Json = json.loads(answer.read())
        return found


def until(holds: Callable[[], bool], what: str, deadline: float) -> None:
    """Waits until it holds. AdminError, naming `what`, at the `deadline` (monotonic seconds)."""
    while not holds():
        if time.monotonic() > deadline:
            raise AdminError(f"{what} did not come up in time")
        time.sleep(0.05)
