"""Verdicts on the dummy requests of pre-production, judged again by other bounds of what may fail. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from lockgate.cli.backtest.found import Fell
from lockgate.messages.plan import Plan, PreprodStage
from lockgate.messages.verdicts import Outcome, VerdictReached
from lockgate.verifier.core.orders import alpha_in
from lockgate.verifier.statistics.absolute import Counted, judged
from lockgate.verifier.statistics.otherwise import Untold

_WORST: Final = (Outcome.FAIL, Outcome.UNMEASURABLE, Outcome.INCONCLUSIVE, Outcome.PASS)


@dataclass(frozen=True, slots=True)
class Asked:
    stage: PreprodStage
    alpha: float

    @property
    def sent(self) -> int:
        """Requests that are judged together, in each region."""
        return sum(request.times for request in self.stage.requests if request.times > 1)

    def followed(self, fell: Fell) -> Fell:
        undecided = fell.outcome in {Outcome.INCONCLUSIVE, Outcome.UNMEASURABLE}
        return replace(fell, follows=self.stage.on_inconclusive if undecided else None)


@dataclass(frozen=True, slots=True)
class _Heard:
    """One region's requests."""

    region: str
    counted: Counted

    @classmethod
    def of(cls, region: str, given: Mapping[str, str]) -> Self:
        return cls(
            region,
            Counted(
                requests=int(given["requests"]),
                failed=int(given["failed"]),
                limit=float(given["limit"]),
                alpha=float(given["alpha"]),
                beta=float(given["beta"]),
                must_pass_failed=int(given["mustPassFailed"]),
                min_requests=int(given["minRequests"]),
            ),
        )

    def by(self, asked: Asked) -> Self:
        return replace(self, counted=replace(self.counted, limit=asked.stage.failures, alpha=asked.alpha))

    @property
    def outcome(self) -> Outcome:
        return Outcome(judged(self.counted).verdict)


def asked(plan: Plan, name: str) -> Asked | None:
    found = next((stage for stage in plan.stages if stage.name == name), None)
    return Asked(found, alpha_in(plan)) if isinstance(found, PreprodStage) else None


def would(said: VerdictReached, fell: Fell, then: Asked, now: Asked | None) -> Fell | Untold:
    """What became of the stage. Requests that have to be answered as the plan expects are as they were."""
    if now is None:
        return Untold(f"the plan that is tried has no pre-production of the name {said.stage}")
    if (then.stage.requests, then.stage.regions) != (now.stage.requests, now.stage.regions):
        return Untold("its plan sends other requests, or in other regions")
    regions: Mapping[str, Any] = said.evidence["regions"]
    heard = [_Heard.of(name, one["judged"]) for name, one in regions.items() if "judged" in one]
    if _worst(heard).outcome is not said.outcome:
        return _but_for_them(fell, [one.by(now) for one in heard], now)
    worst = _worst([one.by(now) for one in heard])
    better = _WORST.index(worst.outcome) > _WORST.index(said.outcome)
    if better and any(one.counted.requests < then.sent for one in heard):
        return Untold(
            "not all of its requests were sent, so something else than their count would have decided"
        )
    if better and worst.outcome is Outcome.PASS and len(regions) < len(then.stage.regions):
        return Untold("what became of the other regions is not in its evidence")
    return now.followed(_of(worst))


def _but_for_them(fell: Fell, heard: list[_Heard], now: Asked) -> Fell:
    """Of a verdict that was not reached by their count: too many of them are a fail before anything else is."""
    failed = [one for one in heard if one.outcome is Outcome.FAIL]
    return _of(failed[0]) if failed else now.followed(fell)


def _worst(heard: list[_Heard]) -> _Heard:
    return min(heard, key=lambda one: _WORST.index(one.outcome))


def _of(heard: _Heard) -> Fell:
    return Fell(heard.outcome, None, "requests", f"In {heard.region} {judged(heard.counted).reason}")
