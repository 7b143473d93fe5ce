"""The slow work as coroutines in virtual time: they look, wait, and write, as the deployer's engine does.

Each is a generator that yields seconds to wait or a report of progress, and returns its last report. Between what
it read and what it writes there is always a wait, in which anything may happen: it may be killed, or outlive its killing
by one more write. Talks to the clusters; what it says goes to its node. An action that is new is one line of `_STEPS`.
"""

from collections.abc import Callable, Generator
from typing import Any

from lockgate.deployer.bodies import FlagsBody, OrderBody, RegisterBody, StepBody
from lockgate.deployer.reports import Deployed, Failed, Registered, RolledBack, Switched, Untouched
from lockgate.deployer.reports import Report as Answer
from lockgate.intake.checks import Check
from lockgate.messages.verdicts import Action
from lockgate.runtime.batch import WorkRow
from lockgate.verifier.core.checks import Ask
from lockgate.verifier.core.measure import Measure
from tests.simulation.asking import answers
from tests.simulation.beside import canary, green, pilot
from tests.simulation.cluster import Runs
from tests.simulation.demands import checked
from tests.simulation.scenario import FLAG
from tests.simulation.surroundings import RaisedError, Surroundings, Work, Yielded
from tests.simulation.target import Flags, Order, Step, asked, late, said


def work(around: Surroundings, row: WorkRow) -> Work:
    if (begun := _BEGUN.get(row.kind)) is not None:
        return begun(around, row.body)
    return _STEPS[Action(row.kind)](Step(around, StepBody.read(row.body)))


def _register(around: Surroundings, body: RegisterBody) -> Work:
    yield around.pause()
    cluster = around.clusters[body.region]
    if not cluster.reachable:
        raise RaisedError
    return said(Registered(cluster=cluster.identity, live=cluster.live()))


def _deploy(step: Step) -> Work:
    while not step.toolate():
        runs = yield from step.look()
        if runs is None:
            break
        if (newer := step.fenced(runs)) is not None:
            return said(newer)
        yield from step.begin(runs)
        if runs.fence != step.fence:
            yield from step.claim(runs, digest=step.digest)
        elif runs.digest != step.digest:
            return said(Failed(reason=f"Somebody set the image in {step.region}."))
        elif step.around.clock() < runs.ready_at:
            if (stuck := (yield from step.rolled_out(runs))) is not None:
                return said(stuck)
        elif runs.share is not None:
            yield from step.write(runs, share=None)
        else:
            step.cluster.sweep(step.application, step.fence)
            return said(Deployed())
    return late(step)


def _probe(step: Step) -> Work:
    yield step.around.pause()
    if not step.cluster.reachable:
        if step.toolate():
            return late(step)
        raise RaisedError
    runs = step.cluster.look(step.application)
    if (newer := step.fenced(runs)) is not None:
        return said(newer)
    if runs.digest != step.digest:
        return said(Failed(reason=f"{step.region} runs something else, so its requests would prove nothing."))
    return said(asked(step))


_BEGUN: dict[str, Callable[[Surroundings, dict[str, Any]], Work]] = {
    "register": lambda around, body: _register(around, RegisterBody.read(body)),
    "rollback": lambda around, body: _rollback(around, OrderBody.read(body)),
    "flags": lambda around, body: _flags(Flags(around, FlagsBody.read(body))),
    "check": lambda around, body: checked(around, Check.model_validate(body)),
    "ask": lambda around, body: answers(around, Ask.model_validate(body)),
    "measure": lambda around, body: around.measure(around, Measure.model_validate(body)),
}
"""How each work that is no step in a region is done."""

_STEPS: dict[Action, Callable[[Step], Work]] = {
    Action.DEPLOY: _deploy,
    Action.PROBE: _probe,
    Action.PILOT: pilot,
    Action.CANARY: canary,
    Action.GREEN: green,
    Action.SWITCH: canary,
}
"""How each action is done in a region."""

# --- the way back -----------------------------------------------------------------------------------------------


def _flags(flags: Flags) -> Work:
    if (newer := (yield from flags.switched(on=False))) is not None:
        return said(newer)
    return said(Switched(flags=(FLAG,), reason="It is off.")) if flags.done else late(flags)


def _rollback(around: Surroundings, body: OrderBody) -> Work:
    """First the version, then the flags."""
    answer = yield from _back(Order(around, body))
    if not body.order.restore or answer["outcome"] not in {"rolled-back", "untouched"}:
        return answer
    flags = Flags(around, body)
    if (newer := (yield from flags.switched(on=True))) is not None:
        return said(newer)
    return answer if flags.done else late(flags)


def _back(order: Order) -> Work:
    while not order.toolate():
        runs = yield from order.look()
        if runs is None:
            break
        if (newer := order.fenced(runs)) is not None:
            return said(newer)
        if runs.fence != order.fence:
            yield from order.write(runs)
            continue
        numbers = {fence.number for fence, _ in runs.clones}
        if not (order.touched or runs.release == order.release or order.fence.number in numbers):
            return said(Untouched(reason=f"Nothing had been written in {order.region}."))
        if (answer := (yield from _taken_back(order, runs))) is not None:
            return said(answer)
    return late(order)


def _taken_back(order: Order, runs: Runs) -> Generator[Yielded, None, Answer | None]:
    digest = order.order.digest
    # What is to stay is served by its clone until production runs it too.
    stays = digest is not None and digest == order.order.bad
    whole = runs.digest == digest and order.around.clock() >= runs.ready_at
    if runs.share is not None and (whole or not stays):
        yield from order.write(runs, share=None)
    elif digest is not None and runs.digest != digest:
        yield from order.claim(runs, digest=digest)
    elif digest is not None and order.around.clock() < runs.ready_at:
        return (yield from order.rolled_out(runs))
    else:
        order.cluster.sweep(order.application, order.fence)
        if digest is None and runs.digest is not None and runs.digest == order.order.bad:
            return Failed(reason="No earlier version is known, and it runs the bad one.")
        found = runs.found if runs.release == order.release else runs.digest
        back = digest or found
        return RolledBack(digest=back) if back is not None else Untouched(reason="Never changed.")
    return None
