"""A region's objects: one resource version counter, a bounded history, and listeners. No rules live here.

`writes` decides what may be stored; `watching`, `controllers` and `traffic` hear of every change.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from lockgate.sandbox.kinds import Kind
from lockgate.sandbox.objects import Json, name_of, owner_of, safe_name, with_metadata
from lockgate.sandbox.status import expired, too_large

_NAMES = uuid.UUID("9d4fd3b2-8b0c-5a52-9d8e-5a0a6d2b7f10")

Key = tuple[str, str]  # namespace ("" for cluster-scoped objects), name


@dataclass(frozen=True, slots=True)
class Change:
    """One write: `obj` as stored (as last seen, when deleted) and what was there before."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    kind: Kind
    obj: Json
    old: Json | None


class Store:
    """Objects of one region. Names and uids that it makes up follow from `seed`, `region` and the order of writes."""

    def __init__(self, region: str, seed: int, history: int) -> None:
        self.version = 1
        self._origin = f"{seed}/{region}"
        self._kept = history
        self._made = 0
        self._objects: dict[Kind, dict[Key, Json]] = {}
        self._owned: dict[str, dict[tuple[Kind, Key], None]] = {}
        self._history: list[Change] = []
        self._listeners: list[Callable[[Change], None]] = []

    def new_uid(self) -> str:
        self._made += 1
        return str(uuid.uuid5(_NAMES, f"{self._origin}/{self._made}"))

    def new_suffix(self) -> str:
        """Five characters, as `generateName` appends them."""
        self._made += 1
        return safe_name(f"{self._origin}/name/{self._made}", 5)

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        return self._objects.get(kind, {}).get((namespace, name))

    def select(self, kind: Kind, namespace: str | None = None) -> list[Json]:
        """Objects of a kind in name order; None means every namespace."""
        found = self._objects.get(kind, {})
        return [found[key] for key in sorted(found) if namespace is None or key[0] == namespace]

    def owned_by(self, uid: str) -> list[tuple[Kind, Json]]:
        """What the object of this uid controls, oldest first."""
        return [(kind, self._objects[kind][key]) for kind, key in self._owned.get(uid, {})]

    def put(self, kind: Kind, namespace: str, obj: Json) -> Json:
        """Store `obj` under the next resource version and tell the listeners."""
        key = (namespace, name_of(obj))
        old = self._objects.get(kind, {}).get(key)
        self.version += 1
        stored = with_metadata(obj, resourceVersion=str(self.version))
        self._objects.setdefault(kind, {})[key] = stored
        self._index(kind, key, old, stored)
        self._tell(Change(self.version, "MODIFIED" if old is not None else "ADDED", kind, stored, old))
        return stored

    def remove(self, kind: Kind, namespace: str, name: str) -> Json:
        """Remove an object; its last state carries the resource version of the removal."""
        old = self._objects[kind].pop((namespace, name))
        self.version += 1
        last = with_metadata(old, resourceVersion=str(self.version))
        self._index(kind, (namespace, name), old, None)
        self._tell(Change(self.version, "DELETED", kind, last, old))
        return last

    def since(self, version: int) -> Iterator[Change]:
        """Every change after `version`. Raises `ApiError` 410 (forgotten) or 504 (not reached yet)."""
        if version > self.version:
            raise too_large(version, self.version)
        oldest = self.version - len(self._history)
        if version < oldest:
            raise expired(version, oldest)
        return iter(self._history[version - oldest :])

    def forget(self) -> None:
        """Forget every change of the past, as etcd's compaction does."""
        self._history.clear()

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with each change; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(self, change: Change) -> None:
        self._history.append(change)
        if len(self._history) > 2 * self._kept:
            del self._history[: -self._kept]
        for listener in tuple(self._listeners):
            listener(change)

    def _index(self, kind: Kind, key: Key, old: Json | None, new: Json | None) -> None:
        before, after = (owner_of(obj) if obj is not None else None for obj in (old, new))
        if before is not None and before != after:
            owned = self._owned.get(before, {})
            owned.pop((kind, key), None)
            if not owned:
                self._owned.pop(before, None)
        if after is not None:
            self._owned.setdefault(after, {})[kind, key] = None
