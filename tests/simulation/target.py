"""What a piece of work is about: one region, seen and written under one fence, until its time is over."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from lockgate.deployer.bodies import FlagsBody, OrderBody, StepBody
from lockgate.deployer.reports import Failed, Fenced, Probed, Progressed, Started
from lockgate.deployer.reports import Report as Answer
from lockgate.messages.deployments import ProbeResult
from lockgate.messages.values import Fence
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Cluster, Runs, Switch
from tests.simulation.surroundings import Surroundings, Yielded


@dataclass
class Target:
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

    def toolate(self) -> bool:
        return self.around.clock() >= self.until

    def look(self) -> Generator[Yielded, None, Runs | None]:
        """What is live, once the cluster answers; None if it does not in time."""
        yield self.around.pause()
        while not self.cluster.reachable:
            if self.toolate():
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


class Step(Target):
    def __init__(self, around: Surroundings, body: StepBody) -> None:
        grant = body.grant
        super().__init__(
            around, grant.region, grant.application, grant.release, grant.fence, around.seconds(body.until)
        )
        self.grant = grant
        self.digest = grant.artifact.digest


class Order(Target):
    def __init__(self, around: Surroundings, body: OrderBody) -> None:
        order = body.order
        super().__init__(
            around, order.region, order.application, order.release, order.fence, around.seconds(body.until)
        )
        self.order = order
        self.touched = body.touched


class Flags(Target):
    """Flags that are switched off, or, by an order to go back, on again."""

    def __init__(self, around: Surroundings, body: FlagsBody | OrderBody) -> None:
        order = body.order
        super().__init__(
            around, order.region, order.application, order.release, order.fence, around.seconds(body.until)
        )

    def switched(self, *, on: bool) -> Generator[Yielded, None, Fenced | None]:
        """Until the flag's object carries the fence of this order."""
        while (yield from self.look()) is not None and not self.toolate():
            seen = self.cluster.flag(self.application)
            if seen.fence.order > self.fence.order:
                return Fenced(live=seen.fence, reason=f"The flags carry {seen.fence}, above {self.fence}.")
            if seen.fence == self.fence:
                return None
            yield self.around.pause()
            if self.cluster.reachable:
                self.cluster.switch(self.application, seen.fence, self._after(seen, on=on))
        return None

    def _after(self, seen: Switch, *, on: bool) -> Switch:
        """What is off already was not switched off for this release, and stays off with it."""
        mine = seen.by == self.fence.number
        if on:
            return Switch(seen.on or mine, self.fence, None if mine else seen.by)
        return Switch(False, self.fence, self.fence.number if seen.on else seen.by)

    @property
    def done(self) -> bool:
        return self.cluster.flag(self.application).fence == self.fence


def said(answer: Answer) -> dict[str, Any]:
    return answer.json_body()


def late(target: Target) -> dict[str, Any]:
    return said(Failed(reason=f"The step in {target.region} was not done in its time."))


def asked(step: Step) -> Probed:
    passed = step.around.kind_of(step.digest) is not Kind.BAD_PREPROD
    return Probed(
        results=tuple(
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
    )
