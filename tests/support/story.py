"""One application's story, in words: what CI, operators and monitoring say, and what is heard and seen then."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from lockgate.cli.local.http import ask
from lockgate.cli.local.regions import Sandboxed
from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.operations import Fix, Pause, Retry, Rollback
from lockgate.messages.payload import Payload
from lockgate.messages.plans import PlanPublished
from lockgate.messages.releases import (
    ApplicationPaused,
    PlanAccepted,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseQueued,
)
from tests.support.plans import PILOTED, Stage, is_beside_others, is_compared, plan_of, regions_of
from tests.support.telling import Telling, Told

P = TypeVar("P", bound=Payload)
Send = Callable[..., Awaitable[str]]

PATIENCE = 75.0  # how long a busy machine may take; what is judged is what was said, not when
PILOT_TRAFFIC = 10_000
"""Requests a second where pilots and canaries are compared, so that a verdict takes seconds."""
HISTORY = 6
"""Scrapes of production before the first release: without any nothing is known of how slow it is."""
LONG_HISTORY = 44
"""Where regions are compared with others: four times ten, and what may be missed."""


@dataclass
class Story:
    """`stages` are those of the plan that was published last."""

    application: str
    sandbox: Sandboxed
    telling: Telling
    send: Send
    stages: tuple[Stage, ...] = ()
    before: dict[str, int] = field(default_factory=dict)
    """region -> the revision of its Deployment before any release."""

    # --- what the tests do ------------------------------------------------------------------------------------

    async def begins(self, *stages: Stage, runs: str = "v1", **changes: Any) -> None:
        """The application runs a version everywhere, and its plan is accepted."""
        regions = regions_of(stages)
        body = {"digest": self.digest(runs), "replicas": 2, "rate": 0, "regions": regions}
        self.sandbox.put(f"workloads/{self.application}", body)
        everywhere = any(is_beside_others(stage) for stage in stages)
        if everywhere or any(is_compared(stage) for stage in stages):
            traffic = {"rate": PILOT_TRAFFIC, "regions": list(regions) if everywhere else [PILOTED]}
            self.sandbox.put(f"traffic/{self.application}", traffic)
            await holds(lambda: self._scrapes() >= (LONG_HISTORY if everywhere else HISTORY))
        await self.plans(*stages, **changes)
        self.before = self.revisions()

    async def plans(self, *stages: Stage, **changes: Any) -> None:
        """A plan is published, and accepted as the next version."""
        self.stages = stages
        version = len(self.heard(PlanAccepted)) + 1
        await self.publishes(plan_of(self.application, *stages, **changes))
        await self.hears(PlanAccepted, version=version)

    async def publishes(self, plan: Mapping[str, Any]) -> None:
        await self.send("plans", PlanPublished.type, self.application, {"plan": plan})

    async def announces(self, version: str) -> str:
        """CI announces the artifact; returns the id of its release."""
        await self.says_published(version)
        return await self.hears_queued(version)

    async def says_published(self, version: str, more: str = "", bundles: Sequence[Any] = ()) -> str:
        """CI announces the artifact, whatever is answered; returns the event's id."""
        custom = {"lockgate": {"bundles": list(bundles)}} if bundles else None
        return await self.send("artifacts", ArtifactPublished.type, f"{self.purl(version)}{more}", {}, custom)

    async def pauses(self, seconds: float) -> None:
        """An operator lets nothing more of the application begin for so long."""
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        content = {"application": self.application, "who": "ann", "why": "a look first", "until": until}
        await self.send("operations", Pause.type, self.application, content)
        await self.hears(ApplicationPaused)

    async def fixes(self, version: str) -> str:
        """An operator sends the artifact as a fix; returns the id of its release."""
        content = {"application": self.application, "who": "ann", "why": "so", "artifact": self.purl(version)}
        await self.send("operations", Fix.type, self.application, content)
        return await self.hears_queued(version)

    async def takes_back(self, release: str | None = None) -> None:
        """An operator takes back what is under way, or what was completed last: that also if it is named."""
        content = {"application": self.application, "who": "ann", "why": "so"}
        if release is not None:
            content["release"] = release
        await self.send("operations", Rollback.type, self.application, content)

    async def retries(self) -> None:
        """An operator has what is held tried again."""
        content = {"application": self.application, "who": "ann", "why": "so"}
        await self.send("operations", Retry.type, self.application, content)

    async def alarms(self, incident: str, region: str, version: str | None = None) -> None:
        content: dict[str, Any] = {"service": {"id": self.application}, "environment": {"id": region}}
        if version is not None:
            content["artifactId"] = self.purl(version)
        await self.send("anomalies", IncidentDetected.type, incident, {**content, "description": incident})

    def image(self, version: str, **behaviour: Any) -> None:
        """How the pods of a version behave, everywhere."""
        self.sandbox.put(f"images/{self.digest(version)}", behaviour)

    def quiets(self) -> None:
        """No traffic any more: the machine is small."""
        self.sandbox.put(f"traffic/{self.application}", {"rate": 0, "regions": list(self.regions)})

    # --- what the tests hear ----------------------------------------------------------------------------------

    async def hears(self, kind: type[P], *, within: float = PATIENCE, **fields: Any) -> P:
        """The first event of this type about the application with these fields; waited for."""
        try:
            told = await self.telling.first(lambda told: self._is(told, kind, fields), within)
        except TimeoutError:
            wanted = f"{kind.__name__}{fields or ''}"
            raise AssertionError(f"{wanted} was not said within {within:.0f} s.\n{self.so_far()}") from None
        assert isinstance(told.body, kind)
        return told.body

    async def hears_queued(self, version: str) -> str:
        """The id of the release of a version."""
        return (await self.hears(ReleaseQueued, digest=self.digest(version))).release

    async def completes(self, release: str, within: float = PATIENCE) -> None:
        await self.hears(ReleaseCompleted, release=release, within=within)
        self.quiets()

    async def is_taken_back(self, release: str, within: float = PATIENCE) -> ReleaseClosed:
        closed = await self.hears(ReleaseClosed, release=release, within=within)
        self.quiets()
        return closed

    def heard(self, kind: type[P], **fields: Any) -> list[P]:
        """All such events so far, in the order of their arrival (that of their topic, if it is one).

        Each once, as every reader counts them: a service killed before it marked what it had sent sends it again.
        """
        found = (told for told in self.telling.of(self.application) if self._is(told, kind, fields))
        distinct = {(told.topic, told.message.writer, told.message.number): told.body for told in found}
        return [body for body in distinct.values() if isinstance(body, kind)]

    def so_far(self) -> str:
        return "So far:\n" + "\n".join(str(told) for told in self.telling.of(self.application))

    def _is(self, told: Told, kind: type[Payload], fields: Mapping[str, Any]) -> bool:
        if told.message.key != self.application or type(told.body) is not kind:
            return False
        return all(_field(told.body, name) == value for name, value in fields.items())

    # --- what the tests see -----------------------------------------------------------------------------------

    @property
    def regions(self) -> tuple[str, ...]:
        return regions_of(self.stages)

    def digests(self) -> dict[str, str]:
        """Region -> what its Deployment names now."""
        return {region: self._deployment(region)["digest"] for region in self.regions}

    def everywhere(self, version: str) -> dict[str, str]:
        """What `digests` is when each region runs this version."""
        return dict.fromkeys(self.regions, self.digest(version))

    def revisions(self) -> dict[str, int]:
        """Counted by its controller; the generation would count the fences too, which are annotations."""
        mark = "deployment.kubernetes.io/revision"
        return {region: int(self._deployment(region)["annotations"][mark]) for region in self.regions}

    def changes(self) -> dict[str, int]:
        """Region -> how often the pods of its Deployment were changed since the story began."""
        now = self.revisions()
        return {region: now[region] - self.before[region] for region in self.regions}

    def clones(self) -> list[str]:
        """Every Deployment of the application but its own, in any region."""
        names = [name for region in self.regions for name in self.sandbox.deployments(region)]
        return [name for name in names if name.startswith(self.application) and name != self.application]

    def shares(self, region: str) -> dict[str, int]:
        """Service -> weight in the application's route; what has no weight is left out."""
        found = self.sandbox.weights(region, self.application)
        return {name: weight for name, weight in found.items() if weight}

    def digest(self, version: str) -> str:
        return f"sha256:{hashlib.sha256(f'{self.application} {version}'.encode()).hexdigest()}"

    def purl(self, version: str) -> str:
        return f"pkg:oci/{self.application}@{self.digest(version).replace(':', '%3A')}?tag={version}"

    def _scrapes(self) -> int:
        """How often production was scraped where pilots are compared with it."""
        query = f'http_server_request_duration_seconds_count{{region="{PILOTED}",service="{self.application}"}}[1m]'
        found = ask("GET", f"{self.sandbox.prometheus}/api/v1/query?{urlencode({'query': query})}")
        return max((len(series["values"]) for series in found["data"]["result"]), default=0)

    def _deployment(self, region: str) -> dict[str, Any]:
        return self.sandbox.deployment(region, self.application)


def _field(body: Payload, name: str) -> Any:
    """`digest` is that of the artifact where the event has none of its own."""
    if name == "digest" and not hasattr(body, "digest"):
        return getattr(getattr(body, "artifact", None), "digest", None)
    return getattr(body, name, None)


async def holds(what: Callable[[], bool], within: float = PATIENCE) -> None:
    """Waits until a condition outside of the topics holds. TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not await asyncio.to_thread(what):  # noqa: ASYNC110  # it happens in another process
            await asyncio.sleep(0.05)
