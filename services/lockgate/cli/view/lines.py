"""One event as one plain line, for where there is no terminal. None for events that say nothing new to a person."""

from collections.abc import Callable
from typing import Any

from lockgate.cli.view.actions import has_share
from lockgate.cli.view.plain import plain
from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.deployments import (
    DeploymentFailed,
    FlagsFailed,
    FlagsSwitched,
    GrantRefused,
    OrderRefused,
    PilotDeployed,
    RegionDeployed,
    RegionProbed,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.operations import Answer
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    AllPaused,
    AllResumed,
    ApplicationPaused,
    ApplicationResumed,
    ArtifactRefused,
    ArtifactVerified,
    OperationAnswered,
    PlanAccepted,
    PlanRefused,
    RegionRefused,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.rollbacks import (
    DebtCleared,
    FlagsOrdered,
    RecoveryRequested,
    ReleaseHalted,
    ReleaseHeld,
    ReleaseResumed,
    ReleaseSettled,
    RollbackOrdered,
    VersionMarked,
)
from lockgate.messages.verdicts import (
    Granted,
    RegionFailed,
    RollbackVerified,
    StageOperationAnswered,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
    WatchEnded,
)


def line(body: Payload) -> str | None:
    """The sentence on one line, with the topic in front, so that a reader knows where to look."""
    says = _SAYS[type(body)](body) if type(body) in _SAYS else None
    return None if says is None else plain(f"{body.topic:<11} {says}")


def _version(body: Any) -> str:
    """By its first digits: `Names` puts the tag in their place, once it is known that it is one version's alone."""
    return str(body.artifact.digest[7:19])


def _granted(body: Any) -> str:
    again = f", attempt {body.attempt}" if body.attempt > 1 else ""
    return f"{body.stage}: {body.action} granted to {body.region} (fence {body.fence}{again})"


def _probed(body: Any) -> str:
    return f"{body.region}: {sum(r.passed for r in body.results)} of {len(body.results)} requests passed"


def _ordered(body: Any) -> str:
    how = "to stay with" if body.digest == body.bad else "back to"
    target = f"ordered {how} {body.digest[7:19]}" if body.digest else "ordered: clones go"
    return f"{body.region} {target}"


def _in_region(body: Any) -> str:
    return f"{body.region}: {body.reason}"


def _waiting(body: Any) -> str:
    """A release that failed waits for nothing but its way back."""
    return f"{body.stage}: {'' if body.waiting_for is WaitingFor.COORDINATOR else 'waiting. '}{body.reason}"


def _answered(body: Answer) -> str:
    """Who wanted what and why, and what became of it."""
    how = "done" if body.code is None else f"refused ({body.code})"
    return f"{body.who}: {body.operation} {how}. {body.reason}. Because: {body.why}"


def _paused(body: Any) -> str:
    until = f" until {body.until}" if body.until else ""
    return f"paused by {body.who}{until}: {body.reason}"


def _resumed(body: Any) -> str:
    return f"resumed: {body.reason}"


def _refused(body: Any) -> str:
    return f"refused: {body.reason}"


def _verified(body: Any) -> str:
    """The parts of it that a person looks for."""
    by = f" of {body.issuer}" if body.issuer else ""
    built = f", built from {body.source} by {body.builder}" if body.builder else ""
    return f"{_version(body)} is signed by {body.signer}{by}{built}"


_SAYS: dict[type[Payload], Callable[[Any], str | None]] = {
    PlanAccepted: lambda b: f"plan {b.version} of {b.application} accepted",
    PlanRefused: lambda b: f"plan of {b.application} refused: {'; '.join(b.problems)}",
    ArtifactRefused: _refused,
    ArtifactVerified: _verified,
    RegionRefused: _refused,
    OperationAnswered: _answered,
    StageOperationAnswered: _answered,
    ApplicationPaused: _paused,
    ApplicationResumed: _resumed,
    AllPaused: lambda b: f"all {_paused(b)}",
    AllResumed: lambda b: f"all {_resumed(b)}",
    ReleaseQueued: lambda b: b.reason,
    ReleaseStarted: lambda b: f"{_version(b)} started (fence number {b.number})",
    ReleaseEntered: lambda b: (
        f"{_version(b)} {'owns production' if b.recovers is None else 'is taken back'} (fence number {b.number})"
    ),
    ReleaseSuperseded: lambda b: f"{_version(b)} superseded by a newer artifact",
    ReleasePreempted: lambda b: f"{_version(b)} gives way: {b.reason}",
    ReleaseCompleted: lambda b: f"{_version(b)} completed",
    ReleaseClosed: lambda b: f"{_version(b)} closed: {b.reason}",
    Granted: _granted,
    StageWaiting: _waiting,
    VerdictReached: lambda b: f"{b.stage}: {b.outcome.upper()}. {b.reason}",
    RegionFailed: lambda b: f"{b.stage}: {b.region} failed. {b.reason}",
    StagePassed: lambda b: (
        None if b.kind == "watch" else f"{b.stage}: passed"
    ),  # the end of the watch says it
    WatchEnded: lambda b: f"the watch {b.outcome}",
    RollbackVerified: lambda b: f"{'recovered' if b.recovered else 'NOT recovered'}. {b.reason}",
    RegionDeployed: lambda b: f"{b.region} runs {_version(b)}",
    PilotDeployed: lambda b: f"{b.region}: the {has_share(b.action, b.share)}",
    RegionProbed: _probed,
    DeploymentFailed: _in_region,
    GrantRefused: _in_region,
    RegionRolledBack: lambda b: f"{b.region} runs {b.digest[7:19]} again",
    RegionUntouched: lambda b: f"{b.region} does not run it, and is left as it is",
    OrderRefused: _in_region,
    RollbackFailed: _in_region,
    ReleaseHalted: lambda b: f"halted in {', '.join(b.regions)}",  # for the reason of the verdict before it
    FlagsOrdered: lambda b: f"{b.region} ordered to switch off {', '.join(flag.flag for flag in b.flags)}",
    FlagsSwitched: lambda b: f"{b.region}: {', '.join(b.flags)} switched off",
    FlagsFailed: _in_region,
    ReleaseHeld: lambda b: f"held. {b.reason}",
    ReleaseResumed: lambda b: f"goes on. {b.reason}",
    RollbackOrdered: _ordered,
    VersionMarked: lambda b: f"version {b.digest[7:19]} marked {b.grade}",
    RecoveryRequested: lambda b: (
        f"{_version(b)} is to be taken back, once nothing else is under way. {b.reason}"
    ),
    DebtCleared: _in_region,
    ReleaseSettled: lambda b: f"settled. {b.reason}",
    IncidentDetected: lambda b: f"incident in {b.environment or 'all regions'}: {b.description}",
}
"""Event type -> what it says to a person. Progress and other fine steps are left to the tree."""
