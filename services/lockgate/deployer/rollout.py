"""Whether a roll-out is over, by the rules of `kubectl rollout status`; and why pods do not come up. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockgate.deployer.objects import Json, name_of, pods_of, replicas_of

_NORMAL = {"ContainerCreating", "PodInitializing"}


@dataclass(frozen=True, slots=True)
class Rolling:
    updated: int
    wanted: int
    reason: str


@dataclass(frozen=True, slots=True)
class RolledOut:
    wanted: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Kubernetes says that the progress deadline was exceeded. It only says so, and goes on trying."""

    updated: int
    wanted: int


def rollout_status(deployment: Json) -> Rolling | RolledOut | TimedOut:
    """Where the newest template of a Deployment stands (kubectl's rollout_status.go)."""
    status, wanted, name = deployment.get("status") or {}, replicas_of(deployment), name_of(deployment)
    total, updated, available = (
        int(status.get(field, 0)) for field in ("replicas", "updatedReplicas", "availableReplicas")
    )
    if deployment["metadata"]["generation"] > status.get("observedGeneration", 0):
        return Rolling(0, wanted, f"{name}: Kubernetes has not begun with the new version yet.")
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    if conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded":
        return TimedOut(updated, wanted)
    if updated < wanted:
        counted = f"{name}: {updated} of {wanted} pods are of the new version."
        return Rolling(updated, wanted, f"{counted} {_not_made(deployment)}".strip())
    if total > updated:
        return Rolling(
            updated, wanted, f"{name}: {total - updated} pods of the old version have still to go."
        )
    if available < updated:
        return Rolling(updated, wanted, f"{name}: {available} of {updated} new pods are available.")
    return RolledOut(wanted)


def waiting_reasons(deployment: Json, pods: Sequence[Json]) -> str:
    """What keeps a Deployment's pods from being made or from running, for people; empty if nothing is said of it."""
    return f"{_not_made(deployment)} {words_of_pods(deployment, pods)}".strip()


def _not_made(deployment: Json) -> str:
    """That pods were refused, as by a ResourceQuota or an admission policy: there is no pod then that could say so."""
    for each in (deployment.get("status") or {}).get("conditions") or ():
        if (each["type"], each.get("status")) == ("ReplicaFailure", "True"):
            return f"Pods are not made: {each.get('reason')} ({str(each.get('message'))[:300]})."
    return ""


def words_of_pods(deployment: Json, pods: Sequence[Json]) -> str:
    """Why its pods do not run, as they say it themselves; empty if none says anything."""
    found = [reason for pod in pods_of(deployment, pods) for reason in _reasons(pod)]
    counts = Counter(reason for reason, _detail in found)
    texts = []
    for reason, count in counts.most_common(4):
        detail = next(text for other, text in found if other == reason)
        texts.append(f"{reason} in {count} {'pod' if count == 1 else 'pods'} ({detail[:300]})")
    return f"Waiting pods: {'; '.join(texts)}." if texts else ""


def _reasons(pod: Json) -> Iterator[tuple[str, str]]:
    """At most one (reason, detail) of a pod that is not ready."""
    status = pod.get("status") or {}
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in _NORMAL:
            yield waiting["reason"], f"{name_of(pod)}: {waiting.get('message') or 'no message'}"
            return
    for each in status.get("containerStatuses") or ():
        ended = (each.get("lastState") or {}).get("terminated")
        if ended is not None and not each.get("ready"):  # between two crashes of a loop
            times, code = each.get("restartCount", 0), ended.get("exitCode")
            yield (
                "Crashing",
                f"{name_of(pod)}: {each['name']} was started again {times} times, last exit code {code}",
            )
            return
    for condition in status.get("conditions") or ():
        if condition["status"] != "True" and condition["type"] in {"PodScheduled", "Ready"}:
            text = condition.get("message") or "no message"
            yield condition.get("reason") or condition["type"], f"{name_of(pod)}: {text}"
            return
