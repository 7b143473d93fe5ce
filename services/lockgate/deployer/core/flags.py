"""Flags that were ordered off: begun like an order to go back, under its fence, and always answered."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lockgate.deployer.bodies import FlagsBody
from lockgate.deployer.core.commanded import about, refusal, refused
from lockgate.deployer.core.floors import Served, begun, slot, state_of
from lockgate.deployer.core.rows import higher
from lockgate.deployer.core.steps import answer_by, given_at
from lockgate.deployer.reports import Failed, Fenced, Switched, flags_report
from lockgate.messages.decision import NOTHING, Rows, StartWork, Step, WorkReported, emit, put
from lockgate.messages.deployments import FlagsFailed, FlagsSwitched, RefusalCode
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import FlagsOrdered


def ordered(served: Served) -> Callable[[Rows, Message[FlagsOrdered], datetime], Step]:
    def decide(rows: Rows, given: Message[FlagsOrdered], now: datetime) -> Step:
        order = given.body
        if (no := refusal(rows, order, served)) is not None:
            return emit(no)
        until = answer_by(given_at(given, now), order.deadline)
        body = FlagsBody(order=order, until=until).json_body()
        return begun(rows, order.region, order.fence, StartWork(slot(order.region), "flags", body))

    return decide


def reported(served: Served) -> Callable[[Rows, WorkReported, datetime], Step]:
    def decide(rows: Rows, given: WorkReported, now: datetime) -> Step:
        del now
        order = FlagsBody.read(given.body).order
        state = state_of(rows, order.region)
        if state.running is None or state.running.fence != order.fence:
            return NOTHING  # replaced meanwhile
        answer, floor = _answer(order, served, given.report), state.floor
        if isinstance(report := flags_report(given.report), Fenced):
            floor = higher(report.live, floor)
        return put(state.model_copy(update={"running": None, "floor": floor}), order.region) + emit(answer)

    return decide


def _answer(order: FlagsOrdered, served: Served, report: dict[str, Any]) -> Payload:
    match flags_report(report):
        case Switched(flags=flags, were_on=were_on, reason=reason):
            return FlagsSwitched(**about(order, served), flags=flags, were_on=were_on, reason=reason)
        case Failed(reason=reason):
            return FlagsFailed(**about(order, served), reason=reason)
        case Fenced(reason=reason):
            return refused(order, served, RefusalCode.FENCED, reason)
