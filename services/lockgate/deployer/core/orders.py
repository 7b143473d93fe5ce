"""Halts raise floors and write nothing; orders take a region back and are always answered."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lockgate.deployer.bodies import OrderBody
from lockgate.deployer.core.commanded import about, refusal, refused
from lockgate.deployer.core.floors import Served, begun, raised, slot, state_of
from lockgate.deployer.core.rows import RegionState, higher
from lockgate.deployer.core.steps import answer_by, given_at
from lockgate.deployer.reports import (
    Failed,
    Fenced,
    Progressed,
    RolledBack,
    Started,
    Untouched,
    order_report,
)
from lockgate.messages.decision import NOTHING, Rows, StartWork, Step, WorkReported, emit, put
from lockgate.messages.deployments import RefusalCode, RegionRolledBack, RegionUntouched, RollbackFailed
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import ReleaseHalted, RollbackOrdered
from lockgate.messages.values import Fence


def halted(served: Served) -> Callable[[Rows, Message[ReleaseHalted], datetime], Step]:
    def decide(rows: Rows, given: Message[ReleaseHalted], now: datetime) -> Step:
        del now
        halt = given.body
        fence, step = Fence(number=halt.number, turn=halt.turn, grant=0), NOTHING
        for region in dict.fromkeys(halt.regions):
            if region in served.namespaces:
                step += raised(rows, region, fence)
        return step

    return decide


def ordered(served: Served) -> Callable[[Rows, Message[RollbackOrdered], datetime], Step]:
    def decide(rows: Rows, given: Message[RollbackOrdered], now: datetime) -> Step:
        order = given.body
        if (no := refusal(rows, order, served)) is not None:
            return emit(no)
        until = answer_by(given_at(given, now), order.deadline)
        touched = order.regardless or state_of(rows, order.region).touched == order.fence.number
        body = OrderBody(order=order, until=until, touched=touched).json_body()
        return begun(rows, order.region, order.fence, StartWork(slot(order.region), "rollback", body))

    return decide


def order_reported(served: Served) -> Callable[[Rows, WorkReported, datetime], Step]:
    def decide(rows: Rows, given: WorkReported, now: datetime) -> Step:
        del now
        order = OrderBody.read(given.body).order
        state = state_of(rows, order.region)
        if state.running is None or state.running.fence != order.fence:
            return NOTHING  # replaced meanwhile
        return _answered(served, order, state, given.report)

    return decide


def _answered(served: Served, order: RollbackOrdered, state: RegionState, report: dict[str, Any]) -> Step:
    told = about(order, served)
    match order_report(report):
        case Started() | Progressed():
            return NOTHING  # an order is answered once, at its end
        case RolledBack(digest=digest, flags_left=left):
            return _over(state, order, RegionRolledBack(**told, digest=digest, flags_left=left))
        case Untouched(reason=reason, flags_left=left):
            return _over(state, order, RegionUntouched(**told, reason=reason, flags_left=left))
        case Failed(reason=reason):
            return _over(state, order, RollbackFailed(**told, reason=reason))
        case Fenced(live=live, reason=reason):
            seen = state.model_copy(update={"floor": higher(live, state.floor)})
            return _over(seen, order, refused(order, served, RefusalCode.FENCED, reason))


def _over(state: RegionState, order: RollbackOrdered, answer: Payload) -> Step:
    return put(state.model_copy(update={"running": None}), order.region) + emit(answer)
