"""What a deployer does to the world, a function for each kind of work. Each may be ended and run again at any time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lockgate.deployer.bodies import FlagsBody, OrderBody, RegisterBody, StepBody
from lockgate.deployer.cluster import Cluster, ClusterError, Trouble, open_clusters
from lockgate.deployer.engine import Engine, Strategy, Undo
from lockgate.deployer.flags.objects import Change, off, restored
from lockgate.deployer.flags.ofrep import Ofrep
from lockgate.deployer.flags.switching import Switching
from lockgate.deployer.look import running
from lockgate.deployer.probes import Asking, Times, preview, probe
from lockgate.deployer.reports import Failed, Fenced, Prepared, Registered, RolledBack, Switched, Untouched
from lockgate.deployer.reports import Report as Answer
from lockgate.deployer.settings import DeployerSettings, Pace
from lockgate.deployer.strategies.beside import no_share
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.flags import Flag
from lockgate.messages.rollbacks import FlagsOrdered, RollbackOrdered
from lockgate.messages.verdicts import Action, Granted

Report = Callable[[dict[str, Any]], Awaitable[None]]
WorkFunction = Callable[[dict[str, Any], Report], Awaitable[dict[str, Any]]]

_STRATEGIES: dict[Action, Strategy] = {
    Action.DEPLOY: rolling,
    Action.PILOT: pilot,
    Action.CANARY: canary,
    Action.GREEN: green,
    Action.SWITCH: switch,
}
_UNDOING: dict[Action, Undo] = dict.fromkeys(
    (Action.PILOT, Action.CANARY, Action.GREEN, Action.SWITCH), no_share
)


@asynccontextmanager
async def open_work(settings: DeployerSettings) -> AsyncIterator[Mapping[str, WorkFunction]]:
    """Kind of work -> what does it, with a client for each region that stays open until the end."""
    async with AsyncExitStack() as stack:
        clusters = await stack.enter_async_context(open_clusters(settings.regions, settings.pace.request))
        work = Work(clusters, settings.pace)
        yield {
            "register": work.register,
            **{action.value: work.step for action in _STRATEGIES},
            Action.GREEN.value: work.green,
            Action.PROBE.value: work.probe,
            "flags": work.flags,
            "rollback": work.rollback,
        }


@dataclass(frozen=True, slots=True)
class Work:
    clusters: Mapping[str, Cluster]
    pace: Pace

    async def register(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """The region's identity and what runs there. Raises while the cluster cannot be read."""
        del report
        cluster = self.clusters[RegisterBody.read(body).region]
        return Registered(cluster=await cluster.identity(), live=await running(cluster)).json_body()

    async def step(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """A granted deployment, pilot or step of a strategy."""
        return (await self._step(StepBody.read(body), report)).json_body()

    async def green(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """A granted green side, and the plan's requests to it before it has any traffic."""
        given = StepBody.read(body)
        answer = await self._step(given, report)
        if isinstance(answer, Prepared):
            answer = await self._asked(given, preview)
        return answer.json_body()

    async def _step(self, given: StepBody, report: Report) -> Answer:
        target, action = target_of(given.grant), given.grant.action
        engine = self._engine(_STRATEGIES[action], target, given.until, report)
        engine.undo, engine.estimates = _UNDOING.get(action), action is Action.DEPLOY
        return await engine.run()

    async def rollback(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """The way back that was ordered."""
        given = OrderBody.read(body)
        order = given.order
        target = Target(
            application=order.application,
            release=order.release,
            region=order.region,
            workload=order.workload,
            fence=order.fence,
            digest=order.digest,
            bad=order.bad,
            touched=given.touched,
        )
        answer: Answer = await self._engine(rollback, target, given.until, report).run()
        if order.restore and isinstance(answer, RolledBack | Untouched):
            undone = await self._switched(order, order.restore, restored, given.until)
            answer = answer if isinstance(undone, Switched) else undone
        return answer.json_body()

    async def flags(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """The flags that were ordered off; and, where the region's settings name a flagd, that it says so."""
        del report
        given = FlagsBody.read(body)
        url = self.clusters[given.order.region].settings.flagd
        ofrep = Ofrep(url, self.pace.request) if url is not None else None
        return (await self._switched(given.order, given.order.flags, off, given.until, ofrep)).json_body()

    async def _switched(
        self,
        order: FlagsOrdered | RollbackOrdered,
        flags: tuple[Flag, ...],
        change: Callable[[Flag, int], Change],
        until: datetime,
        ofrep: Ofrep | None = None,
    ) -> Switched | Failed | Fenced:
        switching = Switching(
            self.clusters[order.region], order.application, order.fence, until, _now, self.pace.poll
        )
        return await switching.switched(flags, change, ofrep)

    async def probe(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """The plan's requests. Raises while the cluster cannot be looked at and there is time."""
        del report
        return (await self._asked(StepBody.read(body), probe)).json_body()

    async def _asked(self, given: StepBody, ask: Asking) -> Answer:
        cluster, target = self.clusters[given.grant.region], target_of(given.grant)
        try:
            return await ask(cluster, target, given.grant.requests, Times(given.until, _now, self.pace.poll))
        except ClusterError as error:
            if error.trouble is Trouble.UNAVAILABLE and _now() < given.until:
                raise
            return Failed(reason=str(error))

    def _engine(self, strategy: Strategy, target: Target, until: datetime, report: Report) -> Engine:
        async def tell(answer: Answer) -> None:
            await report(answer.json_body())

        return Engine(self.clusters[target.region].apart(), strategy, target, until, self.pace, tell, _now)


def target_of(grant: Granted) -> Target:
    return Target(
        application=grant.application,
        release=grant.release,
        region=grant.region,
        workload=grant.workload,
        fence=grant.fence,
        digest=grant.artifact.digest,
        share=grant.share or 0.0,
    )


def _now() -> datetime:
    return datetime.now(UTC)
