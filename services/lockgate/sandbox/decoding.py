"""A body of the right shape and types, or the error that its verb answers with: each has its own. Pure."""

from typing import Any

from lockgate.sandbox.kinds import Kind
from lockgate.sandbox.managed import without_nulls
from lockgate.sandbox.objects import Json
from lockgate.sandbox.shapes import decoding_error, mistyped
from lockgate.sandbox.status import internal, unreadable, unreadable_patch
from lockgate.sandbox.validation import check_shape


def decoded(kind: Kind, body: Any) -> Json:
    """A whole object as it was sent; a null says nothing. Raises `ApiError` 400."""
    check_shape(kind, body)
    wrong = mistyped(kind, body)
    if wrong is not None:
        raise unreadable(kind, decoding_error(kind, wrong))
    found: Json = without_nulls(body)
    return found


def decoded_patch(kind: Kind, patched: Any) -> Json:
    """What a patch made of an object. Raises `ApiError` 422 for a wrong type."""
    check_shape(kind, patched)
    wrong = mistyped(kind, patched)
    if wrong is not None:
        raise unreadable_patch(decoding_error(kind, wrong))
    found: Json = without_nulls(patched)
    return found


def check_types(kind: Kind, name: str, config: Json) -> None:
    """Raises `ApiError` 500 for an applied configuration that has a field of a wrong type."""
    wrong = mistyped(kind, config)
    if wrong is None:
        return
    path, wanted, found = wrong
    namespace = config["metadata"].get("namespace") or ""
    what = f"({namespace}/{name}; {kind.group}/{kind.version}, Kind={kind.name})"
    raise internal(
        f"failed to create typed patch object {what}: {path}: expected {wanted}, got "
        f"&value.valueUnstructured{{Value:{found}}}"
    )
