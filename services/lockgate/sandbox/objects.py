"""Small readings of Kubernetes objects as JSON, shared by every module of the sandbox.

An object is a plain dict. Whoever holds one may read it and build another from it, and never changes it:
the store, its history and its watchers share the same dicts.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

# What Kubernetes uses for generated names: no vowels, so no words.
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def stamp(now: float) -> str:
    """Epoch seconds as Kubernetes writes times: whole seconds, UTC."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(text: str) -> float:
    """A Kubernetes time as epoch seconds."""
    return datetime.fromisoformat(text).timestamp()


def safe_name(text: str, length: int) -> str:
    """`length` characters in Kubernetes' alphabet, decided by `text` alone."""
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:length])


def canonical(value: object) -> str:
    """One text for equal JSON values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def name_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["name"])


def uid_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["uid"])


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    return dict(obj["metadata"].get("labels") or {})


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    return dict(obj["metadata"].get("annotations") or {})


def owner_of(obj: Mapping[str, Any]) -> str | None:
    """The uid of the controlling owner."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner["uid"])
    return None


def controller_reference(owner: Mapping[str, Any]) -> Json:
    """The owner reference that a controller writes on what it creates for `owner`."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_deleting(obj: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def with_metadata(obj: Json, **changes: Any) -> Json:
    """`obj` with these metadata fields; None removes the field."""
    metadata = {**obj["metadata"], **changes}
    return {**obj, "metadata": {key: value for key, value in metadata.items() if value is not None}}


def condition(obj: Mapping[str, Any], kind: str) -> Json | None:
    """The status condition of this type, if there is one."""
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            return dict(entry)
    return None


def is_ready(pod: Mapping[str, Any]) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True" and not is_deleting(pod)
