"""What watches show while a strategy is at work: each state of a region's pods, route and Service, and each write.

The lines of several watches are put in the order of their resource versions, which one store counts for all kinds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lockgate.deployer.objects import (
    CLONE_LABEL,
    annotations_of,
    is_going,
    labels_of,
    name_of,
    selects,
    uid_of,
)
from lockgate.messages.values import NO_FENCE, Fence
from tests.support.places import PATIENCE, Json, Place
from tests.support.sandboxes import until

_KINDS = ("pods", "httproutes", "services", "deployments")

Objects = dict[str, dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A region after one line of a watch. `share`: of its traffic that goes to clones, by weights or by pods."""

    ready: int
    serving: int
    """Of the ready pods, those that the Service or the route sends anything to."""
    share: float


@dataclass(frozen=True, slots=True)
class Written:
    """One write that changed something. `event`: ADDED, MODIFIED or DELETED; `obj` as it was then, `before` as until then."""

    event: str
    kind: str
    name: str
    obj: Json = field(repr=False)
    before: Json | None = field(repr=False)

    @property
    def fences(self) -> dict[str, Fence]:
        """Those that the object carries, its own and of applications that share it."""
        marks = annotations_of(self.obj).items()
        return {key: Fence.parse(text) for key, text in marks if key.endswith("lockgate.dev/fence")}

    def __str__(self) -> str:
        fences = ", ".join(f"{key} {fence}" for key, fence in self.fences.items())
        return f"{self.event} {self.kind} {self.name} with {fences or 'no fence'}"

    @property
    def is_first_contact(self) -> bool:
        """Whether it said no more than that somebody was there: fence 0, below everything, on what had none."""
        return (
            self.event == "MODIFIED"
            and self.before is not None
            and set(self.fences.values()) == {NO_FENCE}
            and "lockgate.dev/fence" not in "".join(annotations_of(self.before))
            and {**_wanted(self.obj), "annotations": {}} == {**_wanted(self.before), "annotations": {}}
        )


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

    async def written(self, since: int = 0) -> list[Written]:
        """What anybody wrote to Deployments, Services and routes, after the version `since`; controllers write none of it."""
        await self._caught_up()
        objects = {kind: dict(found) for kind, found in self.found.items() if kind != "pods"}
        writes = []
        for version, kind, event, obj in sorted(self.lines, key=lambda line: line[0]):
            if kind not in objects:
                continue
            before = objects[kind].get(name_of(obj))
            _apply(objects[kind], event, obj)
            if version > since and (before is None or event == "DELETED" or _wanted(before) != _wanted(obj)):
                writes.append(Written(event, kind, name_of(obj), obj, before))
        return writes

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


def _wanted(obj: Json) -> Json:
    """What somebody wrote, and not what controllers say of it."""
    marks = {
        key: text
        for key, text in annotations_of(obj).items()
        if not key.startswith("deployment.kubernetes.io/")
    }
    return {"annotations": marks, "labels": labels_of(obj), "spec": obj["spec"], "uid": uid_of(obj)}


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not is_going(pod)
