"""The fence on every object that is written, as annotation and as condition of the write. Pure.

`test` on the annotation, and not on the resourceVersion, because status updates move that all the time. Objects
that several applications share (routes, Services) carry one set of marks per application: each has its own counter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lockgate.deployer.objects import Json, annotations_of, uid_of, version_of
from lockgate.messages.values import NO_FENCE, Fence

Operation = dict[str, object]
_DOMAIN: Final = "lockgate.dev"
_VERSION: Final = "/metadata/resourceVersion"


@dataclass(frozen=True, slots=True)
class Marks:
    """The names of the annotations: of an object of one application's own, or of a shared one."""

    prefix: str = _DOMAIN

    @property
    def fence(self) -> str:
        return f"{self.prefix}/fence"

    @property
    def release(self) -> str:
        return f"{self.prefix}/release"

    @property
    def application(self) -> str:
        return f"{self.prefix}/application"

    @property
    def found(self) -> str:
        """The digest that ran before the release that is named beside it."""
        return f"{self.prefix}/found"

    @property
    def drift(self) -> str:
        """The fence of the step that has said what somebody did to its clone."""
        return f"{self.prefix}/drift"

    @property
    def container(self) -> str:
        return f"{self.prefix}/container"

    @property
    def route(self) -> str:
        """On a clone's Service: the route that its traffic comes by, as the plan names it."""
        return f"{self.prefix}/route"

    @property
    def given(self) -> str:
        """The clone that was given traffic by a shared object; empty once it was taken back."""
        return f"{self.prefix}/given"

    @property
    def share(self) -> str:
        """Of its traffic, what a route was told to give to that clone."""
        return f"{self.prefix}/share"

    @property
    def scale(self) -> str:
        """By how much a route's weights were multiplied to make room for a share: all, or each rule (0:1000,2:11)."""
        return f"{self.prefix}/scale"

    @property
    def floor(self) -> str:
        """What an autoscaler's minReplicas was before it was raised, and to what: 2 9. Empty once it was lowered."""
        return f"{self.prefix}/floor"

    @property
    def surge(self) -> str:
        """What a Deployment's maxSurge was before it was raised, and to what: 25% 40. Empty once it was put back."""
        return f"{self.prefix}/surge"

    @property
    def bare(self) -> str:
        """Which of a route's rules had said another weight than they meant, and what: none in the first, 0 in the third is 0:,2:0."""
        return f"{self.prefix}/bare"

    @property
    def selector(self) -> str:
        """What a Service selected before all of its traffic was switched to a clone."""
        return f"{self.prefix}/selector"


OWN = Marks()


def shared_marks(application: str) -> Marks:
    return Marks(f"{application}.{_DOMAIN}")


class DamagedFenceError(ValueError):
    """An object's fence annotation is no fence. The message names the object and says what to do."""


def fence_of(obj: Json, marks: Marks = OWN) -> Fence | None:
    """The fence that an object carries; None before first contact. DamagedFenceError if it is unreadable."""
    text = annotations_of(obj).get(marks.fence)
    if text is None:
        return None
    try:
        return Fence.parse(text)
    except ValueError:
        where = f"{obj.get('kind', 'object')} {obj['metadata']['name']}"
        raise DamagedFenceError(
            f"The annotation {marks.fence} of the {where} is {text[:80]!r} and no fence: somebody changed it. "
            f"Remove it, and Lockgate starts over with this object."
        ) from None


def clone_fence(obj: Json) -> Fence:
    """The fence under which a clone was made or taken over; below every fence if it says none."""
    try:
        return Fence.parse(annotations_of(obj).get(OWN.fence, ""))
    except ValueError:
        return NO_FENCE


def pointer(*parts: str | int) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def adoption(obj: Json, marks: Marks, values: Mapping[str, str]) -> list[Operation]:
    """First contact: fence 0 and these annotations, on exactly the object that was read."""
    annotations = {**values, marks.fence: str(NO_FENCE)}
    guard = [_test(_VERSION, version_of(obj))]
    if not annotations_of(obj):
        return [*guard, {"op": "add", "path": "/metadata/annotations", "value": annotations}]
    return [*guard, *_annotated(annotations)]


def is_adoption(operations: list[Operation]) -> bool:
    """Whether a patch is a first contact: what is newer than its writer does not make it void."""
    return operations[0].get("path") == _VERSION


def fenced(
    obj: Json, marks: Marks, fence: Fence, values: Mapping[str, str], changes: list[Operation]
) -> list[Operation]:
    """A change of an adopted object under `fence`: void unless the object still carries the fence that was read."""
    seen = annotations_of(obj)[marks.fence]
    guard = [
        _test(pointer("metadata", "uid"), uid_of(obj)),
        _test(pointer("metadata", "annotations", marks.fence), seen),
    ]
    return [*guard, *_annotated({**values, marks.fence: str(fence)}), *changes]


def _test(path: str, value: object) -> Operation:
    return {"op": "test", "path": path, "value": value}


def _annotated(values: Mapping[str, str]) -> list[Operation]:
    return [
        {"op": "add", "path": pointer("metadata", "annotations", key), "value": value}
        for key, value in sorted(values.items())
    ]
