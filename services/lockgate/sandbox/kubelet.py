"""What a node makes of a pod: pulling, starting, ready, crashing, backing off. Pure.

A pod's times have fractions of a second here, which Kubernetes' own timestamps have not.
"""

from dataclasses import dataclass, replace

from lockgate.sandbox.behaviour import Behaviour, digest_of, image_of
from lockgate.sandbox.objects import Json, condition, stamp, uid_of

_MAX_BACKOFF = 300.0


@dataclass(frozen=True, slots=True)
class Run:
    """A pod's container: since when it runs (or is down), how often it was started again."""

    since: float
    restarts: int = 0
    down_until: float | None = None


def advance(run: Run, behaviour: Behaviour, backoff: float, now: float) -> tuple[Run, float | None]:
    """The container at `now`, and when it changes next of itself. `backoff`: seconds after a first crash."""
    while True:
        if run.down_until is not None:
            if now < run.down_until:
                return run, run.down_until
            run = Run(since=run.down_until, restarts=run.restarts + 1)
        elif not behaviour.starts:
            return run, None
        elif behaviour.crash_after_seconds is not None and now >= run.since + behaviour.crash_after_seconds:
            end = run.since + behaviour.crash_after_seconds
            pause = max(0.01, min(_MAX_BACKOFF, backoff * 2.0 ** min(run.restarts, 16)))
            run = replace(run, down_until=end + pause)
        else:
            return run, _next(run, behaviour, now)


def _next(run: Run, behaviour: Behaviour, now: float) -> float | None:
    moments = [run.since + behaviour.start_seconds]
    if behaviour.crash_after_seconds is not None:
        moments.append(run.since + behaviour.crash_after_seconds)
    return min((moment for moment in moments if moment > now), default=None)


def is_up(run: Run, behaviour: Behaviour) -> bool:
    """Whether the container runs (ready or not)."""
    return run.down_until is None and behaviour.starts


def serves(run: Run, behaviour: Behaviour, now: float) -> bool:
    """Whether the container is ready."""
    return is_up(run, behaviour) and not behaviour.never_ready and now >= run.since + behaviour.start_seconds


def pod_status(pod: Json, run: Run, behaviour: Behaviour, now: float) -> Json:
    """The status of a pod, with the times of conditions that did not change kept."""
    if behaviour.homeless:
        return {"phase": "Pending", "conditions": [_unscheduled(pod, now)], "qosClass": "BestEffort"}
    ready = serves(run, behaviour, now)
    old = pod.get("status") or {}
    number = int(uid_of(pod)[:6], 16)
    status: Json = {
        "phase": "Pending" if behaviour.missing else "Running",
        "conditions": _conditions(old, ready, now),
        "startTime": old.get("startTime", stamp(now)),
        "qosClass": "BestEffort",
        "hostIP": "10.0.0.1",
        "containerStatuses": [
            _container(pod, each, run, behaviour, ready) for each in pod["spec"]["containers"]
        ],
    }
    if not behaviour.missing:
        status["podIP"] = f"10.{number >> 16 & 127 | 128}.{number >> 8 & 255}.{number & 255}"
        status["podIPs"] = [{"ip": status["podIP"]}]
    return status


def _conditions(old: Json, ready: bool, now: float) -> list[Json]:
    before = {entry["type"]: entry for entry in old.get("conditions") or ()}
    wanted = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    return [_condition(kind, holds, before.get(kind), now) for kind, holds in wanted.items()]


def _condition(kind: str, holds: bool, before: Json | None, now: float) -> Json:
    value = "True" if holds else "False"
    if before is not None and before["status"] == value:
        return before
    entry: Json = {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": stamp(now)}
    if holds:
        return entry
    return {**entry, "reason": "ContainersNotReady", "message": "containers with unready status: [app]"}


def _unscheduled(pod: Json, now: float) -> Json:
    before = condition(pod, "PodScheduled")
    if before is not None and before["status"] == "False":
        return before
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": stamp(now),
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    }


def _container(pod: Json, container: Json, run: Run, behaviour: Behaviour, ready: bool) -> Json:
    image, up = container["image"], is_up(run, behaviour)
    status: Json = {
        "name": container["name"],
        "image": image,
        "imageID": "" if behaviour.missing else f"{image.split('@')[0]}@{digest_of(image_of(pod))}",
        "ready": ready,
        "started": up,
        "restartCount": run.restarts,
        "state": _state(container, image, run, behaviour),
        "lastState": {},
    }
    if up:
        status["containerID"] = f"containerd://{uid_of(pod)}-{run.restarts}"
    if run.down_until is not None or run.restarts:
        ended = {"exitCode": 1, "reason": "Error"}
        status["lastState"] = {"terminated": ended}
    return status


def _state(container: Json, image: str, run: Run, behaviour: Behaviour) -> Json:
    if behaviour.missing:
        return {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}
    if run.down_until is not None:
        pause = (
            f"back-off {round(run.down_until - run.since)}s restarting failed container={container['name']}"
        )
        return {"waiting": {"reason": "CrashLoopBackOff", "message": pause}}
    return {"running": {"startedAt": stamp(run.since)}}
