"""A namespace of a control plane with its accounts: what a region is to a deployer."""

from dataclasses import dataclass
from pathlib import Path

from lockgate.deployer.rights import Right, manifests
from tests.support.controlplane import objects
from tests.support.controlplane.admin import Admin
from tests.support.controlplane.commands import Layout, kubeconfig


@dataclass(frozen=True, slots=True)
class Tenant:
    """`deployer` and `owner` are tokens: of the rights that a deployer needs, and of all over the workloads."""

    namespace: str
    url: str
    authority: Path
    deployer: str
    owner: str
    kubeconfig: Path
    """With the contexts `deployer` and `owner`."""


def new_tenant(admin: Admin, layout: Layout, namespace: str, rights: tuple[Right, ...]) -> Tenant:
    admin.apply(objects.namespace(namespace))
    accounts = {"deployer": rights, "owner": objects.OWNER}
    for name, its in accounts.items():
        for obj in manifests(name, namespace, its):
            admin.apply(obj)
    tokens = {name: _token(admin, namespace, name) for name in accounts}
    file = layout.folder / f"{namespace}.kubeconfig"
    contexts = {name: (namespace, token) for name, token in tokens.items()}
    file.write_text(kubeconfig(layout, admin.authority, contexts))
    file.chmod(0o600)
    return Tenant(namespace, admin.url, admin.authority, tokens["deployer"], tokens["owner"], file)


def _token(admin: Admin, namespace: str, account: str) -> str:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    return str(admin.ask("POST", path, request)["status"]["token"])
