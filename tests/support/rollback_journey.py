"""The journey of one application's releases as the coordinator sees it, on a desk. Short names for its events."""

from dataclasses import dataclass, field

from lockgate.messages.deployments import (
    DeploymentStarted,
    FlagsFailed,
    FlagsSwitched,
    Live,
    OrderRefused,
    PilotDeployed,
    RefusalCode,
    RegionDeployed,
    RegionRegistered,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleaseStarted,
)
from lockgate.messages.rollbacks import FlagsOrdered, RollbackOrdered
from lockgate.messages.values import Artifact, Fence, Place
from lockgate.messages.verdicts import Action, FailCause, Outcome, VerdictReached, WatchEnded, WatchOutcome
from lockgate.rollback.core import TABLE
from tests.support.desk import Desk

APP = "payments"


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def artifact(letter: str) -> Artifact:
    return Artifact(purl=f"pkg:oci/payments@sha256%3A{letter * 64}", digest=digest(letter), tag=f"v-{letter}")


def place(region: str, deployer: str | None = None) -> Place:
    return Place(
        region=region, deployer=deployer or f"deployer-{region}", cluster=f"uid-{region}", namespace="pay"
    )


FLAGS = ({"flag": "new-checkout", "wait": "90s"}, {"flag": "price-model", "off": "classic", "wait": "30s"})


def forward_only(letter: str) -> Artifact:
    usual = artifact(letter)
    return usual.model_copy(update={"purl": f"{usual.purl}?rollback=unsafe&tag=v-{letter}"})


def plan(
    to: str = "previous",
    *,
    preprod: bool = True,
    then: str = "rollback",
    flags: tuple[dict[str, str], ...] = (),
) -> Plan:
    stages = [
        {"name": "preprod", "kind": "preprod", "regions": ["pre"], "requests": [{"get": "/healthz"}]},
        {"name": "pilot", "kind": "pilot", "regions": ["west"], "share": "10%", "after": {"verify": "1m"}},
        {"name": "first", "kind": "wave", "regions": ["west"], "budget": "20m"},
        {"name": "rest", "kind": "wave", "regions": ["east"]},
        {"name": "watch", "kind": "watch", "for": "2h"},
    ]
    return Plan.model_validate(
        {
            "application": APP,
            "artifact": "pkg:oci/payments",
            "workload": {"deployment": "payments", "container": "app", "service": "payments"},
            "stages": stages if preprod else stages[1:],
            "remediation": {"then": then, "to": to, "flags": list(flags)},
        }
    )


@dataclass
class Journey:
    """`number` is the fence number that intake gives next."""

    desk: Desk = field(default_factory=lambda: Desk(TABLE))
    plan: Plan = field(default_factory=plan)
    number: int = 0
    letter: str = "?"
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    """Those that are not as usual, by their letter."""

    @property
    def release(self) -> str:
        return f"release-{self.letter}"

    def start(self, letter: str) -> list[Payload]:
        self.letter, self.number = letter, self.number + 1
        return self.desk.give(
            ReleaseStarted(
                application=APP,
                release=self.release,
                artifact=self.artifacts.get(letter) or artifact(letter),
                number=self.number,
                plan_version=1,
                plan=self.plan,
                places={region: place(region) for region in self.plan.regions},
            )
        )

    def enter(self) -> list[Payload]:
        self.number += 1
        return self.desk.give(
            ReleaseEntered(
                application=APP, release=self.release, artifact=artifact(self.letter), number=self.number
            )
        )

    def contact(self, region: str, found: str | None, action: Action = Action.DEPLOY) -> list[Payload]:
        return self.desk.give(DeploymentStarted(**self._step(region, action), found=found and digest(found)))

    def deploy(self, region: str) -> list[Payload]:
        return self.desk.give(RegionDeployed(**self._step(region, Action.DEPLOY)))

    def shares(self, region: str, share: float) -> list[Payload]:
        step = self._step(region, Action.CANARY)
        return self.desk.give(PilotDeployed(**step, share=share, pilot_pods="c", baseline_pods="p"))

    def fail(
        self, stage: str, reason: str = "errors rose from 0.1% to 8%", cause: FailCause | None = None
    ) -> list[Payload]:
        return self.verdict(Outcome.FAIL, stage, reason, cause)

    def verdict(
        self, outcome: Outcome, stage: str = "pilot", reason: str = "so", cause: FailCause | None = None
    ) -> list[Payload]:
        return self.desk.give(
            VerdictReached(
                application=APP,
                release=self.release,
                stage=stage,
                outcome=outcome,
                cause=cause,
                reason=reason,
            )
        )

    def pass_watch(self) -> list[Payload]:
        return self.desk.give(
            WatchEnded(
                application=APP,
                release=self.release,
                stage="watch",
                outcome=WatchOutcome.PASSED,
                reason="calm",
            )
        )

    def complete(self) -> list[Payload]:
        return self.desk.give(
            ReleaseCompleted(application=APP, release=self.release, artifact=artifact(self.letter))
        )

    def close(self) -> list[Payload]:
        return self.desk.give(
            ReleaseClosed(
                application=APP,
                release=self.release,
                artifact=artifact(self.letter),
                outcome=ReleaseOutcome.ROLLED_BACK,
                reason="taken back",
            )
        )

    def succeed(self, letter: str) -> None:
        """A release that goes well in every region, from its start to `completed`."""
        self.start(letter)
        for region in self.plan.preproduction:
            self.contact(region, None)
            self.deploy(region)
        self.enter()
        for region in self.plan.production:
            self.contact(region, None)
            self.deploy(region)
        self.pass_watch()
        self.complete()

    def register(self, region: str, deployer: str | None = None, cluster: str = "") -> list[Payload]:
        where = place(region, deployer)
        where = where.model_copy(update={"cluster": cluster}) if cluster else where
        return self.desk.give(
            RegionRegistered(place=where, live={APP: Live(digest=None, fence=None)}), key="*"
        )

    def _step(self, region: str, action: Action) -> dict[str, object]:
        return {
            "application": APP,
            "release": self.release,
            "region": region,
            "deployer": f"deployer-{region}",
            "fence": Fence(number=self.number, turn=0, grant=1),
            "stage": "any",
            "action": action,
            "artifact": self.artifacts.get(self.letter) or artifact(self.letter),
        }


def back(order: RollbackOrdered) -> RegionRolledBack:
    assert order.digest is not None
    return RegionRolledBack(**_answer(order), digest=order.digest)


def untouched(order: RollbackOrdered) -> RegionUntouched:
    return RegionUntouched(**_answer(order), reason="nothing was written")


def failed(order: RollbackOrdered) -> RollbackFailed:
    return RollbackFailed(**_answer(order), reason="the API answered 500")


def off(order: FlagsOrdered) -> FlagsSwitched:
    names = tuple(flag.flag for flag in order.flags)
    return FlagsSwitched(**_answer(order), flags=names, reason="they are off")


def not_off(order: FlagsOrdered) -> FlagsFailed:
    return FlagsFailed(**_answer(order), reason="there is no ConfigMap payments-flags")


def refused(order: RollbackOrdered | FlagsOrdered, code: RefusalCode = RefusalCode.FENCED) -> OrderRefused:
    return OrderRefused(**_answer(order), code=code, reason="a newer fence was seen")


def _answer(order: RollbackOrdered | FlagsOrdered) -> dict[str, object]:
    return {
        "application": order.application,
        "release": order.release,
        "region": order.region,
        "deployer": order.deployer,
        "fence": order.fence,
    }


def orders(events: list[Payload]) -> dict[str, RollbackOrdered]:
    return {event.region: event for event in events if isinstance(event, RollbackOrdered)}


def flag_orders(events: list[Payload]) -> dict[str, FlagsOrdered]:
    return {event.region: event for event in events if isinstance(event, FlagsOrdered)}
