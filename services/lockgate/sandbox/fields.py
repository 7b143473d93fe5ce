"""Which field is which: paths into objects, keyed lists, atomic values, and FieldsV1.

A path is a tuple of FieldsV1 elements: `("f:spec", "f:containers", 'k:{"name":"app"}', "f:image")`. The path
of a list item stands for the item itself. Talks to nobody; `managed` and `strategic` build on it.
"""

import json
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from lockgate.sandbox.objects import Json

Path = tuple[str, ...]

# (field that holds the list's owner, the list) -> what tells its items apart; other lists are atomic.
_KEYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("spec", "containers"): ("name",),
    ("spec", "initContainers"): ("name",),
    ("spec", "volumes"): ("name",),
    ("spec", "imagePullSecrets"): ("name",),
    ("spec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("spec", "hostAliases"): ("ip",),
    ("spec", "ports"): ("port", "protocol"),
    ("containers", "ports"): ("containerPort", "protocol"),
    ("containers", "env"): ("name",),
    ("containers", "volumeMounts"): ("mountPath",),
    ("initContainers", "env"): ("name",),
    ("initContainers", "volumeMounts"): ("mountPath",),
    ("metadata", "ownerReferences"): ("uid",),
    ("status", "conditions"): ("type",),
}
_KEY_DEFAULTS = {"protocol": "TCP"}
_ATOMIC_MAPS = frozenset(
    {"selector", "nodeSelector", "labelSelector", "fieldRef", "configMapKeyRef", "secretKeyRef"}
)
# The server's own metadata belongs to no field manager.
_UNMANAGED_METADATA = frozenset(
    {
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    }
)
ITEM = object()  # the value of a path that stands for a list item


def is_atomic(path: Path) -> bool:
    """Whether a map at `path` has one owner as a whole."""
    return bool(path) and path[-1][2:] in _ATOMIC_MAPS


def keys_of(path: Path) -> tuple[str, ...] | None:
    """What tells the items of the list at `path` apart; None for an atomic list."""
    names = [element[2:] for element in path if element.startswith("f:")]
    return _KEYS.get((names[-2], names[-1])) if len(names) > 1 else None


def item_key(keys: Iterable[str], item: Json) -> str:
    """The path element of a list item."""
    found = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in keys}
    present = {key: value for key, value in found.items() if value is not None}
    return "k:" + json.dumps(present, sort_keys=True, separators=(",", ":"))


def flatten(obj: Json) -> dict[Path, Any]:
    """Every managed leaf of an object: its path and its value (`ITEM` for a list item)."""
    found: dict[Path, Any] = {}
    for field, value in obj.items():
        if field in ("apiVersion", "kind"):
            continue
        if field == "metadata":
            managed = {key: inner for key, inner in value.items() if key not in _UNMANAGED_METADATA}
            if managed:
                found.update(_leaves(managed, ("f:metadata",)))
        else:
            found.update(_leaves(value, (f"f:{field}",)))
    return found


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value and not is_atomic(path):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, f"f:{key}"))
        return
    keys = keys_of(path) if isinstance(value, list) and value else None
    if keys is None:
        yield path, value
        return
    for item in value:
        inner_path = (*path, item_key(keys, item))
        yield inner_path, ITEM
        for key, inner in item.items():
            yield from _leaves(inner, (*inner_path, f"f:{key}"))


def with_parents(paths: AbstractSet[Path]) -> set[Path]:
    """The paths and everything they lie in."""
    return {path[:length] for path in paths for length in range(1, len(path) + 1)}


def encode(paths: AbstractSet[Path]) -> Json:
    """Paths as FieldsV1."""
    root: Json = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return root


def decode(fields: Json, path: Path = ()) -> Iterator[Path]:
    """FieldsV1 as paths."""
    if not fields and path:
        yield path
        return
    for element, inner in fields.items():
        if element == ".":
            yield path
        else:
            yield from decode(inner, (*path, element))


def printed(path: Path) -> str:
    """A path as the API server prints it: `.spec.containers[name="app"].image`."""
    text = ""
    for element in path:
        if element.startswith("k:"):
            keys = json.loads(element[2:])
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]"
        else:
            text += f".{element[2:]}"
    return text
