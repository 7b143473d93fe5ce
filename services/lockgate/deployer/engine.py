"""Carries a step out: look, ask the strategy for the next thing, do it, look again, until there is an answer.

The cluster alone says how far a step is. So a step can be ended at any point and begun again, and a write whose
answer was lost is either seen or done, and not done twice. All of a region is read at the beginning, at the end, and in
between after what was not foreseen; after a write its answer tells, and while a roll-out goes on a watch of its Deployment.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lockgate.deployer.cluster import (
    AUTOSCALERS,
    DEPLOYMENTS,
    NETWORK_POLICIES,
    ROUTES,
    SERVICES,
    VIRTUAL_SERVICES,
    Cluster,
    ClusterError,
    Resource,
    Trouble,
)
from lockgate.deployer.following import estimated, is_fenced, newest_pods, states, timed, written
from lockgate.deployer.look import look
from lockgate.deployer.objects import Json
from lockgate.deployer.reports import Deployed, Failed, Piloted, Progressed, RolledBack, Started
from lockgate.deployer.reports import Report as Answer
from lockgate.deployer.rollout import waiting_reasons, words_of_pods
from lockgate.deployer.settings import Pace
from lockgate.deployer.strategies.given import (
    Create,
    Delete,
    Final,
    Kind,
    Next,
    Patch,
    Region,
    Stuck,
    Target,
    Wait,
    Write,
)
from lockgate.deployer.strategies.production import Production, found_before, production
from lockgate.deployer.strategies.surge import settled

Strategy = Callable[[Target, Region], Next]
Undo = Callable[[Target, Region], Next | None]
"""What must not stay as it is once a step has failed, one thing after the other; None when nothing is left."""

Tell = Callable[[Answer], Awaitable[None]]
Look = Callable[[Cluster, Target], Awaitable[Region]]

_MOST_WRITES = 60
_MOST_REFUSALS = 6
_MOST_UNDOING = 5
_LATE_LOOKS = 2
_PASSING = (Trouble.CONFLICT, Trouble.INVALID, Trouble.UNAVAILABLE)  # others write to routes and clones, too
_RESOURCES: dict[Kind, Resource] = {
    Kind.DEPLOYMENT: DEPLOYMENTS,
    Kind.SERVICE: SERVICES,
    Kind.ROUTE: ROUTES,
    Kind.VIRTUAL_SERVICE: VIRTUAL_SERVICES,
    Kind.AUTOSCALER: AUTOSCALERS,
    Kind.NETWORK_POLICY: NETWORK_POLICIES,
}


@dataclass
class Engine:
    """One step in one region. `tell` hands over what is to be reported on the way.

    The time that `tell` takes is not the step's: while our own database is away, no report is taken.
    """

    cluster: Cluster
    strategy: Strategy
    target: Target
    until: datetime
    pace: Pace
    tell: Tell
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    undo: Undo | None = None
    estimates: bool = False
    """Whether it is said beforehand how long production's roll-out will take."""
    look: Look = look
    _started: bool = False
    _writes: int = 0
    _refusals: int = 0
    _told: Progressed | None = None
    _told_at: datetime | None = None
    _last: str = "nothing was done yet"
    _watched: Json | None = field(default=None, repr=False)
    _known: Region | None = field(default=None, repr=False)
    _patience: float = 0.0
    _unmoved: tuple[tuple[int, str], datetime] | None = None

    async def run(self) -> Final:
        """The answer. It comes by `until`, but for the time that one request and the undoing take."""
        answer = await self._carried_out()
        if isinstance(answer, Failed) and self.undo is not None and (self._started or self._left() <= 0):
            await self._undone(self.undo)
        if isinstance(answer, Deployed):
            return answer.model_copy(update={"requests": self.cluster.requests})
        return await timed(self.cluster, answer) if isinstance(answer, Piloted) else answer

    async def _carried_out(self) -> Final:
        while True:
            if self.clock() >= self.until:
                return await self._too_late()
            try:
                if (answer := await self._turn()) is not None:
                    return answer
            except ClusterError as error:
                self._known = None
                if (failure := self._trouble(error)) is not None:
                    return failure
                await self._pause(self.pace.poll)

    async def _undone(self, undo: Undo) -> None:
        """As far as the cluster lets us; what is left over is for the rollback that follows."""
        for _ in range(_MOST_UNDOING):
            try:
                match undo(self.target, await self.look(self.cluster, self.target)):
                    case Patch() | Create() | Delete() as write:
                        await self._write(write)
                    case _:
                        return
            except ClusterError as error:
                if error.trouble not in _PASSING:
                    return
                await asyncio.sleep(self.pace.poll)

    async def _turn(self) -> Final | None:
        known, self._known = self._known, None
        live = known or await self.look(self.cluster, self.target)
        match self.strategy(self.target, live):
            case Patch() | Create() | Delete() as write:
                return await self._do(write, live)
            case Wait() as wait:
                await self._begun(live)
                await self._waited(wait, live)
                return None
            case _ if known is not None:
                return None  # nothing is answered but what a look at everything confirms
            case Stuck(reason=reason, watched=watched):
                return await self._failed(reason, watched)
            case final:
                return final

    async def _waited(self, wait: Wait, live: Region) -> None:
        """Until there is a reason to look again: what is waited for, the time, or that it cannot be watched."""
        await self._progress(wait)
        if wait.watched is None:
            await self._pause(self.pace.poll)
            return
        try:
            if await self._followed(wait, wait.watched, live):
                await self._explain(wait, wait.watched)
        except ClusterError as error:
            if error.trouble is not Trouble.GONE:
                await self._progress(replace(wait, reason=f"{wait.reason} {error}"[:2000]))
            self._patience = min(max(self.pace.poll, 2 * self._patience), self.pace.reread)
            await self._pause(self._patience)
            if self._is_still(wait):
                with contextlib.suppress(ClusterError):
                    await self._explain(wait, wait.watched)

    async def _followed(self, wait: Wait, watched: Json, live: Region) -> bool:
        """Whether it was watched for its whole time and nothing moved."""
        still, seconds = True, min(self.pace.reread, self._left())
        async with aclosing(states(self.cluster, live, watched, seconds)) as seen:
            async for region in seen:
                self._patience = 0.0
                match self.strategy(self.target, region) if region is not None else None:
                    case Wait() as now:
                        still = still and (now.updated, now.reason) == (wait.updated, wait.reason)
                        await self._progress(now)
                    case _:
                        return False
        self._patience = 0.0
        return still

    def _is_still(self, wait: Wait) -> bool:
        """Whether looks alone found that nothing moved for the time that it would have been watched."""
        state, now = (wait.updated, wait.reason), self.clock()
        if self._unmoved is None or self._unmoved[0] != state:
            self._unmoved = (state, now)
        return (now - self._unmoved[1]).total_seconds() >= self.pace.reread

    async def _explain(self, wait: Wait, watched: Json) -> None:
        """Nothing moves: the reason in the words of the newest pods. Where time is up they are read for the answer."""
        if self._left() <= 0:
            return
        if said := words_of_pods(watched, await newest_pods(self.cluster, watched)):
            await self._progress(replace(wait, reason=f"{wait.reason} {said}"[:2000]))

    async def _do(self, write: Write, live: Region) -> Final | None:
        if self._writes >= _MOST_WRITES:
            return Failed(
                reason=f"{self._writes} writes to {self.target.region} did not bring about what was wanted: "
                f"somebody else keeps changing the same objects (kubectl get --show-managed-fields)."
            )
        if await self._begun(live):
            self._known = live
            return None  # what was chosen may be in what is to be written
        self._writes += 1
        answer = await self._write(write)
        self._refusals = 0
        if answer is not None and isinstance(write, Patch) and is_fenced(write):
            self._known = written(live, write, answer)
        return None

    async def _write(self, write: Write) -> Json | None:
        """The object as it is then; None where that is to be looked at afterwards."""
        match write:
            case Patch(kind=kind, name=name, operations=operations, drains=drains):
                answer = await self.cluster.patch(_RESOURCES[kind], name, operations)
                self._last = f"the {kind} {name} was changed"
                await asyncio.sleep(self.pace.drain if drains else 0)
                return None if drains else answer
            case Create(kind=kind, body=body):
                answer = await self.cluster.create(_RESOURCES[kind], body)
                self._last = f"the {kind} {body['metadata']['name']} was made"
                return answer
            case Delete(kind=kind, name=name, uid=uid, version=version):
                await self.cluster.delete(_RESOURCES[kind], name, uid, version)
                self._last = f"the {kind} {name} was deleted"
                return None

    async def _begun(self, live: Region) -> bool:
        """Reported once, before the first write: what ran before this release. Whether something was chosen for its roll-out."""
        if self._started or not isinstance(seen := production(self.target, live), Production):
            return False
        said: dict[str, float | str | None] = {}
        if self.estimates and (takes := await estimated(self.cluster, live, self.target, seen, self._left())):
            said = {"seconds": takes.seconds, "estimate": takes.text}
            self.target = replace(self.target, surge=takes.surge)
        await self._tell(Started(found=found_before(self.target, seen), **said))
        self._started = True
        return self.target.surge is not None

    async def _progress(self, wait: Wait) -> None:
        """At most one report in `pace.progress` seconds, and only what is new."""
        self._last, self._watched = wait.reason, wait.watched
        now, report = self.clock(), Progressed(updated=wait.updated, wanted=wait.wanted, reason=wait.reason)
        recent = self._told_at is not None and (now - self._told_at).total_seconds() < self.pace.progress
        if report == self._told or recent:
            return
        self._told, self._told_at = report, now
        await self._tell(report)

    async def _tell(self, report: Answer) -> None:
        began = self.clock()
        await self.tell(report)
        self.until += max(self.clock() - began, timedelta())

    def _trouble(self, error: ClusterError) -> Failed | None:
        """What follows a refusal: mostly another look, which shows why; None for that."""
        self._last = str(error)
        match error.trouble:
            case Trouble.UNAVAILABLE:
                return None  # until the deadline
            case Trouble.CONFLICT | Trouble.INVALID | Trouble.NOT_FOUND | Trouble.GONE | Trouble.FORBIDDEN:
                self._refusals += 1
                return Failed(reason=str(error)) if self._refusals >= _MOST_REFUSALS else None

    async def _too_late(self) -> Final:
        """What is done by now counts, whoever was away when it was: another run of this step, or this process."""
        for _ in range(_LATE_LOOKS):
            with contextlib.suppress(ClusterError):
                match self.strategy(self.target, settled(await self.look(self.cluster, self.target))):
                    case Patch() | Create() | Delete() | Wait() | Stuck():
                        pass
                    case final:
                        if isinstance(final, Deployed | RolledBack) and self.undo is not None:
                            await self._undone(self.undo)
                        return final
            await asyncio.sleep(self.pace.poll)  # until what was written last is taken notice of
        reason = f"The step in {self.target.region} was not done in its time. Last: {self._last}"
        return await self._failed(reason, self._watched) if self._watched else Failed(reason=reason[:2000])

    async def _failed(self, reason: str, watched: Json) -> Failed:
        try:
            pods = await newest_pods(self.cluster, watched)
        except ClusterError as error:
            why = f"Why could not be read: {error}"
        else:
            why = waiting_reasons(watched, pods)
        return Failed(reason=f"{reason} {why}".strip()[:2000])

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, min(seconds, self._left())))

    def _left(self) -> float:
        return (self.until - self.clock()).total_seconds()
