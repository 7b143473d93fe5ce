"""What a deployer does to the world, a function for each kind of work. Each may be ended and run again at any time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lockgate.deployer.bodies import FlagsBody, OrderBody, RegisterBody, StepBody
from lockgate.deployer.cluster import Cluster, ClusterError, Trouble, open_clusters
from lockgate.deployer.engine import Engine, Strategy, Undo
from lockgate.deployer.environments.leaving import gone
from lockgate.deployer.environments.making import Making
from lockgate.deployer.environments.region import MARGIN, Trial, no_source, tried
from lockgate.deployer.flags.ofrep import Ofrep
from lockgate.deployer.flags.switching import Switching
from lockgate.deployer.look import running
from lockgate.deployer.probes import Asking, Times, preview, probe
from lockgate.deployer.reports import Failed, Fenced, Prepared, Registered, RolledBack, Untouched
from lockgate.deployer.reports import Report as Answer
from lockgate.deployer.settings import DeployerSettings, Pace
from lockgate.deployer.strategies.beside import no_share
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.deployer.strategies.surge import not_raised
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
_UNDOING: dict[Action, Undo] = {
    Action.DEPLOY: not_raised,
    **dict.fromkeys((Action.PILOT, Action.CANARY, Action.GREEN, Action.SWITCH), no_share),
}


@asynccontextmanager
async def open_work(settings: DeployerSettings) -> AsyncIterator[Mapping[str, WorkFunction]]:
    """Kind of work -> what does it, with a client for each region that stays open until the end."""
    async with AsyncExitStack() as stack:
        clusters = await stack.enter_async_context(open_clusters(settings.regions, settings.pace.request))
        sources = [live for each in settings.regions if (live := each.live) is not None]
        lives = await stack.enter_async_context(open_clusters(sources, settings.pace.request))
        trials = {region: Trial(live, clusters[region]) for region, live in lives.items()}
        work = Work(clusters, trials, settings.pace)
        yield {
            "register": work.register,
            **{action.value: work.step for action in _STRATEGIES},
            Action.GREEN.value: work.green,
            Action.PROBE.value: work.probe,
            "flags": work.flags,
            Action.ENVIRONMENT.value: work.environment,
            "remove": work.remove,
            "rollback": work.rollback,
        }


@dataclass(frozen=True, slots=True)
class Work:
    clusters: Mapping[str, Cluster]
    trials: Mapping[str, Trial]
    pace: Pace

    async def register(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """The region's identity and what runs there. Raises while the cluster cannot be read."""
        del report
        region = RegisterBody.read(body).region
        cluster = self.clusters[region]
        if region in self.trials:
            await self.trials[region].swept(_now())
            return Registered(cluster=await cluster.identity(), live={}).json_body()
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
        engine.undo, engine.estimates = _UNDOING[action], action is Action.DEPLOY
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
        if order.region in self.trials:
            return (await self._gone(target, given.until, report)).json_body()
        engine = self._engine(rollback, target, given.until, _unheard)
        engine.undo = not_raised
        answer: Answer = await engine.run()
        if order.restore and isinstance(answer, RolledBack | Untouched):
            left = await self._switching(order, given.until).put_back(order.restore)
            answer = answer.model_copy(update={"flags_left": left})  # the version is back all the same
        return answer.json_body()

    async def flags(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """The flags that were ordered off; and, where the region's settings name a flagd, that it says so."""
        del report
        given = FlagsBody.read(body)
        url = self.clusters[given.order.region].settings.flagd
        ofrep = Ofrep(url, self.pace.request) if url is not None else None
        switching = self._switching(given.order, given.until)
        return (await switching.switched(given.order.flags, ofrep)).json_body()

    def _switching(self, order: FlagsOrdered | RollbackOrdered, until: datetime) -> Switching:
        cluster = self.clusters[order.region]
        return Switching(cluster, order.application, order.fence, until, _now, self.pace.poll)

    async def environment(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """An environment, and the plan's requests to it. It is removed by a work of its own, whatever comes of this one."""
        given = StepBody.read(body)
        region, asked = given.grant.region, given.grant.environment
        if region not in self.trials or asked is None:
            return Failed(reason=no_source(region)).json_body()
        trial, target = self.trials[region], target_of(given.grant)
        making = Making(asked, trial.source, given.until + MARGIN)
        engine = self._engine(making, tried(target), given.until, report)
        engine.look = trial.look
        answer: Answer = await engine.run()
        if isinstance(answer, Prepared):
            answer = await self._asked(given, trial.asked)
        return answer.json_body()

    async def remove(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """What an environment left, and what others did whose deployer died. Raises until that is done."""
        given = StepBody.read(body)
        if given.grant.region not in self.trials:
            return Untouched(reason=no_source(given.grant.region)).json_body()
        answer = await self._gone(target_of(given.grant), _now() + MARGIN, report)
        if not isinstance(answer, Untouched | Fenced):
            raise ClusterError(Trouble.UNAVAILABLE, f"The environment could not be removed: {answer}")
        await self.trials[given.grant.region].swept(_now())
        return answer.json_body()

    async def _gone(self, target: Target, until: datetime, report: Report) -> Answer:
        engine = self._engine(gone, tried(target), until, report)
        engine.look = self.trials[target.region].glance
        return await engine.run()

    async def probe(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        """The plan's requests. Raises while the cluster cannot be looked at and there is time."""
        del report
        return (await self._asked(StepBody.read(body), probe)).json_body()

    async def _asked(self, given: StepBody, ask: Asking) -> Answer:
        cluster, target = self.clusters[given.grant.region], target_of(given.grant)
        try:
            times = Times(given.until, _now, self.pace.poll, given.grant.concurrency)
            return await ask(cluster, target, given.grant.requests, times)
        except ClusterError as error:
            if error.trouble is Trouble.UNAVAILABLE and _now() < given.until:
                raise
            return Failed(reason=str(error))

    def _engine(self, strategy: Strategy, target: Target, until: datetime, report: Report) -> Engine:
        async def tell(answer: Answer) -> None:
            await report(answer.json_body())

        return Engine(self.clusters[target.region].apart(), strategy, target, until, self.pace, tell, _now)


async def _unheard(_report: dict[str, Any]) -> None:
    """An order is answered once, at its end. What its work says on the way would be a transaction before the first write."""


def target_of(grant: Granted) -> Target:
    return Target(
        application=grant.application,
        release=grant.release,
        region=grant.region,
        workload=grant.workload,
        fence=grant.fence,
        digest=grant.artifact.digest,
        share=grant.share or 0.0,
        start=grant.start,
    )


def _now() -> datetime:
    return datetime.now(UTC)
