"""The history of one release of `payments`, event by event, for what shows it to people."""

from collections.abc import Iterable
from typing import Any

from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentProgressed,
    FlagsSwitched,
    GrantRefused,
    PilotDeployed,
    ProbeResult,
    RefusalCode,
    RegionDeployed,
    RegionProbed,
    RegionRolledBack,
    RegionUntouched,
)
from lockgate.messages.flags import Flag
from lockgate.messages.message import Message, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
    RollbackRequested,
)
from lockgate.messages.rollbacks import (
    FlagsOrdered,
    ReleaseHalted,
    ReleaseHeld,
    ReleaseResumed,
    ReleaseSettled,
    RollbackOrdered,
)
from lockgate.messages.topics import TOPICS
from lockgate.messages.values import Artifact, Fence, Workload
from lockgate.messages.verdicts import (
    Action,
    Granted,
    Outcome,
    RegionFailed,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
)

OLD, NEW = "sha256:" + "01" * 32, "sha256:" + "02" * 32
FENCE = Fence(number=4, turn=0, grant=2)
NEXT = Fence(number=4, turn=0, grant=3)
WORKLOAD = Workload(deployment="payments", container="app", service="payments")
ARTIFACT = Artifact(purl="pkg:oci/payments@sha256%3A02", digest=NEW, tag="v2")
PLAN = Plan.model_validate(
    {
        "application": "payments",
        "artifact": "pkg:oci/payments",
        "workload": WORKLOAD.model_dump(),
        "stages": [
            {"name": "preprod", "kind": "preprod", "regions": ["eu-preprod"], "requests": [{"get": "/healthz"}]},
            {"name": "pilot", "kind": "pilot", "regions": ["eu-west"], "share": "10%", "after": {"verify": "1m"}},
            {"name": "all", "kind": "wave", "regions": ["eu-west", "us-east"]},
            {"name": "watch", "kind": "watch", "for": "1m"},
        ],
    }
)  # fmt: skip
_OURS: dict[str, Any] = {"application": "payments", "release": "r2"}
_STEP: dict[str, Any] = {**_OURS, "deployer": "deployer-eu", "fence": FENCE}
_PLACE: dict[str, Any] = {"deployer": "deployer-eu", "namespace": "shop", "cluster": "c1"}


def messages(bodies: Iterable[Payload]) -> list[Message[Payload]]:
    """These events, a second after each other, each by the service that writes its topic."""
    found = []
    for number, body in enumerate(bodies, start=1):
        writer = TOPICS[body.topic].writer
        at = f"2026-11-24T10:{number // 60:02}:{number % 60:02}.000Z"
        id_ = event_id(writer, "payments", number)
        found.append(Message(body, id_, f"/lockgate/{writer}", "payments", at, writer, number))
    return found


def good() -> list[Payload]:
    return [
        *until_wave(),
        *(body for region in ("eu-west", "us-east") for body in (granted("all", region), deployed("all", region))),
        passed("all", "wave"),
        waiting("watch", "watching for 60 s"),
        passed("watch", "watch"),
        ReleaseCompleted(**_OURS, artifact=ARTIFACT),
    ]  # fmt: skip


def recovering() -> list[Payload]:
    """What was completed is taken back by a release of its own, as far as its orders."""
    ours = {"application": "payments", "release": "r3", "artifact": ARTIFACT}
    told = "v2, which was completed, is taken back: no release of payments is under way"
    return [
        *good(),
        ReleaseQueued(**ours, position=0, reason=told),
        ReleaseEntered(**ours, number=5, recovers="r2"),
        RollbackRequested(**ours, who="ann", reason="ann took it back: customers are charged twice"),
    ]


def until_wave() -> list[Payload]:
    pilot = PilotDeployed(
        **_STEP, stage="pilot", action=Action.PILOT, artifact=ARTIFACT, region="eu-west", share=0.1,
        pilot_pods="a", baseline_pods="b",
    )  # fmt: skip
    return [*until_pilot(), pilot, passed("pilot", "pilot")]


def until_pilot() -> list[Payload]:
    """Queued, started, through pre-production, entered, and the pilot granted."""
    probed = RegionProbed(
        **_STEP, stage="preprod", action=Action.PROBE, artifact=ARTIFACT, region="eu-preprod",
        results=(
            ProbeResult(method="GET", path="/healthz", expected=200, status=200, seconds=0.1, passed=True, reason="ok"),
        ),
    )  # fmt: skip
    return [
        queued(),
        started(),
        granted("preprod", "eu-preprod"),
        deployed("preprod", "eu-preprod"),
        granted("preprod", "eu-preprod", Action.PROBE),
        probed,
        passed("preprod", "preprod"),
        ReleaseEntered(**_OURS, artifact=ARTIFACT, number=4),
        granted("pilot", "eu-west", Action.PILOT),
    ]


def queued(release: str = "r2", tag: str = "v2", digest: str = NEW) -> Payload:
    artifact = Artifact(purl="pkg:oci/payments@x", digest=digest, tag=tag)
    return ReleaseQueued(
        application="payments", release=release, artifact=artifact, position=0, reason=f"{tag} starts at once"
    )


def started() -> Payload:
    return ReleaseStarted(**_OURS, artifact=ARTIFACT, number=3, plan_version=1, plan=PLAN, places={})


def superseded(release: str, by: str) -> Payload:
    return ReleaseSuperseded(application="payments", release=release, artifact=ARTIFACT, by=by)


def granted(
    stage: str, region: str, action: Action = Action.DEPLOY, attempt: int = 1, fence: Fence = FENCE
) -> Payload:
    return Granted(
        **_OURS, **_PLACE, stage=stage, region=region, action=action, fence=fence, artifact=ARTIFACT,
        workload=WORKLOAD, attempt=attempt, valid_for=60, deadline=120,
    )  # fmt: skip


def progressed(stage: str, region: str) -> Payload:
    return DeploymentProgressed(**_step(stage, region), updated=1, wanted=4, reason="1 of 4")


def deployed(stage: str, region: str) -> Payload:
    return RegionDeployed(**_step(stage, region))


def broken(stage: str, region: str, reason: str) -> Payload:
    return DeploymentFailed(**_step(stage, region), reason=reason)


def unreachable(stage: str, region: str, reason: str) -> Payload:
    return RegionFailed(
        **_OURS, stage=stage, region=region, attempt=1, final=False, unreachable=True, reason=reason
    )


def refused(stage: str, region: str, reason: str) -> Payload:
    return GrantRefused(**_step(stage, region), code=RefusalCode.EXPIRED, reason=reason)


def passed(stage: str, kind: str) -> Payload:
    return StagePassed(**_OURS, stage=stage, kind=kind, reason="as it must be")


def failed(stage: str, reason: str) -> Payload:
    return VerdictReached(**_OURS, stage=stage, outcome=Outcome.FAIL, reason=reason)


def waiting(stage: str, reason: str, waiting_for: WaitingFor = WaitingFor.EVIDENCE) -> Payload:
    return StageWaiting(**_OURS, stage=stage, waiting_for=waiting_for, reason=reason)


def halted(reason: str) -> Payload:
    return ReleaseHalted(**_OURS, number=4, turn=1, regions=("eu-west", "us-east"), reason=reason)


def ordered(region: str, to: str | None = OLD) -> Payload:
    return RollbackOrdered(
        **_OURS, **_PLACE, region=region, fence=FENCE, workload=WORKLOAD, digest=to, bad=NEW, deadline=60, reason="bad"
    )  # fmt: skip


def flags_ordered(region: str, flag: str) -> Payload:
    flags = (Flag(flag=flag),)
    return FlagsOrdered(
        **_OURS, **_PLACE, region=region, fence=FENCE, flags=flags, deadline=180, reason="bad"
    )


def flags_switched(region: str, flag: str) -> Payload:
    return FlagsSwitched(**_STEP, region=region, flags=(flag,), reason="it is off")


def resumed(reason: str) -> Payload:
    return ReleaseResumed(**_OURS, number=4, turn=3, wait=120, reason=reason)


def held(reason: str) -> Payload:
    return ReleaseHeld(**_OURS, turn=1, reason=reason)


def preempted(reason: str) -> Payload:
    return ReleasePreempted(**_OURS, artifact=ARTIFACT, by="r3", who="ann", reason=reason)


def back(region: str, to: str = OLD) -> Payload:
    return RegionRolledBack(**_STEP, region=region, digest=to)


def untouched(region: str) -> Payload:
    return RegionUntouched(**_STEP, region=region, reason="nothing was written")


def settled(debts: tuple[str, ...] = ()) -> Payload:
    return ReleaseSettled(**_OURS, artifact=ARTIFACT, answers={}, debts=debts, reason="v2 was taken back")


def closed(reason: str) -> Payload:
    return ReleaseClosed(**_OURS, artifact=ARTIFACT, outcome=ReleaseOutcome.ROLLED_BACK, reason=reason)


def _step(stage: str, region: str) -> dict[str, Any]:
    return {**_STEP, "stage": stage, "action": Action.DEPLOY, "artifact": ARTIFACT, "region": region}
