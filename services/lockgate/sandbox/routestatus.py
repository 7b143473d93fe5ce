"""The status that a gateway's controller writes on an HTTPRoute: accepted, and every reference resolved. Pure."""

from lockgate.sandbox.objects import Json, stamp

_CONTROLLER = "lockgate.example/sandbox-gateway"


def route_status(route: Json, now: float) -> Json:
    """One entry for each parent; times of unchanged conditions are kept."""
    before = {str(entry["parentRef"]): entry for entry in (route.get("status") or {}).get("parents") or ()}
    parents = (route.get("spec") or {}).get("parentRefs") or ()
    return {"parents": [_parent(each, before.get(str(each)), route, now) for each in parents]}


def _parent(reference: Json, before: Json | None, route: Json, now: float) -> Json:
    generation = route["metadata"]["generation"]
    times = {entry["type"]: entry["lastTransitionTime"] for entry in (before or {}).get("conditions") or ()}
    conditions = [
        {
            "type": kind,
            "status": "True",
            "observedGeneration": generation,
            "lastTransitionTime": times.get(kind, stamp(now)),
            "reason": kind,
            "message": "",
        }
        for kind in ("Accepted", "ResolvedRefs")
    ]
    return {"parentRef": reference, "controllerName": _CONTROLLER, "conditions": conditions}
