"""Who is on call, in seeds where releases are held: a hold ends only because somebody says what follows.

In some seeds a plan says `then: hold`, or artifacts are marked `rollback=unsafe`; in some, waves are held by a region that
failed. Drawn apart, so that other seeds are as without.
"""

from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

from lockgate.messages.operations import Abort, Fix, Reject, Retry, Rollback
from lockgate.messages.payload import Payload
from lockgate.messages.releases import OperationAnswered
from lockgate.messages.rollbacks import ReleaseHeld
from lockgate.messages.verdicts import StageWaiting, WaitingFor
from tests.simulation.fixes import fresh
from tests.simulation.operators import Asked
from tests.simulation.scenario import Announcement, Scenario

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE: Final = 1 / 6
"""Of the seeds, in which something is held."""
WAVES_SHARE: Final = 1 / 4
"""Of the seeds, in which waves are held by a region that failed."""
MOST_PATIENT: Final = 5000.0
"""Seconds until who was refused asks again: each pause is over by then."""


def held(seed: int, scenario: Scenario) -> Scenario:
    """The scenario, with something in it that is not taken back by itself."""
    if _holds_waves(seed):
        scenario = replace(scenario, plans=tuple((at, _holding_waves(plan)) for at, plan in scenario.plans))
    random = Random(f"held {seed}")
    if random.random() >= SHARE:
        return scenario
    if random.random() < 0.3:
        return replace(scenario, plans=tuple((at, _holding(plan)) for at, plan in scenario.plans))
    said = tuple(_unsafe(each) if random.random() < 0.4 else each for each in scenario.announcements)
    return replace(scenario, announcements=said)


def _holds_waves(seed: int) -> bool:
    return Random(f"held waves {seed}").random() < WAVES_SHARE


def _holding(plan: dict[str, Any]) -> dict[str, Any]:
    return {**plan, "remediation": {**plan["remediation"], "then": "hold"}}


def _holding_waves(plan: dict[str, Any]) -> dict[str, Any]:
    return {**plan, "stages": [_holding_wave(stage) for stage in plan["stages"]]}


def _holding_wave(stage: dict[str, Any]) -> dict[str, Any]:
    strategy = stage.get("strategy")
    compared = isinstance(strategy, dict) and "verify" in strategy
    return {**stage, "on-region-failure": "hold"} if stage["kind"] == "wave" and not compared else stage


def _unsafe(said: Announcement) -> Announcement:
    return replace(said, purl=f"{said.purl}&rollback=unsafe")


class OnCall:
    def __init__(self, world: "World", seed: int) -> None:
        self.world = world
        self.random = Random(f"on call {seed}")
        self.waves = Random(f"on call for waves {seed}") if _holds_waves(seed) else None
        self.asked: dict[str, str] = {}
        """The operation -> the release that it is to end."""

    def published(self, body: Payload) -> None:
        match body:
            case ReleaseHeld(application=application, release=release):
                kind = self.random.choices((Fix, Abort, Rollback), (6, 1, 1))[0]
                artifact = ""
                if kind is Fix:
                    artifact = fresh(self.random, self.world.scenario, application, release[:8])
                asked = Asked(0.0, kind, application, artifact=artifact)
                self._later(self.random.uniform(30, 3000), asked, release)
            case StageWaiting(waiting_for=WaitingFor.HELD) if self.waves is not None:
                says = self.waves.choices((Retry, Reject, Abort), (6, 1, 1))[0]
                self._later(self.waves.uniform(30, 3000), Asked(0.0, says, body.application), body.release)
            case OperationAnswered(event=event, code=code) if code is not None and event in self.asked:
                release = self.asked[event]
                if self.world.checks.releases.is_open(release):
                    again = Asked(0.0, Abort, body.application)
                    self._later(MOST_PATIENT, again, release)
            case _:
                pass

    def _later(self, seconds: float, asked: Asked, release: str) -> None:
        self.world.at(self.world.now + seconds, partial(self._ask, asked, release))

    def _ask(self, asked: Asked, release: str) -> None:
        if self.world.checks.releases.is_open(release):
            self.asked[self.world.ask(asked)] = release
