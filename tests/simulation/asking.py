"""Checks beside the metrics: plans that ask for them, what answers, and what must hold of what was answered.

In some seeds. Drawn apart, so that other seeds are as without. What has no metrics has no answers of a check either.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseStarted
from lockgate.messages.rollbacks import ReleaseResumed
from lockgate.messages.verdicts import Outcome, StagePassed, VerdictReached
from lockgate.verifier.core.checks import Answered, Answers, Ask, Silent, Try, judged
from tests.simulation.artifacts import Kind
from tests.simulation.broken import that
from tests.simulation.scenario import Scenario
from tests.simulation.surroundings import Surroundings, Work

if TYPE_CHECKING:
    from tests.simulation.world import World

EVERY: Final = 5
"""The last of so many seeds has stages with checks, unless its plans demand provenance: those are few, and stay as they are."""
_WRONG: Final = 500


def asked(seed: int, scenario: Scenario) -> Scenario:
    """The scenario, in which most stages have a check, and some versions that are good else answer it wrongly."""
    if seed % EVERY != EVERY - 1 or any("provenance" in plan for _, plan in scenario.plans):
        return scenario
    random = Random(f"check {seed}")
    good = [digest for digest, kind in scenario.kinds.items() if kind is Kind.GOOD]
    kinds = scenario.kinds | {digest: Kind.BAD_CHECK for digest in good if random.random() < 0.5}
    plans = tuple((at, _checked(random, plan)) for at, plan in scenario.plans)
    return replace(scenario, kinds=kinds, plans=plans)


def _checked(random: Random, plan: dict[str, Any]) -> dict[str, Any]:
    stages = [
        {**stage, "check": _check(random)} if random.random() < 0.7 else stage for stage in plan["stages"]
    ]
    return {**plan, "stages": stages}


def _check(random: Random) -> dict[str, Any]:
    return {
        "http": "smoke",
        "times": random.choice((1, 3, 20)),
        "interval": random.choice(("5s", "30s")),
        "failures": random.choice((0, 1)),
        "outage": random.choice(("1m", "10m")),
    }


def answers(around: Surroundings, order: Ask) -> Work:
    """From nothing whenever it is run, as the real work does."""
    check, right = order.check, around.kind_of(order.digest) is not Kind.BAD_CHECK
    so_far, heard, silent = Answers(), around.clock(), False
    while True:
        yield around.pause()
        status = None if not around.metrics() else check.expect.status if right else _WRONG
        so_far = so_far.then(check, Try(status=status, seconds=0.01))
        if judged(check, so_far) is not None:
            return Answered(answers=so_far).model_dump(mode="json")
        if status is not None:
            heard = around.clock()
            if silent:
                silent = False
                yield Answered(answers=so_far).model_dump(mode="json")
        elif not silent and around.clock() - heard > check.outage:
            silent = True
            yield Silent(answers=so_far, reason="nobody is there").model_dump(mode="json")
        yield check.interval


@dataclass
class Asked:
    world: "World"
    started: dict[str, ReleaseStarted] = field(default_factory=dict)
    passed: set[tuple[str, str]] = field(default_factory=set)
    """Release and stage whose check was answered as the plan expects, since it was let go on last."""

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            ReleaseStarted: lambda body: self.started.update({body.release: body}),
            ReleaseResumed: self._resumed,
            VerdictReached: self._judged,
            StagePassed: self._stage_passed,
        }

    def _resumed(self, body: ReleaseResumed) -> None:
        self.passed = {each for each in self.passed if each[0] != body.release}

    def _judged(self, body: VerdictReached) -> None:
        """A check fails only what answers wrongly, and passes only what does not."""
        if "check" not in body.evidence:
            return
        self.world.checks.counts[f"check {body.outcome}"] += 1
        wrong = self.world.scenario.kind_of(self.started[body.release].artifact.digest) is Kind.BAD_CHECK
        match body.outcome:
            case Outcome.FAIL:
                that(wrong, f"{body.release} fails by its check, which it answers as it should")
            case Outcome.PASS:
                that(not wrong, f"{body.release} passes its check, which it answers wrongly")
                self.passed.add((body.release, body.stage))
            case _:
                pass

    def _stage_passed(self, body: StagePassed) -> None:
        """No stage passes before its check is answered, unless an operator answered for it."""
        stages = self.started[body.release].plan.stages
        stage = next(stage for stage in stages if stage.name == body.stage)
        since = self.world.checks.releases.held.get((body.release, body.stage))
        by_word = since is not None and self.world.checks.operators.approved(body.application, since)
        if stage.check is not None and not by_word:
            answered = (body.release, body.stage) in self.passed
            that(answered, f"{body.release} passes {body.stage}, whose check was not answered")
