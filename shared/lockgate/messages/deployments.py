"""The topic `deployments`, written by the deployers: what was done in each region, and what was not."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from lockgate.messages.flags import FlagKey
from lockgate.messages.payload import Payload
from lockgate.messages.values import Artifact, Digest, Fence, Name, Place, Sentence, Share, Value
from lockgate.messages.verdicts import Action


class Live(Value):
    """What a region runs for an application, as its cluster says it."""

    digest: Digest | None = Field(description="None if the image is named by tag only")
    fence: Fence | None = Field(description="None before first contact")


class RefusalCode(StrEnum):
    """Why a grant or an order was not obeyed. A public contract: codes are only added."""

    FENCED = "fenced"  # a newer fence was seen
    EXPIRED = "expired"  # the grant was not started within its time
    NOT_SERVED = "not-served"  # this deployer does not serve that region, cluster or namespace


class RegionRegistered(Payload, topic="deployments", custom="region.registered"):
    """A deployer says which region it serves; on each of its starts. Key `*`."""

    place: Place
    live: dict[str, Live] = Field(default_factory=dict, description="application -> what runs")

    def subject_id(self) -> str:
        return self.place.region


class _Step(Payload):
    """What all answers to a grant or an order have in common."""

    application: Name
    release: str
    region: Name
    deployer: Name
    fence: Fence = Field(description="of the grant or order that is answered")

    def environment(self) -> dict[str, Any]:
        return {"id": self.region, "source": f"/lockgate/{self.deployer}"}


class _StageStep(_Step):
    stage: Name
    action: Action
    artifact: Artifact


class DeploymentStarted(_StageStep, topic="deployments", custom="deployment.started", version="0.2.0"):
    found: Digest | None = Field(
        description="what ran in the region before; None if it was named by tag only"
    )
    seconds: float | None = Field(
        default=None, ge=0, description="how long the Deployment's roll-out will take; None if nobody knows"
    )
    estimate: Sentence | None = Field(
        default=None, description="how `seconds` was found, and what to change if the budget is less"
    )


class DeploymentProgressed(_StageStep, topic="deployments", custom="deployment.progressed"):
    updated: int = Field(ge=0)
    wanted: int = Field(ge=0)
    reason: Sentence


class RegionDeployed(_StageStep, topic="deployments", native="service.upgraded.0.3.0"):
    """The region's Deployment runs the artifact, by the rules of `kubectl rollout status`."""

    requests: int | None = Field(
        default=None,
        ge=0,
        exclude_if=lambda requests: requests is None,
        description="to the region's API server, by the run of the step that finished it",
    )

    def native_content(self) -> dict[str, Any]:
        return {"environment": self.environment(), "artifactId": self.artifact.purl}


class PilotDeployed(_StageStep, topic="deployments", native="service.deployed.0.3.0"):
    """The release's clone is ready and its share of the traffic is set: a pilot's, a canary's or all, by the action."""

    share: Share = Field(description="as set; the nearest that the route or the replicas allow")
    pilot_pods: str = Field(description="the name prefix of the clone's pods")
    baseline_pods: str = Field(description="the name prefix of the pods beside it")
    start: float | None = Field(
        default=None,
        ge=0,
        exclude_if=lambda start: start is None,
        description="seconds that the clone's pods took to get ready, in the middle; None if they do not tell",
    )

    def native_content(self) -> dict[str, Any]:
        return {"environment": self.environment(), "artifactId": self.artifact.purl}


class ProbeResult(Value):
    method: str
    path: str = Field(max_length=1024)
    expected: int
    status: int | None = Field(description="None if there was no answer")
    seconds: float = Field(ge=0, description="the longest, if it was sent several times")
    passed: bool
    reason: Sentence
    sent: int = Field(
        default=1, ge=0, exclude_if=lambda sent: sent == 1, description="how often it reached what is tried"
    )
    failed: int = Field(
        default=0,
        ge=0,
        exclude_if=lambda failed: failed == 0,
        description="of a request that is sent several times: how often the answer was not as expected, or too late",
    )
    hindered: bool = Field(
        default=False,
        exclude_if=lambda hindered: not hindered,
        description="the cluster did not pass on all that should have been sent",
    )


class RegionProbed(_StageStep, topic="deployments", native="testsuiterun.finished.0.3.0"):
    """The plan's requests were sent; the verifier judges the results."""

    results: tuple[ProbeResult, ...]

    def native_content(self) -> dict[str, Any]:
        failed = [result for result in self.results if not result.passed]
        content = {
            "environment": self.environment(),
            "outcome": "failure" if failed else "success",
            "testSuite": {
                "id": f"{self.application}/{self.stage}",
                "name": f"requests of the stage {self.stage}",
            },
        }
        return {**content, "severity": "high", "reason": failed[0].reason} if failed else content


class DeploymentFailed(_StageStep, topic="deployments", custom="deployment.failed"):
    reason: Sentence


class GrantRefused(_StageStep, topic="deployments", custom="grant.refused"):
    code: RefusalCode
    reason: Sentence


class RegionRolledBack(_Step, topic="deployments", native="service.rolledback.0.3.0"):
    """The region runs the ordered version again; clones and their share are gone."""

    digest: Digest
    flags_left: tuple[FlagKey, ...] = Field(
        default=(),
        exclude_if=lambda left: not left,
        description="flags that were to be put back, and may not be as they were",
    )

    def native_content(self) -> dict[str, Any]:
        name = self.application
        return {
            "environment": self.environment(),
            "artifactId": f"pkg:oci/{name}@{self.digest.replace(':', '%3A')}",
        }


class RegionUntouched(_Step, topic="deployments", custom="region.untouched", version="0.2.0"):
    """The release had written nothing in the region: it runs what it ran."""

    reason: Sentence
    flags_left: tuple[FlagKey, ...] = Field(
        default=(),
        exclude_if=lambda left: not left,
        description="flags that were to be put back, and may not be as they were",
    )


class OrderRefused(_Step, topic="deployments", custom="order.refused"):
    code: RefusalCode
    reason: Sentence


class RollbackFailed(_Step, topic="deployments", custom="rollback.failed"):
    """The order could not be carried out in the region; the coordinator decides what follows."""

    reason: Sentence


class FlagsSwitched(_Step, topic="deployments", custom="flags.switched", version="0.2.0"):
    """The flags that were ordered off are off in the region, for everybody."""

    flags: tuple[FlagKey, ...]
    were_on: tuple[FlagKey, ...] | None = Field(
        default=None,
        description="those that were on until then; None: an older deployer does not say",
    )
    reason: Sentence


class FlagsFailed(_Step, topic="deployments", custom="flags.failed"):
    """A flag could not be switched off in the region; the coordinator decides what follows."""

    reason: Sentence


def speaker(body: Payload) -> str | None:
    """The deployer that an event of this topic names, which alone may write it; None for other topics' events."""
    match body:
        case RegionRegistered(place=place):
            return place.deployer
        case _Step(deployer=deployer):
            return deployer
        case _:
            return None
