"""What watches show while a strategy is at work: each state of a region's pods, route and Service, none left out.

The lines of several watches are put in the order of their resource versions, which one store counts for all kinds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lockgate.deployer.objects import CLONE_LABEL, is_going, labels_of, name_of, selects
from tests.support.places import PATIENCE, Json, Place
from tests.support.sandboxes import until

_KINDS = ("pods", "httproutes", "services")

Objects = dict[str, dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A region after one line of a watch. `share`: of its traffic that goes to clones, by weights or by pods."""

    ready: int
    serving: int
    """Of the ready pods, those that the Service or the route sends anything to."""
    share: float


@dataclass
class Watched:
    """One region's `payments`, from the state in which it was found."""

    place: Place
    routed: bool
    found: Objects = field(default_factory=dict)
    lines: list[tuple[int, str, str, Json]] = field(default_factory=list)
    """Version, kind, event, object."""

    async def samples(self, since: int = 0) -> list[Sample]:
        """The state at first, or at the version `since`, and each state after it, up to what can be read now."""
        await self._caught_up()
        objects = {kind: dict(found) for kind, found in self.found.items()}
        states = [self._sample(objects)]
        for version, kind, event, obj in sorted(self.lines, key=lambda line: line[0]):
            _apply(objects[kind], event, obj)
            state = self._sample(objects)
            states = [state] if version <= since else [*states, state]
        return states

    async def now(self) -> int:
        """The version of the newest line, once the watches have shown what can be read now."""
        await self._caught_up()
        return max((version for version, *_ in self.lines), default=0)

    async def follow(self, kind: str, version: str) -> None:
        async for event, obj in self.place.follow(kind, resourceVersion=version):
            assert event in {"ADDED", "MODIFIED", "DELETED"}, obj
            self.lines.append((int(obj["metadata"]["resourceVersion"]), kind, event, obj))

    async def _caught_up(self) -> None:
        async def same() -> bool:
            for kind in _KINDS:
                shown = dict(self.found[kind])
                for _, of, event, obj in self.lines:
                    if of == kind:
                        _apply(shown, event, obj)
                items = (await self.place.find(kind)).obj()["items"]
                if _versions(shown) != _versions({name_of(each): each for each in items}):
                    return False
            return True

        await until(same, PATIENCE)

    def _sample(self, objects: Objects) -> Sample:
        pods = [pod for pod in objects["pods"].values() if _is_ready(pod)]
        selector = {"matchLabels": objects["services"]["payments"]["spec"]["selector"]}
        serving = [pod for pod in pods if selects(selector, labels_of(pod))]
        cloned = [pod for pod in serving if CLONE_LABEL in labels_of(pod)]
        share = len(cloned) / len(serving) if serving else 0.0
        if self.routed:
            refs = objects["httproutes"]["payments"]["spec"]["rules"][0]["backendRefs"]
            weights = {ref["name"]: ref["weight"] for ref in refs}
            total = sum(weights.values())
            share = (total - weights["payments"]) / total
            clones = [pod for pod in pods if CLONE_LABEL in labels_of(pod)]
            serving = (serving if weights["payments"] else []) + (clones if share else [])
        return Sample(len(pods), len(serving), share)


@asynccontextmanager
async def watched(place: Place, *, routed: bool = True) -> AsyncIterator[Watched]:
    """Watches the region from its state now until the end."""
    seen, versions = Watched(place, routed), {}
    for kind in _KINDS:
        found = (await place.find(kind)).obj()
        seen.found[kind] = {name_of(each): each for each in found["items"]}
        versions[kind] = found["metadata"]["resourceVersion"]
    tasks = [asyncio.create_task(seen.follow(kind, version)) for kind, version in versions.items()]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _apply(objects: dict[str, Json], event: str, obj: Json) -> None:
    if event == "DELETED":
        objects.pop(name_of(obj), None)
    else:
        objects[name_of(obj)] = obj


def _versions(objects: dict[str, Json]) -> dict[str, str]:
    return {name: obj["metadata"]["resourceVersion"] for name, obj in objects.items()}


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not is_going(pod)
