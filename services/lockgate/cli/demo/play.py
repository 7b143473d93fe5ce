"""Plays the demo's scenes, with an audience and monitoring beside them, and checks how each one ends."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from lockgate.cli.announce import announced
from lockgate.cli.demo.audience import Audience, DemoError
from lockgate.cli.demo.monitoring import watch_errors
from lockgate.cli.demo.scenes import (
    APPLICATION,
    FOUND,
    PACKAGE,
    RATE,
    REPLICAS,
    SCENES,
    Scene,
    digest_of,
    plan,
)
from lockgate.cli.kafka import publish
from lockgate.cli.local.system import LocalSystem
from lockgate.cli.plan import published
from lockgate.intake.purls import purl
from lockgate.messages.payload import Payload
from lockgate.messages.releases import PlanAccepted, RegionAccepted, ReleaseQueued
from lockgate.runtime.bounded import end

SCENE_SECONDS = 90.0


class Demo:
    """One performance on a running local system."""

    def __init__(self, system: LocalSystem, console: Console) -> None:
        self._system = system
        self._console = console
        self._kafka = system.servers.kafka
        self._prefix = system.shape.prefix
        self._audience = Audience(console)
        self._endings: list[tuple[Scene, float]] = []

    async def play(self) -> list[tuple[Scene, float]]:
        """All scenes, each with its seconds. DemoError if one ends otherwise than it must."""
        self._prepare_regions()
        await until_first_ends(
            self._perform(),
            self._audience.look(self._kafka, self._prefix),
            watch_errors(self._system.sandbox.prometheus, plan().plan.production, self._raise_incident),
            self._notice_ended(),
        )
        return self._endings

    async def _perform(self) -> None:
        await self._publish_plan()
        for number, scene in enumerate(SCENES, start=1):
            await self._scene(number, scene)

    async def _notice_ended(self) -> None:
        """DemoError when a process of the system ends."""
        while not (ended := self._system.ended()):  # noqa: ASYNC110  # it happens in other processes
            await asyncio.sleep(1.0)
        first = ended[0]
        raise DemoError(f"{first.name} ended with status {first.exit_status}. Its log: {first.log}")

    async def _raise_incident(self, event: dict[str, object]) -> None:
        await publish(self._kafka, self._prefix, "anomalies", event)

    def _prepare_regions(self) -> None:
        sandbox = self._system.sandbox
        body = {"digest": digest_of(FOUND), "replicas": REPLICAS, "rate": RATE}
        sandbox.put(f"workloads/{APPLICATION}", body)
        for scene in SCENES:
            sandbox.put(f"images/{digest_of(scene.version)}", scene.behaviour)
        self._say(
            f"{APPLICATION} v{FOUND} runs with {REPLICAS} pods in each region and has {RATE:.0f} requests a second there"
        )

    async def _publish_plan(self) -> None:
        regions = set(self._system.shape.regions)

        def accepted(seen: list[Payload]) -> bool:
            return regions <= {body.place.region for body in seen if isinstance(body, RegionAccepted)}

        await self._audience.until("every region's registration", accepted, 30.0)
        answer = await published(self._kafka, self._prefix, plan())
        if not isinstance(answer, PlanAccepted):
            raise DemoError(f"the plan was not accepted: {answer}")

    async def _scene(self, number: int, scene: Scene) -> None:
        self._console.print()
        self._console.print(
            Panel(
                Text(scene.story),
                title=f"{number}. {scene.title}",
                title_align="left",
                width=min(100, self._console.width),
            )
        )
        began = time.monotonic()
        name = purl(PACKAGE, digest_of(scene.version), scene.tag)
        answer = await announced(self._kafka, self._prefix, name)
        if not isinstance(answer, ReleaseQueued):
            raise DemoError(f"{scene.tag} was not queued: {answer}")
        release = answer.release
        await self._audience.until("the release", lambda _: release in self._audience.view.releases, 10.0)
        async with self._audience.scene(release):
            view = await self._audience.until_over(release, SCENE_SECONDS)
        seconds = time.monotonic() - began
        if view.state is not scene.ends:
            raise DemoError(
                f"{scene.tag} ended as {view.state.value!r}, not as {scene.ends.value!r}: {view.says}"
            )
        self._check_regions(scene)
        self._endings.append((scene, seconds))
        self._console.print(Text(f"⇒ {scene.ended} ({seconds:.0f} s).", style="bold"))

    def _check_regions(self, scene: Scene) -> None:
        sandbox = self._system.sandbox
        wrong = {r: d for r, d in sandbox.digests(APPLICATION).items() if d != digest_of(scene.runs)}
        left = {r: names for r in sandbox.regions if (names := sandbox.deployments(r)) != [APPLICATION]}
        if wrong or left:
            raise DemoError(f"after {scene.tag} these regions are not as they must be: {wrong or left}")

    def _say(self, text: str) -> None:
        self._console.print(Text(text, style="dim"), soft_wrap=True)


async def until_first_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Does all works at once until one ends; raises what it raised. The others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end(tasks)
