"""What a verdict's stage asked for, and what it would ask for by what is tried: as parameters of the method, or why the evidence of
the one is none of the other. Pure.

Both are plans: a policy is laid over the plan that the release had. So the rest is told by the verifier's own tables.
"""

from dataclasses import dataclass
from typing import Any

from lockgate.cli.backtest.policyfile import Policy, Tried
from lockgate.intake.measurable import unmeasurable
from lockgate.messages.plan import PilotStage, Plan, Stage, WaveStage
from lockgate.messages.strategies import Canary
from lockgate.messages.values import write_duration
from lockgate.verifier.core.measure import Schedule, policy_of
from lockgate.verifier.core.orders import region_part
from lockgate.verifier.core.rows import Phase
from lockgate.verifier.core.terms import Terms
from lockgate.verifier.statistics import regions
from lockgate.verifier.statistics.otherwise import Untold


@dataclass(frozen=True, slots=True)
class Asked:
    """Of a stage that is measured."""

    plan: Plan
    stage: Stage
    terms: Terms

    @property
    def step(self) -> float:
        """Seconds from scrape to scrape."""
        return Schedule.of(self.terms, self.plan.metrics.interval).step

    @property
    def policy(self) -> dict[str, Any]:
        return policy_of(self.terms, self.plan.metrics, region_part(self.plan, self.terms))

    @property
    def shares(self) -> tuple[float, ...]:
        """Of the traffic that the release gets while it is compared."""
        match self.stage:
            case PilotStage(share=share):
                return (share,)
            case WaveStage(strategy=Canary(canary=shares)) if self.terms.steps:
                return tuple(shares)
            case _:
                return ()


def asked(plan: Plan, name: str, method: str) -> Asked | None:
    """Of the stage of this name, by the method that its evidence was made by; None if nothing of it is measured so."""
    for stage in plan.stages:
        if stage.name == name:
            phase = Phase.EVIDENCE if method == regions.METHOD else Phase.REGIONS
            terms = Terms.of(plan, stage, phase)
            return None if terms is None else Asked(plan, stage, terms)
    return None


def under(tried: Tried, plan: Plan) -> Plan | Untold:
    """The plan that the release would have had."""
    if isinstance(tried, Plan):
        return tried
    laid = Plan.model_validate(_laid_over(plan, tried))
    known = {*unmeasurable(plan)}  # of a plan from before a rule was
    refused = next(
        (sentence for where, sentence in unmeasurable(laid) if (where, sentence) not in known), None
    )
    return laid if refused is None else Untold(f"by it the plan of its release would be refused: {refused}")


def changes(then: Asked, now: Asked | None) -> dict[str, Any] | Untold:
    """The parameters that would be otherwise."""
    if now is None or (now.stage.kind, now.terms.subject) != (then.stage.kind, then.terms.subject):
        return Untold(f"the plan that is tried measures no {then.terms.subject} in a stage {then.stage.name}")
    if (why := _apart(then, now)) is not None:
        return Untold(why)
    before, after = then.policy, now.policy
    return {name: value for name, value in after.items() if value != before[name]}


def _apart(then: Asked, now: Asked) -> str | None:
    """Why other samples would have been taken than those that were."""
    left_out = {"outage": 0.0}  # it makes no sample, and no verdict that is one
    if then.plan.metrics.model_copy(update=left_out) != now.plan.metrics.model_copy(update=left_out):
        return "its plan has other metrics"
    if then.step != now.step:
        apart, is_ = write_duration(now.step), write_duration(then.step)
        return f"its scrapes would be {apart} apart, and those of the evidence are {is_} apart"
    if then.shares != now.shares:
        return "its plan gives the release another share of the traffic"
    if (then.terms.regions, then.terms.control) != (
        now.terms.regions,
        now.terms.control,
    ) and then.terms.control:
        return "its plan compares other regions"
    return None


def _laid_over(plan: Plan, policy: Policy) -> dict[str, Any]:
    found, written = plan.model_dump(mode="json", by_alias=True), policy.written
    found |= {name: value for name, value in written.items() if name == "false-alarms"}
    for stage in found["stages"]:
        if stage["kind"] == "preprod":
            stage.update(written.get("preprod", {}))
        for place, part in (("after", stage["kind"]), ("strategy", "canary"), ("verify", "watch")):
            if _is_compared(stage, place) and part in written:
                stage[place] = _merged(stage[place], written[part])
    return found


def _is_compared(stage: dict[str, Any], place: str) -> bool:
    """Whether that part of it asks for a comparison."""
    part = stage.get(place)
    return isinstance(part, dict) and (place == "verify" or part.get("verify", 0) > 0)


def _merged(part: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    return part | {
        name: part.get(name, {}) | value if isinstance(value, dict) else value
        for name, value in written.items()
    }
