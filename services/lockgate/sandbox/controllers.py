"""The control loops of a region: store changes and due times in, writes out. The thin shell over the pure cores.

Nothing runs while nothing happens: a change of the store or a due time wakes `_drain`, and that is all.
"""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from lockgate.sandbox import deployments, kubelet, managed, replicasets, writes
from lockgate.sandbox.behaviour import Behaviour, digest_of, image_of
from lockgate.sandbox.kinds import DEPLOYMENTS, HTTPROUTES, PODS, REPLICASETS, Kind
from lockgate.sandbox.leaving import leave
from lockgate.sandbox.objects import Json, is_deleting, name_of, stamp, uid_of, with_metadata
from lockgate.sandbox.routestatus import route_status
from lockgate.sandbox.store import Change, Store

_MANAGER = "kube-controller-manager"
_SLICE = 200  # work items between two turns of the event loop

Item = tuple[Kind, str, str]  # kind, namespace, name


class Alarms:
    """One timer for all regions: callbacks at moments, however many are waiting."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")

    def at(self, moment: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (moment, next(self._number), callback))
        self._arm()

    def close(self) -> None:
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _arm(self) -> None:
        if not self._heap or self._heap[0][0] >= self._armed_for:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._armed_for = self._heap[0][0]
        delay = max(0.0, self._armed_for - self._clock())
        self._handle = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._armed_for, self._handle = float("inf"), None
        # A timer may ring a hair early by the wall clock.
        now = self._clock() + 0.001
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
        self._arm()


class Controllers:
    """Deployment, ReplicaSet, garbage and route controllers and the kubelets of one region."""

    def __init__(
        self,
        store: Store,
        behaviour: Callable[[str], Behaviour],
        alarms: Alarms,
        clock: Callable[[], float],
        *,
        backoff: float,
        grace: float,
    ) -> None:
        self.runs: dict[str, kubelet.Run] = {}  # pod uid -> its container
        self._store, self._behaviour, self._alarms, self._clock = store, behaviour, alarms, clock
        self._backoff, self.grace = backoff, grace
        self._queue: dict[Item, None] = {}
        self._due: dict[Item, float] = {}
        self._scheduled = False
        self._stopped = False
        self._forget = store.listen(self._on_change)
        self._work: dict[Kind, Callable[[Json, float], float | None]] = {
            DEPLOYMENTS: self._deployment,
            REPLICASETS: self._replica_set,
            PODS: self._pod,
            HTTPROUTES: self._route,
        }

    def stop(self) -> None:
        self._stopped = True
        self._forget()

    def image_changed(self, digest: str) -> None:
        """An image behaves differently from now on: look at its pods again."""
        for pod in self._store.select(PODS):
            if digest_of(image_of(pod)) == digest:
                self._enqueue((PODS, pod["metadata"]["namespace"], name_of(pod)))

    def _on_change(self, change: Change) -> None:
        namespace = change.obj["metadata"].get("namespace", "")
        if change.type == "DELETED":
            self.runs.pop(uid_of(change.obj), None)
            self._collect(change.obj)
        elif change.kind in self._work:
            self._enqueue((change.kind, namespace, name_of(change.obj)))
        for owner in (change.obj["metadata"].get("ownerReferences") or ())[:1]:
            kind = next((each for each in (DEPLOYMENTS, REPLICASETS) if each.name == owner["kind"]), None)
            if kind is not None:
                self._enqueue((kind, namespace, owner["name"]))
        if change.kind is PODS and change.type == "DELETED":
            self._wake_recreate(change.obj)

    def _wake_recreate(self, pod: Json) -> None:
        """A deployment that recreates waits for pods, which its ReplicaSets own and not itself."""
        namespace = pod["metadata"].get("namespace", "")
        for owner in pod["metadata"].get("ownerReferences") or ():
            replica_set = self._store.get(REPLICASETS, namespace, owner["name"])
            for above in (replica_set or {"metadata": {}})["metadata"].get("ownerReferences") or ():
                self._enqueue((DEPLOYMENTS, namespace, above["name"]))

    def _collect(self, owner: Json) -> None:
        """What a deleted object owned goes too."""
        for kind, obj in self._store.owned_by(uid_of(owner)):
            self._delete(kind, obj, self._clock())

    def orphan(self, owner: Json) -> None:
        """Release what an object owns, before it is deleted without them."""
        for kind, obj in self._store.owned_by(uid_of(owner)):
            self._store.put(kind, obj["metadata"]["namespace"], with_metadata(obj, ownerReferences=None))

    def _enqueue(self, item: Item) -> None:
        self._queue[item] = None
        if not self._scheduled and not self._stopped:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        now = self._clock()
        try:
            for _ in range(min(_SLICE, len(self._queue))):
                item = next(iter(self._queue))
                del self._queue[item]
                self._reconcile(item, now)
        finally:  # an item that fails is reported by the event loop and holds up no other
            if self._queue and not self._scheduled and not self._stopped:
                self._scheduled = True
                asyncio.get_running_loop().call_soon(self._drain)

    def _reconcile(self, item: Item, now: float) -> None:
        kind, namespace, name = item
        obj = self._store.get(kind, namespace, name)
        due = self._work[kind](obj, now) if obj is not None else None
        if due is None:
            self._due.pop(item, None)
        elif self._due.get(item) != due:
            self._due[item] = due
            self._alarms.at(due, lambda: self._ring(item, due))

    def _ring(self, item: Item, due: float) -> None:
        if self._due.get(item) == due:
            del self._due[item]
            self._enqueue(item)

    def _deployment(self, deployment: Json, now: float) -> float | None:
        uid = uid_of(deployment)
        sets = [obj for kind, obj in self._store.owned_by(uid) if kind is REPLICASETS]
        pods = [pod for each in sets for kind, pod in self._store.owned_by(uid_of(each)) if kind is PODS]
        step = deployments.reconcile(deployment, sets, pods, now)
        if step.create is not None:
            request = writes.request_for(REPLICASETS, step.create, _MANAGER, now)
            writes.create(self._store, request, step.create)
        for replica_set in step.update:
            self._put(
                REPLICASETS, replica_set, {"spec": replica_set["spec"], "metadata": replica_set["metadata"]}
            )
        namespace = deployment["metadata"]["namespace"]
        for name in step.delete:
            self._store.remove(REPLICASETS, namespace, name)
        if step.deployment is not None:
            time = stamp(now)
            deployment = self._store.put(
                DEPLOYMENTS, namespace, managed.update(deployment, step.deployment, _MANAGER, time)
            )
        if step.status and step.status != deployment.get("status"):
            new = {**deployment, "status": step.status}
            recorded = managed.update(deployment, new, _MANAGER, stamp(now), "status")
            self._store.put(DEPLOYMENTS, namespace, recorded)
        return step.due

    def _put(self, kind: Kind, live: Json, changes: Json) -> None:
        """A controller's write to an object whose ownership nobody asks for."""
        new = {**live, **changes}
        old = self._store.get(kind, live["metadata"]["namespace"], name_of(live))
        if old is not None and kind.counts_generations and new["spec"] != old["spec"]:
            metadata = {**new["metadata"], "generation": old["metadata"]["generation"] + 1}
            new = {**new, "metadata": metadata}
        self._store.put(kind, live["metadata"]["namespace"], new)

    def _replica_set(self, replica_set: Json, now: float) -> float | None:
        pods = [pod for kind, pod in self._store.owned_by(uid_of(replica_set)) if kind is PODS]
        scaling = replicasets.reconcile(replica_set, pods, now)
        for _ in range(scaling.create):
            pod = replicasets.new_pod(replica_set, self._store.new_suffix())
            metadata = {**pod["metadata"], "uid": self._store.new_uid(), "creationTimestamp": stamp(now)}
            status = {"phase": "Pending", "qosClass": "BestEffort"}
            self._store.put(PODS, metadata["namespace"], {**pod, "metadata": metadata, "status": status})
        by_name = {name_of(pod): pod for pod in pods}
        for name in scaling.delete:
            self._delete(PODS, by_name[name], now)
        if scaling.status != replica_set.get("status"):
            self._put(REPLICASETS, replica_set, {"status": scaling.status})
        return scaling.due

    def _delete(self, kind: Kind, obj: Json, now: float) -> None:
        writes.delete(self._store, writes.request_for(kind, obj, _MANAGER, now), {}, self.grace)

    def _pod(self, pod: Json, now: float) -> float | None:
        uid, namespace = uid_of(pod), pod["metadata"]["namespace"]
        if is_deleting(pod):
            self._alarms.at(now + self.grace, lambda: self._gone(namespace, name_of(pod), uid))
            return None
        behaviour = self._behaviour(digest_of(image_of(pod)))
        run, due = kubelet.advance(self.runs.get(uid, kubelet.Run(now)), behaviour, self._backoff, now)
        self.runs[uid] = run
        status = kubelet.pod_status(pod, run, behaviour, now)
        if status != pod.get("status"):
            self._store.put(PODS, namespace, {**pod, "status": status})
        return due

    def _gone(self, namespace: str, name: str, uid: str) -> None:
        pod = self._store.get(PODS, namespace, name)
        if pod is not None and uid_of(pod) == uid and not self._stopped:
            leave(self._store, PODS, namespace, pod, self._clock())

    def _route(self, route: Json, now: float) -> float | None:
        new = {**route, "status": route_status(route, now)}
        if new["status"] != route.get("status"):
            recorded = managed.update(route, new, "sandbox-gateway", stamp(now), "status")
            self._store.put(HTTPROUTES, route["metadata"]["namespace"], recorded)
        return None
