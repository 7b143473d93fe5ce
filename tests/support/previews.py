"""Plans and histories of `payments`, event by event, for what foresees the next release."""

from datetime import UTC, datetime
from typing import Any

from lockgate.cli.preview.foreseen import Preview, preview
from lockgate.cli.preview.history import History
from lockgate.cli.preview.telling import lines
from lockgate.messages.message import Message, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.releases import (
    AllPaused,
    AllResumed,
    RegionAccepted,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseQueued,
    ReleaseStarted,
)
from lockgate.messages.topics import TOPICS
from lockgate.messages.values import Artifact, Fence, Place
from lockgate.messages.verdicts import (
    Action,
    Granted,
    StagePassed,
    StageWaiting,
    WaitingFor,
    WatchStarted,
)

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)  # a Tuesday
APP = "payments"
PREPROD = {"name": "preprod", "kind": "preprod", "regions": ["eu-preprod"], "requests": [{"get": "/healthz"}]}
PILOT = {
    "name": "pilot",
    "kind": "pilot",
    "regions": ["eu-west"],
    "share": "10%",
    "after": {"verify": "60m", "soak": "30m"},
}
WAVE = {"name": "all", "kind": "wave", "regions": ["eu-west", "us-east"], "after": {"bake": "10m"}}
WATCH = {"name": "watch", "kind": "watch", "for": "2h"}
ORDINARY = (PREPROD, PILOT, WAVE, WATCH)


def plan(*stages: dict[str, Any], **changes: Any) -> Plan:
    return Plan.model_validate(
        {
            "application": APP,
            "artifact": "pkg:oci/payments",
            "workload": {"deployment": APP, "container": "app", "service": APP},
            "stages": [*stages],
            **changes,
        }
    )


def artifact(n: int) -> Artifact:
    return Artifact(
        purl=f"pkg:oci/payments@sha256%3A{n:064x}?tag=v{n}", digest=f"sha256:{n:064x}", tag=f"v{n}"
    )


def about(n: int) -> dict[str, Any]:
    return {"application": APP, "release": f"r{n}", "artifact": artifact(n)}


def queued(n: int) -> Payload:
    return ReleaseQueued(**about(n), position=1, reason=f"v{n} waits")


def started(n: int, given: Plan | None = None) -> Payload:
    return ReleaseStarted(**about(n), number=1, plan_version=1, plan=given or plan(*ORDINARY), places={})


def entered(n: int) -> Payload:
    return ReleaseEntered(**about(n), number=2)


def granted(n: int, stage: str) -> Payload:
    where = {"region": "eu-west", "deployer": "one", "namespace": "prod", "cluster": "c1"}
    fence, workload = Fence(number=1, turn=0, grant=1), plan(*ORDINARY).workload
    return Granted(
        **about(n), **where, stage=stage, action=Action.DEPLOY, fence=fence, workload=workload, attempt=1,
        valid_for=60, deadline=60,
    )  # fmt: skip


def waits(n: int, stage: str, what: WaitingFor, reason: str = "it waits") -> Payload:
    return StageWaiting(application=APP, release=f"r{n}", stage=stage, waiting_for=what, reason=reason)


def watched(n: int) -> Payload:
    return WatchStarted(application=APP, release=f"r{n}", stage="watch", duration=7200, until="later")


def passed(n: int, stage: str) -> Payload:
    return StagePassed(application=APP, release=f"r{n}", stage=stage, kind="wave", reason="as it must be")


def completed(n: int) -> Payload:
    return ReleaseCompleted(**about(n))


def accepted(region: str) -> Payload:
    return RegionAccepted(place=Place(region=region, deployer="one", cluster="c1", namespace="prod"))


SERVED = tuple(("08:00:00", accepted(region)) for region in ("eu-preprod", "eu-west", "us-east"))


def told(*said: tuple[str, Payload], key: str = APP) -> History:
    """What is known after events that were said at these times of the day."""
    history = History(APP)
    for number, (at, body) in enumerate((*SERVED, *said), 1):
        writer = TOPICS[body.topic].writer
        whose = "*" if isinstance(body, RegionAccepted | AllPaused | AllResumed) else key
        id_ = event_id(writer, whose, number)
        history.see(Message(body, id_, f"/{writer}", whose, f"2026-11-24T{at}.000Z", writer, number))
    return history


def at_noon(*bodies: Payload) -> History:
    return told(*(("12:00:00", body) for body in bodies))


def one_release(n: int, *times: str) -> list[tuple[str, Payload]]:
    """A release through every stage: when each begins and passes."""
    return list(
        zip(
            times,
            [
                started(n),
                granted(n, "preprod"), passed(n, "preprod"), entered(n),
                granted(n, "pilot"), passed(n, "pilot"),
                granted(n, "all"), passed(n, "all"),
                watched(n), passed(n, "watch"), completed(n),
            ],
            strict=True,
        )
    )  # fmt: skip


FIRST = (
    "08:00:00", "08:00:10", "08:01:10", "08:01:20",
    "08:01:30", "08:33:30",
    "08:33:31", "08:50:31",
    "08:50:31", "10:50:31", "10:50:32",
)  # fmt: skip
SECOND = (
    "11:00:00", "11:00:10", "11:02:10", "11:02:20",
    "11:02:30", "11:44:30",
    "11:44:31", "11:57:31",
    "11:57:31", "13:57:31", "13:57:32",
)  # fmt: skip


def said_of(
    given: Plan, history: History | None = None, meant: str | None = None, now: datetime = NOW
) -> list[str]:
    return lines(foreseen(given, history, meant, now))


def foreseen(
    given: Plan, history: History | None = None, meant: str | None = None, now: datetime = NOW
) -> Preview:
    return preview(given, history, meant, now)
