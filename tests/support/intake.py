"""Intake at a desk: regions, plans and artifacts of the application `payments`, as short as a test needs them."""

from typing import Any

from lockgate.intake.core import TABLE
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.payload import Payload
from lockgate.messages.plans import PlanPublished
from lockgate.messages.releases import ReleaseQueued
from lockgate.messages.rollbacks import Grade, ReleaseSettled, VersionMarked
from lockgate.messages.values import Artifact, Place
from lockgate.messages.verdicts import StagePassed, WatchEnded, WatchOutcome
from tests.support.desk import Desk

APP = "payments"
PREPROD = [
    {"name": "smoke", "kind": "preprod", "regions": ["eu-preprod"], "requests": [{"get": "/healthz"}]},
    {"name": "probe", "kind": "preprod", "regions": ["eu-preprod"], "requests": [{"get": "/pay"}]},
]
PRODUCTION = [
    {"name": "all", "kind": "wave", "regions": ["eu-west", "us-east"]},
    {"name": "watch", "kind": "watch", "for": "2h"},
]


def plan(**changes: Any) -> dict[str, Any]:
    """A plan with two preprod stages, one wave and a watch; `changes` replace its fields."""
    return {
        "application": APP,
        "artifact": "pkg:oci/payments",
        "workload": {"deployment": "payments", "container": "app", "service": "payments"},
        "stages": [*PREPROD, *PRODUCTION],
        **changes,
    }


def place(region: str, deployer: str = "one", cluster: str = "c1") -> Place:
    return Place(region=region, deployer=deployer, cluster=cluster, namespace="prod")


def digest(n: int) -> str:
    return f"sha256:{n:064x}"


def purl(n: int, package: str = "pkg:oci/payments") -> str:
    return f"{package}@sha256%3A{n:064x}?tag=v{n}"


def registered(region: str, deployer: str = "one", cluster: str = "c1") -> RegionRegistered:
    return RegionRegistered(place=place(region, deployer, cluster))


def published(**changes: Any) -> PlanPublished:
    return PlanPublished(plan=plan(**changes), author="ann")


def announced(n: int) -> ArtifactPublished:
    return ArtifactPublished(purl=purl(n))


def passed(release: str, stage: str = "probe", kind: str = "preprod") -> StagePassed:
    return StagePassed(application=APP, release=release, stage=stage, kind=kind, reason="all 1 passed")


def watched(release: str, outcome: WatchOutcome = WatchOutcome.PASSED) -> WatchEnded:
    return WatchEnded(application=APP, release=release, stage="watch", outcome=outcome, reason="2 h are over")


def settled(release: str, *debts: str) -> ReleaseSettled:
    artifact = Artifact(purl=purl(1), digest=digest(1))
    return ReleaseSettled(
        application=APP, release=release, artifact=artifact, answers={}, debts=debts, reason="all answered"
    )


def marked(n: int, grade: Grade = Grade.BAD) -> VersionMarked:
    return VersionMarked(application=APP, digest=digest(n), grade=grade, reason="5xx rose from 0.1% to 9%")


def empty_desk() -> Desk:
    return Desk(TABLE)


def desk(**changes: Any) -> Desk:
    """Three regions and a plan of `payments`; the answers to them are forgotten."""
    at_desk = empty_desk()
    for region in ("eu-preprod", "eu-west", "us-east"):
        at_desk.give(registered(region))
    at_desk.give(published(**changes), writer="operator")
    at_desk.events.clear()
    return at_desk


def announce(at_desk: Desk, n: int) -> str:
    """The id of the release that the artifact n became."""
    events = at_desk.give(announced(n), writer="ci")
    return next(event.release for event in events if isinstance(event, ReleaseQueued))


def names(events: list[Payload]) -> list[str]:
    return [type(event).__name__ for event in events]
