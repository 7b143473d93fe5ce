"""Field ownership: what server-side apply and every other write do to `metadata.managedFields`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lockgate.sandbox.fields import (
    Path,
    decode,
    encode,
    flatten,
    is_atomic,
    item_key,
    keys_of,
    printed,
    with_parents,
)
from lockgate.sandbox.objects import Json, with_metadata
from lockgate.sandbox.status import apply_conflict

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Entry:
    """What one manager owns by one operation."""

    manager: str
    operation: str  # Apply | Update
    api_version: str
    time: str
    fields: frozenset[Path]
    subresource: str = ""

    def is_of(self, manager: str, operation: str, subresource: str) -> bool:
        return (self.manager, self.operation, self.subresource) == (manager, operation, subresource)

    def printed(self) -> str:
        """As the server names a manager in a conflict."""
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == "Update" else text

    def json(self) -> Json:
        entry: Json = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": encode(self.fields),
        }
        return {**entry, "subresource": self.subresource} if self.subresource else entry


def entries_of(obj: Json | None) -> list[Entry]:
    """The ownership recorded in an object."""
    listed = (obj or {}).get("metadata", {}).get("managedFields") or ()
    return [
        Entry(
            manager=entry["manager"],
            operation=entry["operation"],
            api_version=entry["apiVersion"],
            time=entry["time"],
            fields=frozenset(decode(entry.get("fieldsV1") or {})),
            subresource=entry.get("subresource", ""),
        )
        for entry in listed
    ]


def with_entries(obj: Json, entries: Sequence[Entry]) -> Json:
    listed = [entry.json() for entry in entries if entry.fields]
    return with_metadata(obj, managedFields=listed or None)


def apply(live: Json | None, config: Json, manager: str, force: bool, time: str) -> Json:
    """`config` applied by `manager` over `live` (None: the object is new), with ownership recorded.

    Raises `ApiError` 409 where another manager owns a field that would change and `force` is not set.
    """
    config = without_nulls(config)
    wanted = {path: value for path, value in flatten(config).items() if path[0] != "f:status"}
    entries = entries_of(live)
    before = next((entry for entry in entries if entry.is_of(manager, "Apply", "")), None)
    others = [entry for entry in entries if entry is not before]
    current = flatten(live) if live is not None else {}
    changed = {path for path, value in wanted.items() if current.get(path, _ABSENT) != value}
    conflicts = [
        (entry.printed(), printed(path)) for entry in others for path in sorted(entry.fields & changed)
    ]
    if conflicts and not force:
        raise apply_conflict(conflicts)
    others = [replace(entry, fields=entry.fields - changed) for entry in others]
    merged = merge(live, {key: value for key, value in config.items() if key != "status"}) if live else config
    if before is not None:
        kept = with_parents(frozenset(wanted)).union(*(with_parents(entry.fields) for entry in others))
        merged = _pruned(merged, with_parents(before.fields) - kept)
    fields = frozenset(wanted)
    unchanged = before is not None and before.fields == fields
    mine = Entry(
        manager, "Apply", config["apiVersion"], before.time if unchanged and before else time, fields
    )
    return with_entries(merged, [mine, *others])


def update(old: Json | None, new: Json, manager: str, time: str, subresource: str = "") -> Json:
    """`new`, written over `old` by anything but an apply, with ownership recorded."""
    before, after = flatten(old) if old is not None else {}, flatten(new)
    if not subresource:
        after = {path: value for path, value in after.items() if path[0] != "f:status"}
        before = {path: value for path, value in before.items() if path[0] != "f:status"}
    touched = frozenset(path for path, value in after.items() if before.get(path, _ABSENT) != value)
    removed = frozenset(before.keys() - after.keys())
    entries = entries_of(old)
    if not touched and not removed:
        return with_entries(new, entries)
    mine = next((entry for entry in entries if entry.is_of(manager, "Update", subresource)), None)
    others = [
        replace(entry, fields=entry.fields - touched - removed) for entry in entries if entry is not mine
    ]
    owned = (mine.fields if mine else frozenset()) - removed | touched
    written = Entry(manager, "Update", new["apiVersion"], time, frozenset(owned), subresource)
    return with_entries(new, [*others, written])


def without_nulls(value: Any) -> Any:
    """An applied configuration says nothing by null."""
    match value:
        case dict():
            return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
        case list():
            return [without_nulls(inner) for inner in value]
        case _:
            return value


def merge(live: Any, config: Any, path: Path = ()) -> Any:
    """`config` laid over `live`: maps by field, keyed lists by item, everything else replaced."""
    match live, config:
        case dict(), dict() if not is_atomic(path):
            laid = {key: merge(live.get(key), value, (*path, f"f:{key}")) for key, value in config.items()}
            return {**live, **laid}
        case list(), list() if (keys := keys_of(path)) is not None:
            laid = {item_key(keys, item): item for item in live}
            for item in config:
                key = item_key(keys, item)
                laid[key] = merge(laid.get(key), item, (*path, key))
            return list(laid.values())
        case _:
            return config


def _pruned(value: Any, doomed: set[Path], path: Path = ()) -> Any:
    match value:
        case dict() if not is_atomic(path):
            kept = ((key, inner, (*path, f"f:{key}")) for key, inner in value.items())
            return {key: _pruned(inner, doomed, below) for key, inner, below in kept if below not in doomed}
        case list() if (keys := keys_of(path)) is not None:
            items = ((item, (*path, item_key(keys, item))) for item in value)
            return [_pruned(item, doomed, below) for item, below in items if below not in doomed]
        case _:
            return value
