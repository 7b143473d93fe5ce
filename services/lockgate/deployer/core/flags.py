"""Flags that were ordered off: begun like an order to go back, under its fence, and always answered."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lockgate.deployer.bodies import FlagsBody
from lockgate.deployer.core.floors import Served, begun, below, not_served, slot, state_of
from lockgate.deployer.core.rows import higher
from lockgate.deployer.core.steps import answer_by, given_at
from lockgate.deployer.reports import Failed, Fenced, Switched, flags_report
from lockgate.messages.decision import NOTHING, Rows, StartWork, Step, WorkReported, emit, put
from lockgate.messages.deployments import FlagsFailed, FlagsSwitched, OrderRefused, RefusalCode
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import FlagsOrdered


def ordered(served: Served) -> Callable[[Rows, Message[FlagsOrdered], datetime], Step]:
    def decide(rows: Rows, given: Message[FlagsOrdered], now: datetime) -> Step:
        order = given.body
        about = _about(order, served)
        if (why := not_served(rows, served, order)) is not None:
            return emit(OrderRefused(**about, code=RefusalCode.NOT_SERVED, reason=why))
        if (why := below(state_of(rows, order.region), order.fence)) is not None:
            return emit(OrderRefused(**about, code=RefusalCode.FENCED, reason=why))
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
    about = _about(order, served)
    match flags_report(report):
        case Switched(flags=flags, were_on=were_on, reason=reason):
            return FlagsSwitched(**about, flags=flags, were_on=were_on, reason=reason)
        case Failed(reason=reason):
            return FlagsFailed(**about, reason=reason)
        case Fenced(reason=reason):
            return OrderRefused(**about, code=RefusalCode.FENCED, reason=reason)


def _about(order: FlagsOrdered, served: Served) -> dict[str, Any]:
    return {
        "application": order.application,
        "release": order.release,
        "region": order.region,
        "deployer": served.name,
        "fence": order.fence,
    }
