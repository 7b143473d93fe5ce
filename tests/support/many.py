"""Many regions that one deployer serves: the shape of such a system, what their API servers have, and what processes cost."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import aiohttp
import psutil  # type: ignore[import-untyped]  # psutil ships no types

from lockgate.cli.local.regions import Sandboxed
from lockgate.cli.local.system import Shape
from lockgate.messages.payload import Payload
from lockgate.runtime.settings import RuntimeSettings
from tests.support.eventually import eventually
from tests.support.story import Story
from tests.support.telling import Told
from tests.support.whole import shaped

DEPLOYER = "deployer-all"
SEVERAL = 25
"""So many regions at a time are told of, or asked for, something: each is a request."""

INSTALLED_WITHIN = 180.0

Json = dict[str, Any]


def many(count: int, *, more: Mapping[str, str] = MappingProxyType({})) -> Shape:
    """So many regions, of whose pods nobody asks for metrics. Replicas are given up as in production: nobody is killed
    often. `more` are settings of all services.
    """
    session = str(RuntimeSettings.model_fields["session_seconds"].default)
    given = {"LOCKGATE_SESSION_SECONDS": session, **more}
    return shaped({DEPLOYER: names(count)}, scrape=3600.0, more=given)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"region-{number:04}" for number in range(count))


@dataclass(frozen=True, slots=True)
class Seen:
    """A Deployment at one moment. Its generation tells each change of what is wanted, its version each change at all."""

    digest: str
    generation: int
    version: str
    rolled_out: bool

    @classmethod
    def of(cls, obj: Json) -> Self:
        metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
        counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        observed = status.get("observedGeneration") == metadata["generation"]
        return cls(
            spec["template"]["spec"]["containers"][0]["image"].partition("@")[2],
            metadata["generation"],
            metadata["resourceVersion"],
            observed and counts == [spec["replicas"]] * 3,
        )


class Clusters:
    """A reader of many regions of a sandbox."""

    def __init__(self, sandbox: Sandboxed, session: aiohttp.ClientSession) -> None:
        self._sandbox = sandbox
        self._session = session
        self._slots = asyncio.Semaphore(SEVERAL)

    async def seen(self, application: str, regions: Iterable[str]) -> dict[str, Seen]:
        """Region -> the application's Deployment, as its API server says."""

        async def one(region: str) -> tuple[str, Seen]:
            place = self._sandbox.regions[region]
            url = f"{place['kubernetes']}/apis/apps/v1/namespaces/{place['namespace']}/deployments/{application}"
            headers = {"Authorization": f"Bearer {place['token']}", "Connection": "close"}
            async with self._slots, self._session.get(url, headers=headers) as answer:
                answer.raise_for_status()
                return region, Seen.of(await answer.json())

        return dict(await asyncio.gather(*(one(region) for region in regions)))

    async def runs(self, story: Story, version: str, pods: int, regions: tuple[str, ...]) -> None:
        """The application gets so many pods of a version in each region, and they are ready when this returns."""
        for start in range(0, len(regions), SEVERAL):
            body = {"digest": story.digest(version), "replicas": pods, "rate": 0}
            some = {**body, "regions": regions[start : start + SEVERAL]}
            await asyncio.to_thread(story.sandbox.put, f"workloads/{story.application}", some)

        async def ready() -> bool:
            found = await self.seen(story.application, regions)
            assert all(each.rolled_out for each in found.values()), "not every pod is ready"
            return True

        await eventually(ready, within=INSTALLED_WITHIN)


async def everywhere(
    story: Story, kind: type[Payload], release: str, regions: Iterable[str], within: float
) -> None:
    """Until the last of the regions has said this of the release, in one go through all that was told."""
    left = set(regions)

    def said(told: Told) -> bool:
        if isinstance(told.body, kind) and getattr(told.body, "release", None) == release:
            left.discard(getattr(told.body, "region", ""))
        return not left

    try:
        await story.telling.first(said, within)
    except TimeoutError:
        some = ", ".join(sorted(left)[:5])
        raise AssertionError(
            f"{len(left)} regions gave no {kind.__name__} within {within:.0f} s: {some}"
        ) from None


@asynccontextmanager
async def clusters(sandbox: Sandboxed) -> AsyncIterator[Clusters]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=SEVERAL)) as session:
        yield Clusters(sandbox, session)


def processor_seconds() -> dict[str, float]:
    """What this program and each process below it have used so far, those of one kind together."""
    found: dict[str, float] = defaultdict(float)
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        try:
            times = process.cpu_times()
            found["this program" if process == this else _kind(process.cmdline())] += (
                times.user + times.system
            )
        except psutil.Error:  # it ended meanwhile
            continue
    return dict(found)


def used(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What each kind used in between, the most first; without those that did next to nothing."""
    each = {kind: round(seconds - before.get(kind, 0.0), 1) for kind, seconds in after.items()}
    return dict(sorted(((k, v) for k, v in each.items() if v > 0), key=lambda item: -item[1]))


def _kind(command: list[str]) -> str:
    """By its arguments: a guard names what it guards in one of its own, and is none of it."""
    if "kafka.Kafka" in command:
        return "kafka"
    if any(word.startswith("postgres:") or word.endswith("/postgres") for word in command[:1]):
        return "postgres"
    if "lockgate.sandbox" in command:
        return "sandbox"
    return command[-1] if "lockgate.cli.run" in command else "others"
