"""The slow work as coroutines in virtual time: they look, wait, and write, as the deployer's engine does.

Each is a generator that yields seconds to wait or a report of progress, and returns its last report. Between what
it read and what it writes there is always a wait, in which anything may happen: it may be killed, or outlive its killing
by one more write. Talks to the clusters; what it says goes to its node.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from lockgate.deployer.bodies import OrderBody, RegisterBody, StepBody
from lockgate.deployer.reports import (
    Deployed,
    Failed,
    Fenced,
    Piloted,
    Probed,
    Progressed,
    Registered,
    RolledBack,
    Started,
    Untouched,
)
from lockgate.deployer.reports import Report as Answer
from lockgate.messages.deployments import ProbeResult
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Action
from lockgate.runtime.batch import WorkRow
from lockgate.verifier.core.measure import Measure
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Cluster, Runs
from tests.simulation.measuring import measure
from tests.simulation.surroundings import RaisedError, Surroundings, Work, Yielded


def work(around: Surroundings, row: WorkRow) -> Work:
    match row.kind:
        case "register":
            return _register(around, RegisterBody.read(row.body))
        case "rollback":
            return _rollback(_Order(around, OrderBody.read(row.body)))
        case "measure":
            return measure(around, Measure.model_validate(row.body))
        case Action.PROBE.value:
            return _probe(_Step(around, StepBody.read(row.body)))
        case Action.PILOT.value:
            return _pilot(_Step(around, StepBody.read(row.body)))
        case _:
            return _deploy(_Step(around, StepBody.read(row.body)))


@dataclass
class _Target:
    around: Surroundings
    region: str
    application: str
    release: str
    fence: Fence
    until: float
    begun: bool = False

    @property
    def cluster(self) -> Cluster:
        return self.around.clusters[self.region]

    def too_late(self) -> bool:
        return self.around.clock() >= self.until

    def look(self) -> Generator[Yielded, None, Runs | None]:
        """What is live, once the cluster answers; None if it does not in time."""
        yield self.around.pause()
        while not self.cluster.reachable:
            if self.too_late():
                return None
            yield min(20.0, max(self.until - self.around.clock(), 0.1))
        return self.cluster.look(self.application)

    def begin(self, runs: Runs) -> Generator[Yielded, None, None]:
        if not self.begun:
            self.begun = True
            yield said(Started(found=runs.found if runs.release == self.release else runs.digest))

    def write(self, runs: Runs, /, **changes: Any) -> Generator[Yielded, None, None]:
        """One request: it may take effect long after it was sent, and then only if nobody wrote meanwhile."""
        yield self.around.pause()
        if self.cluster.reachable:
            self.cluster.write(self.application, runs.fence, self.fence, self.around.clock(), **changes)

    def claim(self, runs: Runs, /, **changes: Any) -> Generator[Yielded, None, None]:
        found = runs.found if runs.release == self.release else runs.digest
        yield from self.write(runs, release=self.release, found=found, **changes)

    def fenced(self, runs: Runs) -> Fenced | None:
        if runs.fence.order <= self.fence.order:
            return None
        return Fenced(live=runs.fence, reason=f"{self.region} carries {runs.fence}, above {self.fence}.")

    def rolled_out(self, runs: Runs) -> Generator[Yielded, None, Failed | None]:
        """Waits a while for production's roll-out; a failure if it is stuck. The caller looks again."""
        now = self.around.clock()
        if now >= runs.stuck_at:
            return Failed(reason=f"The roll-out in {self.region} made no progress.")
        yield said(Progressed(updated=1, wanted=3, reason="1 of 3 pods are ready."))
        yield max(min(runs.ready_at, runs.stuck_at, self.until) - now, 0.1)
        return None


class _Step(_Target):
    def __init__(self, around: Surroundings, body: StepBody) -> None:
        grant = body.grant
        super().__init__(
            around, grant.region, grant.application, grant.release, grant.fence, around.seconds(body.until)
        )
        self.grant = grant
        self.digest = grant.artifact.digest


class _Order(_Target):
    def __init__(self, around: Surroundings, body: OrderBody) -> None:
        order = body.order
        super().__init__(
            around, order.region, order.application, order.release, order.fence, around.seconds(body.until)
        )
        self.order = order
        self.touched = body.touched


def said(answer: Answer) -> dict[str, Any]:
    return answer.json_body()


def _late(target: _Target) -> dict[str, Any]:
    return said(Failed(reason=f"The step in {target.region} was not done in its time."))


def _register(around: Surroundings, body: RegisterBody) -> Work:
    yield around.pause()
    cluster = around.clusters[body.region]
    if not cluster.reachable:
        raise RaisedError
    return said(Registered(cluster=cluster.identity, live=cluster.live()))


def _deploy(step: _Step) -> Work:
    while not step.too_late():
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
    return _late(step)


def _pilot(step: _Step) -> Work:
    while not step.too_late():
        runs = yield from step.look()
        if runs is None:
            break
        if (newer := step.fenced(runs)) is not None:
            step.cluster.drop_clone(step.application, step.fence)
            return said(newer)
        yield from step.begin(runs)
        if runs.fence != step.fence:
            yield from step.claim(runs)
        elif (step.fence, step.digest) not in runs.clones:
            yield step.around.pause()
            step.cluster.sweep(step.application, step.fence, keep=step.fence)
            step.cluster.clone(step.application, step.fence, step.digest)
        elif step.around.kind_of(step.digest) is Kind.NEVER_READY:
            yield max(min(300.0, step.until - step.around.clock()), 0.1)
            return said(Failed(reason="The pilot's clone did not become ready."))
        elif runs.share != step.digest:
            yield from step.write(runs, share=step.digest)
        else:
            names = {"pilot_pods": f"{step.application}-pilot-", "baseline_pods": f"{step.application}-"}
            return said(Piloted(share=step.grant.share or 0.1, **names))
    runs = step.cluster.look(step.application)
    if step.begun and runs.fence == step.fence and runs.share is not None:
        yield from step.write(runs, share=None)
    return _late(step)


def _probe(step: _Step) -> Work:
    yield step.around.pause()
    if not step.cluster.reachable:
        if step.too_late():
            return _late(step)
        raise RaisedError
    runs = step.cluster.look(step.application)
    if (newer := step.fenced(runs)) is not None:
        return said(newer)
    if runs.digest != step.digest:
        return said(Failed(reason=f"{step.region} runs something else, so its requests would prove nothing."))
    passed = step.around.kind_of(step.digest) is not Kind.BAD_PREPROD
    results = tuple(
        ProbeResult(
            method=request.method,
            path=request.path,
            expected=request.expect.status,
            status=request.expect.status if passed else 500,
            seconds=0.01,
            passed=passed,
            reason="as expected" if passed else "it answered 500",
        )
        for request in step.grant.requests
    )
    return said(Probed(results=results))


def _rollback(order: _Order) -> Work:
    while not order.too_late():
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
    return _late(order)


def _taken_back(order: _Order, runs: Runs) -> Generator[Yielded, None, Answer | None]:
    digest = order.order.digest
    if runs.share is not None:
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
