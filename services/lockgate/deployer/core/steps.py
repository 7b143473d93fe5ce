"""Grants: checked against place, floor and time, begun as work, and answered from what the work reports."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from lockgate.deployer.bodies import StepBody
from lockgate.deployer.core.floors import Served, begun, below, not_served, raised, slot, state_of
from lockgate.deployer.core.rows import RegionState, Running, higher
from lockgate.deployer.reports import (
    Deployed,
    Failed,
    Fenced,
    Piloted,
    Probed,
    Progressed,
    Started,
    step_report,
)
from lockgate.messages.decision import NOTHING, Rows, StartWork, Step, WorkReported, emit, put
from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentProgressed,
    DeploymentStarted,
    GrantRefused,
    PilotDeployed,
    RefusalCode,
    RegionDeployed,
    RegionProbed,
)
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.values import Sentence
from lockgate.messages.verdicts import Action, Granted

_MARGIN = 0.05
_LONGEST_MARGIN = 15.0


def given_at(command: Message[Any], now: datetime) -> datetime:
    """When a command was given; now, if its writer's clock is ahead: that gives nobody more time."""
    return min(datetime.fromisoformat(command.at), now)


def answer_by(at: datetime, deadline: float) -> datetime:
    """When work must have answered: a little before whoever commands stops waiting for it."""
    return at + timedelta(seconds=deadline - min(_LONGEST_MARGIN, deadline * _MARGIN))


def granted(served: Served) -> Callable[[Rows, Message[Granted], datetime], Step]:
    def decide(rows: Rows, given: Message[Granted], now: datetime) -> Step:
        grant, at = given.body, given_at(given, now)
        if (why := not_served(rows, served, grant)) is not None:
            return emit(_refused(grant, served, RefusalCode.NOT_SERVED, why))
        if (why := below(state_of(rows, grant.region), grant.fence)) is not None:
            return emit(_refused(grant, served, RefusalCode.FENCED, why))
        age = (now - at).total_seconds()
        if age > grant.valid_for:
            why = f"The grant is {age:.0f} s old, and was to be started within {grant.valid_for:.0f} s."
            refusal = _refused(grant, served, RefusalCode.EXPIRED, why)
            return raised(rows, grant.region, grant.fence) + emit(refusal)
        body = StepBody(grant=grant, until=answer_by(at, grant.deadline)).json_body()
        return begun(rows, grant.region, grant.fence, StartWork(slot(grant.region), grant.action.value, body))

    return decide


def step_reported(served: Served) -> Callable[[Rows, WorkReported, datetime], Step]:
    def decide(rows: Rows, given: WorkReported, now: datetime) -> Step:
        del now
        grant = StepBody.read(given.body).grant
        state = state_of(rows, grant.region)
        if state.running is None or state.running.fence != grant.fence:
            return NOTHING  # replaced or cancelled meanwhile
        step = _answered(served, grant, state, state.running, given.report)
        if given.final and grant.action is Action.ENVIRONMENT:
            # What was made for this step only goes, however the step ended.
            step += Step(work=(StartWork(f"remove {grant.region}", "remove", given.body),))
        return step

    return decide


def _answered(
    served: Served, grant: Granted, state: RegionState, running: Running, report: dict[str, Any]
) -> Step:
    about = _about(grant, served)
    match step_report(report):
        case Started(found=found, seconds=seconds, estimate=estimate):
            if running.started:
                return NOTHING  # the work was begun again after a restart
            begun_now = running.model_copy(update={"started": True})
            touched = {"running": begun_now, "touched": grant.fence.number}
            return put(state.model_copy(update=touched), grant.region) + emit(
                DeploymentStarted(**about, found=found, seconds=seconds, estimate=estimate)
            )
        case Progressed() as now_at:
            return _progressed(grant, state, running, now_at, about)
        case Fenced(live=live, reason=reason):
            seen = state.model_copy(update={"floor": higher(live, state.floor)})
            return _over(seen, grant, _refused(grant, served, RefusalCode.FENCED, reason))
        case Deployed() | Piloted() | Probed() | Failed() as final:
            return _over(state, grant, _answer(final, about))


def removed(_rows: Rows, _given: WorkReported, _now: datetime) -> Step:
    """An environment is gone, which nobody waited for."""
    return NOTHING


def _answer(final: Deployed | Piloted | Probed | Failed, about: dict[str, Any]) -> Payload:
    match final:
        case Deployed(requests=requests):
            return RegionDeployed(**about, requests=requests)
        case Piloted(share=share, pilot_pods=pilot, baseline_pods=baseline, start=start):
            pods = {"pilot_pods": pilot, "baseline_pods": baseline}
            return PilotDeployed(**about, **pods, share=share, start=start)
        case Probed(results=results):
            return RegionProbed(**about, results=results)
        case Failed(reason=reason):
            return DeploymentFailed(**about, reason=reason)


def _progressed(
    grant: Granted, state: RegionState, running: Running, report: Progressed, about: dict[str, Any]
) -> Step:
    progress = (report.updated, report.wanted, report.reason)
    if progress == running.progress:
        return NOTHING
    moved = state.model_copy(update={"running": running.model_copy(update={"progress": progress})})
    counts = {"updated": report.updated, "wanted": report.wanted, "reason": report.reason}
    return put(moved, grant.region) + emit(DeploymentProgressed(**about, **counts))


def _over(state: RegionState, grant: Granted, answer: Payload) -> Step:
    return put(state.model_copy(update={"running": None}), grant.region) + emit(answer)


def _about(grant: Granted, served: Served) -> dict[str, Any]:
    return {
        "application": grant.application,
        "release": grant.release,
        "region": grant.region,
        "deployer": served.name,
        "fence": grant.fence,
        "stage": grant.stage,
        "action": grant.action,
        "artifact": grant.artifact,
    }


def _refused(grant: Granted, served: Served, code: RefusalCode, reason: Sentence) -> GrantRefused:
    return GrantRefused(**_about(grant, served), code=code, reason=reason)
