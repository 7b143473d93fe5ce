"""How an environment comes into being: the next thing to do from what is live and what is there already. Pure.

First the NetworkPolicy, so that no pod ever runs without it; then the Service, and the clone of the live workload.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lockgate.deployer.environments.leaving import UNTIL, leaving
from lockgate.deployer.environments.pods import UnfitError, fit
from lockgate.deployer.fencing import DamagedFenceError, clone_fence
from lockgate.deployer.objects import CLONE_LABEL, Json, selects, with_digest
from lockgate.deployer.reports import Failed, Fenced, Prepared
from lockgate.deployer.rollout import RolledOut, Rolling, TimedOut, rollout_status
from lockgate.deployer.strategies.clones import clone_service, metadata_of
from lockgate.deployer.strategies.given import Create, Kind, Next, Region, Stuck, Target, Wait
from lockgate.deployer.strategies.production import Production, production
from lockgate.messages.environments import Egress, Environment
from lockgate.messages.values import Fence

_LONGEST_NAME: Final = 63
_COPIED: Final = ("minReadySeconds", "progressDeadlineSeconds")
_NAMESPACE: Final = "kubernetes.io/metadata.name"
_DNS: Final = {
    "to": [{"namespaceSelector": {"matchLabels": {_NAMESPACE: "kube-system"}}}],
    "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")],
}


@dataclass(frozen=True, slots=True)
class Tried(Target):
    """A release that is tried in an environment: its own names, and no route."""

    @property
    def clone(self) -> str:
        return f"{self.workload.deployment}-env-{self.fence.number}"

    @property
    def clone_service(self) -> str:
        return f"{self.workload.service}-env-{self.fence.number}"


@dataclass(frozen=True, slots=True)
class Making:
    """A strategy: Prepared once the environment is ready for requests."""

    asked: Environment
    source: str
    """The namespace of what is live."""
    until: datetime
    """When nobody needs it any more, whatever became of whoever made it."""

    def __call__(self, target: Target, live: Region) -> Next:
        if (refusal := newer(target, live)) is not None:
            return refusal
        try:
            seen = production(target, live)
        except DamagedFenceError as error:
            return Failed(reason=str(error))
        if isinstance(seen, Failed):
            return seen
        try:
            clone = self._deployment(target, seen)
        except UnfitError as error:
            where = f"{target.workload.deployment} in the namespace {self.source}"
            return Failed(reason=f"No environment can be made from {where}. {error}"[:2000])
        if (why := self._lacking(target, live, seen)) is not None:
            return Failed(reason=why)
        return leaving(live, lambda obj: clone_fence(obj) != target.fence) or self._made(target, live, clone)

    def _lacking(self, target: Target, live: Region, seen: Production) -> str | None:
        for name in (target.clone, target.clone_service):
            if len(name) > _LONGEST_NAME:
                return (
                    f"The name {name} in the environment has {len(name)} characters, and {_LONGEST_NAME} is the most: "
                    "shorten that of the Deployment or the Service."
                )
        where = f"{target.workload.service} in the namespace {self.source}"
        if live.service is None:
            return f"There is no Service {where}: create it, or correct the plan's workload."
        selector = (live.service.get("spec") or {}).get("selector")
        labels = (seen.deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}
        if not selector or not selects({"matchLabels": selector}, labels):
            return f"The Service {where} does not select the Deployment's pods, so its ports are not theirs: correct it."
        if any(each.namespace == self.source for each in self.asked.egress):
            return (
                f"The plan lets the environment talk to the namespace {self.source}, where the live workload runs: take "
                "it from the stage's egress, and name a namespace that is made for pre-production."
            )
        return None

    def _made(self, target: Target, live: Region, clone: Json) -> Next:
        if not live.policies:
            return Create(Kind.NETWORK_POLICY, self._policy(target))
        if not live.clone_services:
            service = clone_service(target, live.service or {})
            return Create(Kind.SERVICE, self._lasting(service.body))
        if not live.clones:
            return Create(Kind.DEPLOYMENT, clone)
        match rollout_status(live.clones[0]):
            case Rolling(updated=updated, wanted=wanted, reason=reason):
                return Wait(updated, wanted, reason, live.clones[0])
            case TimedOut():
                where = f"{target.clone} in {target.region}"
                return Stuck(
                    f"The environment {where} did not become ready (ProgressDeadlineExceeded).",
                    live.clones[0],
                )
            case RolledOut():
                return Prepared()

    def _deployment(self, target: Target, seen: Production) -> Json:
        source = seen.deployment["spec"]
        pod = fit(source["template"]["spec"], self.asked.overrides)
        container = pod["containers"][seen.index]
        container["image"] = with_digest(container["image"], str(target.digest))
        metadata = metadata_of(target, target.clone)
        # Nothing of the live pods' metadata: networks, injectors, DNS and selectors read it, so it is a second spec.
        template = {"metadata": {"labels": dict(metadata["labels"])}, "spec": pod}
        spec = {key: source[key] for key in _COPIED if key in source} | {
            "replicas": self.asked.replicas,
            "selector": {"matchLabels": {CLONE_LABEL: target.clone}},
            "template": template,
        }
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        return self._lasting(body)

    def _policy(self, target: Target) -> Json:
        """Nobody is talked to but the cluster's DNS and whom the plan names."""
        spec = {
            "podSelector": {"matchLabels": {CLONE_LABEL: target.clone}},
            "policyTypes": ["Egress"],
            "egress": [_DNS, *(_rule(each) for each in self.asked.egress)],
        }
        metadata = metadata_of(target, target.clone)
        return self._lasting(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": metadata,
                "spec": spec,
            }
        )

    def _lasting(self, body: Json) -> Json:
        body["metadata"]["annotations"][UNTIL] = self.until.isoformat(timespec="seconds")
        return body


def newer(target: Target, live: Region) -> Fenced | None:
    """Whether the application has an environment of a newer step."""
    seen = [clone_fence(obj).order for obj in (*live.clones, *live.clone_services, *live.policies)]
    if (highest := max(seen, default=target.fence.order)) <= target.fence.order:
        return None
    above = Fence(number=highest[0], turn=highest[1], grant=highest[2])
    return Fenced(
        live=above,
        reason=f"The region {target.region} has an environment of {target.application} with the fence {above}, above "
        f"{target.fence}: a newer step or order has been there.",
    )


def _rule(allowed: Egress) -> Json:
    to: Json = (
        {"ipBlock": {"cidr": allowed.cidr}}
        if allowed.cidr is not None
        else {"namespaceSelector": {"matchLabels": {_NAMESPACE: allowed.namespace}}}
    )
    ports = [{"protocol": protocol, "port": port} for port in allowed.ports for protocol in ("TCP", "UDP")]
    return {"to": [to], "ports": ports}
