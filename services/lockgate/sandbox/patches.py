"""The three patches that are not an apply: JSON Patch, merge patch, strategic merge patch. Pure."""

from collections.abc import Sequence
from typing import Any

from lockgate.sandbox.fields import Path, item_key, keys_of
from lockgate.sandbox.objects import Json
from lockgate.sandbox.status import bad_request, patch_refused


def json_patch(obj: Json, operations: Sequence[Json]) -> Json:
    """RFC 6902. Raises `ApiError` 422 where a `test` or a path does not hold."""
    patched: Any = obj
    for operation in operations:
        patched = _one(patched, operation)
    if not isinstance(patched, dict):
        raise patch_refused()
    return patched


def _one(document: Any, operation: Json) -> Any:
    try:
        path = _pointer(operation["path"])
        match operation["op"]:
            case "test":
                if not _same(_found(document, path), operation.get("value")):
                    raise patch_refused()
                return document
            case "add":
                return _write(document, path, operation["value"], insert=True)
            case "replace":
                _replaceable(document, path)
                return _write(document, path, operation["value"], insert=False)
            case "remove":
                return _remove(document, path)
            case "copy":
                source = _pointer(operation["from"])
                return _write(document, path, _replaceable(document, source), insert=True)
            case "move":
                source = _pointer(operation["from"])
                return _write(_remove(document, source), path, _read(document, source), insert=True)
            case other:
                raise bad_request(f"Unexpected kind: {other}")
    except (KeyError, IndexError, TypeError, ValueError):
        raise patch_refused() from None


def _same(one: Any, other: Any) -> bool:
    # 1 == True in Python and not in JSON.
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(part: str, length: int, end: int) -> int:
    if not part.isdigit() or (len(part) > 1 and part[0] == "0") or int(part) > length - 1 + end:
        raise IndexError(part)
    return int(part)


def _step(document: Any, part: str) -> Any:
    return document[_index(part, len(document), 0)] if isinstance(document, list) else document[part]


def _read(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        document = _step(document, part)
    return document


def _replaceable(document: Any, path: Sequence[str]) -> Any:
    """What is at a path. A missing member of an object is null there: the server's library replaces it all the same."""
    parent = _read(document, path[:-1])
    return parent.get(path[-1]) if isinstance(parent, dict) and path else _read(document, path)


def _found(document: Any, path: Sequence[str]) -> Any:
    """What a `test` compares: a missing member is null, as the server's library has it."""
    try:
        return _read(document, path)
    except (KeyError, IndexError):
        return None


def _write(document: Any, path: Sequence[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    part, rest = path[0], path[1:]
    if isinstance(document, list):
        if part == "-" and not rest and insert:
            return [*document, value]
        at = _index(part, len(document), 1 if insert and not rest else 0)
        if not rest and insert:
            return [*document[:at], value, *document[at:]]
        return [*document[:at], _write(document[at], rest, value, insert=insert), *document[at + 1 :]]
    below = _write(document[part], rest, value, insert=insert) if rest else value
    return {**document, part: below}


def _remove(document: Any, path: Sequence[str]) -> Any:
    part, rest = path[0], path[1:]
    inner = _step(document, part)
    if isinstance(document, list):
        at = int(part)
        return [*document[:at], *([_remove(inner, rest)] if rest else []), *document[at + 1 :]]
    if rest:
        return {**document, part: _remove(inner, rest)}
    return {key: value for key, value in document.items() if key != part}


def merge_patch(obj: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    base = obj if isinstance(obj, dict) else {}
    changed = {key: merge_patch(base.get(key), value) for key, value in patch.items() if value is not None}
    kept = {key: value for key, value in base.items() if key not in patch}
    return {**kept, **changed}


def strategic_patch(obj: Any, patch: Any, path: Path = ()) -> Any:
    """Kubernetes' merge patch: keyed lists by item, with `$patch: delete|replace`; the rest as RFC 7386."""
    match obj, patch:
        case _, dict():
            return _strategic_map(obj if isinstance(obj, dict) else {}, patch, path)
        case _, list() if (keys := keys_of(path)) is not None:
            return _strategic_list(obj if isinstance(obj, list) else [], patch, path, keys)
        case _:
            return patch


def _strategic_map(obj: Json, patch: Json, path: Path) -> Json:
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    wanted = {key: value for key, value in patch.items() if not key.startswith("$")}
    changed = {
        key: strategic_patch(obj.get(key), value, (*path, f"f:{key}"))
        for key, value in wanted.items()
        if value is not None
    }
    return {**{key: value for key, value in obj.items() if key not in wanted}, **changed}


def _strategic_list(items: list[Any], patch: list[Any], path: Path, keys: Sequence[str]) -> list[Any]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    laid = {item_key(keys, item): item for item in items}
    for item in patch:
        key = item_key(keys, item)
        if item.get("$patch") == "delete":
            laid.pop(key, None)
        else:
            laid[key] = strategic_patch(laid.get(key), item, (*path, key))
    return list(laid.values())
