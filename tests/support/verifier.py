"""A release before the verifier's core: what the other services would say, in a word each."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentStarted,
    GrantRefused,
    PilotDeployed,
    ProbeResult,
    RefusalCode,
    RegionDeployed,
    RegionProbed,
)
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.releases import ReleaseEntered, ReleaseStarted
from lockgate.messages.values import Artifact, Place
from lockgate.messages.verdicts import Granted
from lockgate.verifier.core import TABLE
from tests.support.desk import Desk

P = TypeVar("P", bound=Payload)

APPLICATION = "payments"
RELEASE = "6f1c9d1e-release"
DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64
ARTIFACT = Artifact(
    purl=f"pkg:oci/payments@{DIGEST.replace(':', '%3A')}?tag=1.4.0", digest=DIGEST, tag="1.4.0"
)

PREPROD: dict[str, Any] = {
    "name": "preprod",
    "kind": "preprod",
    "regions": ["eu-preprod"],
    "budget": "10m",
    "requests": [{"get": "/healthz"}, {"post": "/pay", "json": {"amount": 1}, "expect": {"status": 201}}],
}
PILOT: dict[str, Any] = {
    "name": "pilot",
    "kind": "pilot",
    "regions": ["eu-west"],
    "share": "10%",
    "after": {"verify": "32m"},
}
WAVE: dict[str, Any] = {"name": "first", "kind": "wave", "regions": ["eu-west"]}
WATCH: dict[str, Any] = {"name": "watch", "kind": "watch", "for": "2h"}


def plan(*stages: dict[str, Any], **fields: Any) -> Plan:
    return Plan.model_validate(
        {
            "application": APPLICATION,
            "artifact": "pkg:oci/payments",
            "workload": {"deployment": "payments", "container": "app", "service": "payments"},
            "stages": list(stages),
            **fields,
        }
    )


def place(region: str) -> Place:
    return Place(region=region, deployer=f"deployer-{region}", cluster=f"uid-{region}", namespace=APPLICATION)


@dataclass
class Journey:
    """One release at the desk. Each method returns what the verifier said to it."""

    plan: Plan
    release: str = RELEASE
    number: int = 7
    artifact: Artifact = ARTIFACT
    desk: Desk = field(default_factory=lambda: Desk(TABLE))

    def start(self, unserved: str = "") -> list[Payload]:
        return self.give(
            ReleaseStarted(
                application=APPLICATION,
                release=self.release,
                artifact=self.artifact,
                number=self.number,
                plan_version=1,
                plan=self.plan,
                places={region: place(region) for region in self.plan.regions if region != unserved},
            )
        )

    def enter(self) -> list[Payload]:
        return self.give(
            ReleaseEntered(
                application=APPLICATION,
                release=self.release,
                artifact=self.artifact,
                number=self.number + 1,
            )
        )

    def give(self, event: Payload) -> list[Payload]:
        return self.desk.give(event)

    def grants(self) -> list[Granted]:
        return [event for event in self.desk.events if isinstance(event, Granted)]

    def grant(self, region: str) -> Granted:
        """The newest grant of the region."""
        return next(grant for grant in reversed(self.grants()) if grant.region == region)

    def answer(self, answer: type[P], region: str, *, to: Granted | None = None, **fields: Any) -> P:
        grant = to or self.grant(region)
        return answer(
            application=APPLICATION,
            release=grant.release,
            region=region,
            deployer=grant.deployer,
            fence=grant.fence,
            stage=grant.stage,
            action=grant.action,
            artifact=grant.artifact,
            **fields,
        )

    def begun(self, region: str) -> list[Payload]:
        return self.give(self.answer(DeploymentStarted, region, found=OTHER_DIGEST))

    def deployed(self, region: str) -> list[Payload]:
        return self.give(self.answer(RegionDeployed, region))

    def piloted(self, region: str) -> list[Payload]:
        return self.give(
            self.answer(
                PilotDeployed,
                region,
                share=0.1,
                pilot_pods="payments-pilot-8-",
                baseline_pods="payments-",
            )
        )

    def failed(self, region: str, reason: str = "the new pods crash") -> list[Payload]:
        return self.give(self.answer(DeploymentFailed, region, reason=reason))

    def refused(self, region: str, code: RefusalCode) -> list[Payload]:
        return self.give(self.answer(GrantRefused, region, code=code, reason=f"{code} here"))

    def probed(self, region: str, *results: ProbeResult) -> list[Payload]:
        return self.give(self.answer(RegionProbed, region, results=results))

    def incident(self, name: str = "alert-1", region: str = "", **fields: Any) -> list[Payload]:
        service = fields.pop("service", f"/prod/{APPLICATION}")
        return self.desk.give(
            IncidentDetected(incident=name, service=service, environment=region, **fields), key=""
        )

    def resolved(self, name: str = "alert-1") -> list[Payload]:
        return self.desk.give(IncidentResolved(incident=name, service=APPLICATION), key="")

    def fire(self, name: str) -> list[Payload]:
        return self.desk.fire(APPLICATION, name)

    def timers(self) -> set[str]:
        return {name for _, name in self.desk.timers}


def probe(method: str, path: str, expected: int, status: int | None) -> ProbeResult:
    passed = status == expected
    return ProbeResult(
        method=method,
        path=path,
        expected=expected,
        status=status,
        seconds=0.012,
        passed=passed,
        reason="as expected" if passed else f"expected {expected}",
    )


GOOD_PROBES = (probe("GET", "/healthz", 200, 200), probe("POST", "/pay", 201, 201))


def in_production(*stages: dict[str, Any], **fields: Any) -> Journey:
    """A release whose plan has no pre-production and that owns production."""
    journey = Journey(plan(*stages, **fields))
    journey.start()
    journey.enter()
    return journey


def names(events: list[Payload]) -> list[str]:
    return [type(event).__name__ for event in events]


def only(events: list[Payload], kind: type[P]) -> P:
    """The one event of this type among them."""
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, names(events)
    return found[0]
