"""A region that changes version by a strategy: its deployer, which may be killed, and what its watches show."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from lockgate.deployer.cluster import DEPLOYMENTS, SERVICES
from lockgate.deployer.settings import RegionSettings
from lockgate.messages.values import Workload
from lockgate.messages.verdicts import Action, Granted
from lockgate.sandbox.sample import objects
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import artifact, grant, order
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import PATIENCE, Json, Place
from tests.support.sandboxes import until
from tests.support.watched import Sample, Watched, watched
from tests.support.writes import each_write

RUNS, GOOD = digest(number=1), digest(number=2)
BLUE_GREEN = ((Action.GREEN, None), (Action.SWITCH, 1.0), (Action.DEPLOY, None))

Steps = tuple[tuple[Action, float | None], ...]


def canary(*shares: float) -> Steps:
    return (*((Action.CANARY, share) for share in shares), (Action.DEPLOY, None))


class Killed(BaseException):
    """The deployer's process ended right after a write."""


@dataclass
class Changing:
    """A region that runs so many pods of `payments`."""

    place: Place
    west: AtWork
    seen: Watched
    workload: Workload
    pods: int

    def grants(self, steps: Steps, wanted: str = GOOD) -> Iterator[Granted]:
        """One for each step; a green side is asked nothing, as not every cluster's pods can answer."""
        for number, (action, share) in enumerate(steps, start=1):
            yield grant(
                f"7.0.{number}",
                action,
                share=share,
                requests=(),
                artifact=artifact(wanted),
                workload=self.workload,
            )

    async def step(self, granted: Granted, *, runs: int = 60) -> dict[str, Any] | None:
        """A step whose deployer is started again as often as it is killed; None after so many deaths."""
        for _ in range(runs):
            try:
                return await self.west.step(granted, PATIENCE)
            except Killed:
                continue
        return None

    async def back(self, bad: str = GOOD) -> dict[str, Any]:
        """The order to go back, the same."""
        ordered = order("7.2.1", digest=RUNS, bad=bad, workload=self.workload)
        while True:
            try:
                return await self.west.order(ordered, touched=True, seconds=PATIENCE)
            except Killed:
                continue

    async def is_at_rest(self, runs: str) -> None:
        """All pods run one version and are ready; no clone, no share and no switch is left."""

        async def settled() -> bool:
            return await self._images() == [runs] * self.pods

        await until(settled, PATIENCE)
        assert await self.west.image() == f"registry.example/payments@{runs}"
        assert await self.west.names(DEPLOYMENTS) == ["payments"]
        assert await self.west.names(SERVICES) == ["payments"]
        assert await self.west.weights() == [("payments", 1)]
        assert (await self.west.object(SERVICES))["spec"]["selector"] == {"app": "payments"}
        assert (await self.seen.samples())[-1] == Sample(ready=self.pods, serving=self.pods, share=0.0)

    async def fewest(self) -> int:
        """Ready pods, at the worst moment."""
        return min(sample.ready for sample in await self.seen.samples())

    async def _images(self) -> list[str]:
        """The digests of the pods that are there."""
        pods = (await self.place.find("pods")).obj()["items"]
        return sorted(pod["spec"]["containers"][0]["image"].partition("@")[2] for pod in pods)


@asynccontextmanager
async def changing(
    place: Place,
    workload: Workload,
    pods: int = 4,
    strategy: Json | None = None,
    through: Callable[[RegionSettings], RegionSettings] = lambda region: region,
    *,
    patience: float = PATIENCE,
) -> AsyncIterator[Changing]:
    """`strategy`: the Deployment's own, for its roll-outs. `through`: how the deployer comes to its API server.

    `patience`: seconds until its first pods are to be there.
    """
    made = objects("payments", RUNS, pods)
    made[0]["spec"] |= {"strategy": strategy} if strategy is not None else {}
    for plural, obj in zip(("deployments", "services", "httproutes"), made, strict=True):
        (await place.create(plural, obj)).obj()

    async def up() -> bool:
        status = (await place.read("deployments", "payments")).get("status", {})
        return bool(status.get("availableReplicas") == pods)

    await until(up, patience)
    routed = workload.route is not None
    async with (
        working(hurried(through(place.region("eu-west")))) as west,
        watched(place, routed=routed) as seen,
    ):
        yield Changing(place, west, seen, workload, pods)


@contextmanager
def killed_after_each_write() -> Iterator[list[str]]:
    """Ends each run of a deployer's work after its first write; the writes that were done."""
    writes: list[str] = []

    async def ends(what: str, write: Callable[[], Awaitable[Any]]) -> Any:
        await write()
        writes.append(what)
        raise Killed

    with each_write(ends):
        yield writes
