"""A control plane that runs, as those who use it see it: any process may, and what it is told by is plain JSON."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import orjson

from lockgate.deployer.rights import IN_ITS_REGION, Right
from tests.support.controlplane.admin import Admin, post
from tests.support.controlplane.commands import Layout
from tests.support.controlplane.tenants import Tenant, new_tenant


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """`pids`: of each of its programs, by name."""

    layout: Layout
    admin: Admin
    pids: Mapping[str, int]

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.layout.admin

    def tenant(self, name: str, rights: tuple[Right, ...] = IN_ITS_REGION) -> Tenant:
        """A new namespace whose name begins like this, with accounts and tokens; its deployer has these rights."""
        return new_tenant(self.admin, self.layout, f"{name}-{secrets.token_hex(4)}", rights)

    def forget(self) -> None:
        """Lets etcd forget every version of the past, as it does by itself every few minutes."""
        etcd = f"http://127.0.0.1:{self.layout.etcd}/v3/kv"
        now = post(f"{etcd}/range", {"key": "AA==", "limit": 1})["header"]["revision"]
        post(f"{etcd}/compaction", {"revision": now, "physical": True})

    def told(self) -> bytes:
        """All that another process needs to know to use it."""
        return orjson.dumps(asdict(self), default=str)

    @classmethod
    def heard(cls, told: bytes) -> Self:
        found = orjson.loads(told)
        layout, admin = found["layout"], found["admin"]
        return cls(
            Layout(**{**layout, "folder": Path(layout["folder"])}),
            Admin(**{**admin, "authority": Path(admin["authority"])}),
            found["pids"],
        )
