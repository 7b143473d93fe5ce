"""The regions of the local system: the sandbox as a process, and how deployers are told of it."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.cli.local.child import Child, ChildError
from lockgate.cli.local.http import ask
from lockgate.cli.local.kubeconfig import Clusters
from lockgate.embedded.ports import free_ports

START_SECONDS = 30.0
_ENVIRONMENTS = "shop-preprod"
"""The namespace for environments beside that of what is live."""


@dataclass(frozen=True, slots=True)
class Sandboxed:
    """A running sandbox, spoken to over its control port."""

    control: str
    prometheus: str
    regions: Mapping[str, Mapping[str, str]]
    """region -> {kubernetes, token, namespace, ingress}; those in which releases are tried name their `source` too."""

    @classmethod
    def start(
        cls,
        regions: Iterable[str],
        settings: Mapping[str, Any],
        child: Child,
        file: Path,
        trials: Mapping[str, str],
    ) -> "Sandboxed":
        """Starts a process that reads this file of settings, and waits until it answers.

        `trials`: a region in which releases are tried -> the region whose live workloads that is done with.
        """
        port = free_ports(1)[0]
        sources = set(trials.values())
        each = [
            {"name": name, "environments": _ENVIRONMENTS if name in sources else ""}
            for name in regions
            if name not in trials
        ]
        file.write_text(json.dumps({**settings, "regions": each, "control_port": port}))
        child.start()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and child.running:
            try:
                found = ask("GET", f"http://127.0.0.1:{port}/")
            except OSError:
                time.sleep(0.05)
                continue
            places = found["regions"]
            tried = {name: _beside(places[source]) for name, source in trials.items()}
            return cls(found["control"], found["prometheus"], {**places, **tried})
        raise ChildError(f"the sandbox did not start. Its log: {child.log}")

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        """For instance images/DIGEST, workloads/APPLICATION, faults/prometheus."""
        ask("PUT", f"{self.control}/{path}", body)

    def delete(self, path: str) -> None:
        ask("DELETE", f"{self.control}/{path}")

    def digests(self, application: str) -> dict[str, str]:
        """Region -> the digest that its Deployment of this name names now."""
        live = [region for region, place in self.regions.items() if "source" not in place]
        return {region: self.deployment(region, application)["digest"] for region in live}

    def deployment(self, region: str, name: str) -> dict[str, Any]:
        """Digest and annotations of a Deployment, as its region's API server says."""
        place = self.regions[region]
        url = f"{place['kubernetes']}/apis/apps/v1/namespaces/{place['namespace']}/deployments/{name}"
        found = ask("GET", url, token=place["token"])
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        return {"digest": image.partition("@")[2], "annotations": found["metadata"].get("annotations", {})}

    def deployments(self, region: str) -> list[str]:
        """The names of all Deployments of a region: clones are seen here."""
        place = self.regions[region]
        url = f"{place['kubernetes']}/apis/apps/v1/namespaces/{place['namespace']}/deployments"
        return sorted(item["metadata"]["name"] for item in ask("GET", url, token=place["token"])["items"])

    def weights(self, region: str, route: str) -> dict[str, int]:
        """Service -> its weight in the region's HTTPRoute of this name: the shares of the traffic."""
        place = self.regions[region]
        api = f"{place['kubernetes']}/apis/gateway.networking.k8s.io/v1"
        found = ask("GET", f"{api}/namespaces/{place['namespace']}/httproutes/{route}", token=place["token"])
        return {ref["name"]: ref["weight"] for rule in found["spec"]["rules"] for ref in rule["backendRefs"]}


def _beside(place: Mapping[str, str]) -> dict[str, str]:
    """The namespace for environments of a region's cluster."""
    return {**place, "namespace": _ENVIRONMENTS, "source": place["namespace"]}


def deployer_environment(
    name: str, served: Iterable[str], places: Sandboxed | Clusters, folder: Path
) -> dict[str, str]:
    """The settings of one deployer: its own regions and no others, in a file of this folder.

    A variable has no room for a thousand regions, and everybody who may see the process may read it.
    """
    file = folder / f"{name}-regions.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps([_told(each, places.regions[each]) for each in served]))
    settings = {"LOCKGATE_DEPLOYER_NAME": name, "LOCKGATE_DEPLOYER_REGIONS_FILE": str(file)}
    if isinstance(places, Sandboxed):  # its pods start in moments
        pace = {"poll": "200ms", "progress": "500ms", "drain": "500ms"}
        settings["LOCKGATE_DEPLOYER_PACE"] = json.dumps(pace)
    return settings


def _told(region: str, place: Mapping[str, str]) -> dict[str, str]:
    """What a deployer is told of a region."""
    known = ("namespace", "source", "token", "token_file", "ca_file")
    return {
        "region": region,
        "url": place["kubernetes"],
        **{key: place[key] for key in known if key in place},
    }
