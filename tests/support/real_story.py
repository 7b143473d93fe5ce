"""A story whose regions are namespaces of a real control plane: what runs there is read from its API server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.clusters import PATHS
from tests.support.controlplane import ControlPlane, Tenant
from tests.support.story import Story


@dataclass
class RealStory(Story):
    """`tenants` are its regions; `versions` gives the digests of those versions whose pods are to behave in some way."""

    plane: ControlPlane = field(kw_only=True)
    tenants: Mapping[str, Tenant] = field(kw_only=True)
    versions: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def digest(self, version: str) -> str:
        return self.versions.get(version) or super().digest(version)

    def quiets(self) -> None:
        """There is no traffic."""

    def clones(self) -> list[str]:
        names = [each["metadata"]["name"] for region in self.regions for each in self._deployments(region)]
        return [name for name in names if name != self.application]

    def _deployment(self, region: str) -> dict[str, Any]:
        (found,) = (
            each for each in self._deployments(region) if each["metadata"]["name"] == self.application
        )
        (container,) = found["spec"]["template"]["spec"]["containers"]
        return {
            "digest": container["image"].partition("@")[2],
            "annotations": found["metadata"]["annotations"],
        }

    def _deployments(self, region: str) -> list[dict[str, Any]]:
        namespace = self.tenants[region].namespace
        found: list[dict[str, Any]] = self.plane.admin.ask("GET", PATHS[0].format(namespace))["items"]
        return found
