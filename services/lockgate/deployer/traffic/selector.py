"""All traffic at once where there is no route: production's Service selects the clone's pods, and later its own again.

Pure. What it selected before is kept in an annotation, so that it comes back exactly. The Service is not written to, and
carries no mark, before its first switch.
"""

import json

from lockgate.deployer.fencing import (
    DamagedFenceError,
    Marks,
    Operation,
    adoption,
    fence_of,
    fenced,
)
from lockgate.deployer.objects import CLONE_LABEL, Json, annotations_of, name_of
from lockgate.deployer.strategies.given import Kind, Patch, Region, Target

_PATH = "/spec/selector"


def home(service: Json, marks: Marks) -> Json:
    """The Service as it is without a switch. DamagedFenceError if it is switched and nobody knows from what."""
    if not _is_switched(service):
        return service
    text = annotations_of(service).get(marks.selector, "")
    try:
        selector = json.loads(text)
    except json.JSONDecodeError:
        selector = None
    if not isinstance(selector, dict) or not selector:
        raise DamagedFenceError(
            f"The Service {name_of(service)} selects a clone's pods, and its annotation {marks.selector} does not say "
            f"what it selected before: somebody changed it. Set spec.selector to production's pods by hand."
        )
    return {**service, "spec": {**service["spec"], "selector": selector}}


def switched(target: Target, live: Region) -> Patch | None:
    """Until the Service selects the target's clone; then None."""
    service, marks = _present(live), target.route_marks
    if fence_of(service, marks) is None:
        return _adopted(target, service)
    if is_switched_to(target.clone, service):
        return None
    wanted = {CLONE_LABEL: target.clone}
    before = json.dumps(home(service, marks)["spec"]["selector"], sort_keys=True)
    noted = {marks.selector: before, marks.given: target.clone}
    return _written(target, service, wanted, noted, drains=False)


def switched_back(target: Target, live: Region, keep: str | None) -> Patch | None:
    """Until the Service selects what it did before any switch, but for one to the clone that is kept; then None."""
    service = live.service
    if service is None or not _is_switched(service):
        return None
    if keep is not None and is_switched_to(target.clone, service):
        return None
    marks = target.route_marks
    if fence_of(service, marks) is None:
        return _adopted(
            target, service
        )  # somebody removed the annotation, as a refusal may have told them to
    before = home(service, marks)["spec"]["selector"]
    return _written(target, service, before, {marks.given: ""}, drains=True)


def claimed(target: Target, live: Region) -> Patch | None:
    """Until a Service that was ever switched carries the target's fence; then None."""
    service, marks = live.service, target.route_marks
    seen = fence_of(service, marks) if service is not None else None
    if service is None or seen is None or seen.order >= target.fence.order:
        return None
    return Patch(Kind.SERVICE, name_of(service), fenced(service, marks, target.fence, {}, []))


def _adopted(target: Target, service: Json) -> Patch:
    marks = target.route_marks
    values = {marks.application: target.application}
    return Patch(Kind.SERVICE, name_of(service), adoption(service, marks, values))


def _written(target: Target, service: Json, selector: Json, values: dict[str, str], *, drains: bool) -> Patch:
    """Void unless the Service still selects what was read: others write to Services as well."""
    marks = target.route_marks
    changes: list[Operation] = [
        {"op": "test", "path": _PATH, "value": service["spec"]["selector"]},
        {"op": "replace", "path": _PATH, "value": selector},
    ]
    noted = {marks.release: target.release, **values}
    operations = fenced(service, marks, target.fence, noted, changes)
    return Patch(Kind.SERVICE, name_of(service), operations, drains)


def is_switched_to(clone: str, service: Json) -> bool:
    return (service["spec"].get("selector") or {}) == {CLONE_LABEL: clone}


def _is_switched(service: Json) -> bool:
    return CLONE_LABEL in (service["spec"].get("selector") or {})


def _present(live: Region) -> Json:
    if live.service is None:
        raise LookupError("a switch was asked for without a Service: `deployable` was not asked first")
    return live.service
