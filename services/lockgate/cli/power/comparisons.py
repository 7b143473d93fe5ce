"""What a plan compares with production beside it: pilots, and the steps of canaries, each as the verifier would. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

from lockgate.cli.power.drawing import Shape
from lockgate.cli.power.traffic import Traffic
from lockgate.deployer.traffic import Traffic as Sent
from lockgate.deployer.traffic import traffic_of
from lockgate.messages.plan import PilotStage, Plan, PreprodStage, Stage, WatchStage, WaveStage
from lockgate.messages.plan_metrics import Metrics
from lockgate.messages.strategies import Canary
from lockgate.messages.undecided import Margins
from lockgate.verifier.core.measure import Schedule, policy_of
from lockgate.verifier.core.orders import alpha_in
from lockgate.verifier.core.terms import Terms
from lockgate.verifier.statistics.policy import parse_policy

MOST_PODS: Final = 50
"""More are simulated as so many, with as many requests: it takes as much longer, and changes next to nothing."""
MOST_TRIED: Final = 0.5
"""Of the traffic: a larger share is not proposed."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One share of one stage; in each of its regions it is the same."""

    stage: Stage
    terms: Terms
    share: float
    metrics: Metrics
    alpha: float
    sent: Sent
    """How the deployer gives a clone its share."""

    @property
    def schedule(self) -> Schedule:
        return Schedule.of(self.terms, self.metrics.interval)

    def of(self, traffic: Traffic) -> Shape:
        """How it is measured where that is the traffic."""
        pods = min(traffic.pods, MOST_PODS)
        pilots = self.sent.replicas(self.share, pods)
        policy = policy_of(self.terms, self.metrics, self.alpha)
        return Shape(
            step=self.schedule.step,
            share=self.share if self.sent.by_route else pilots / (pods + pilots),
            pods=pods,
            pilots=pilots,
            policy=parse_policy(policy, (), histogram=bool(traffic.bounds)),
        )

    def lasting(self, times: float) -> Self:
        """With as many times the time that the plan gives."""
        return replace(self, terms=replace(self.terms, length=self.terms.length * times))

    def sharing(self, times: float) -> Self | None:
        """With as many times the share; None where that is more than is proposed."""
        return None if (share := self.share * times) > MOST_TRIED else replace(self, share=share)

    def allowing(self, margins: Margins) -> Self:
        return replace(self, terms=replace(self.terms, margins=margins))


def comparisons(plan: Plan) -> tuple[Comparison, ...]:
    """In the order of the plan."""
    return tuple(
        Comparison(stage, terms, share, plan.metrics, alpha_in(plan), traffic_of(plan.workload))
        for stage in plan.stages
        for terms, share in _asked(stage)
    )


def _asked(stage: Stage) -> Iterator[tuple[Terms, float]]:
    match stage:
        case PilotStage(share=share):
            yield Terms.of_pilot(stage), share
        case WaveStage(strategy=Canary(verify=length) as canary) if length > 0:
            for share in canary.canary[: canary.compared]:
                yield Terms.of_steps(stage, canary), share
        case PreprodStage() | WaveStage() | WatchStage():
            return


def elsewhere(plan: Plan) -> tuple[str, ...]:
    """The stages that compare with something else than production beside them: other regions, or their own time before. How
    those differ by themselves decides, and no traffic tells that.
    """
    return tuple(stage.name for stage in plan.stages if _is_other(stage))


def _is_other(stage: Stage) -> bool:
    match stage:
        case WaveStage(after=after):
            return after.verify > 0
        case WatchStage(verify=asked):
            return asked is not None
        case PreprodStage() | PilotStage():
            return False
