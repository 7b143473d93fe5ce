"""How objects go: at once, or marked first, until whoever put finalizers on them has taken these away. Pure, over `store`."""

from collections.abc import Iterator

from lockgate.sandbox.kinds import Kind
from lockgate.sandbox.objects import Json, is_deleting, name_of, stamp, with_metadata
from lockgate.sandbox.store import Store


def finalizers_of(obj: Json) -> list[str]:
    return obj["metadata"].get("finalizers") or []


def marked(obj: Json, now: float, grace: int = 0) -> Json:
    """The object with the marks of a deletion that was asked for; nothing changes them but a shorter grace."""
    metadata = obj["metadata"]
    if is_deleting(obj):
        return with_metadata(
            obj, deletionGracePeriodSeconds=min(grace, metadata.get("deletionGracePeriodSeconds", grace))
        )
    counted = {"generation": metadata["generation"] + 1} if "generation" in metadata else {}
    return with_metadata(
        obj, deletionTimestamp=stamp(now + grace), deletionGracePeriodSeconds=grace, **counted
    )


def is_over(obj: Json) -> bool:
    """Whether nothing holds an object any more whose deletion was asked for."""
    ended = obj["metadata"].get("deletionGracePeriodSeconds") == 0
    return is_deleting(obj) and ended and not finalizers_of(obj)


def leave(store: Store, kind: Kind, namespace: str, obj: Json, now: float) -> Json:
    """Removes an object, or marks it if it has finalizers; the object as it is then."""
    if not finalizers_of(obj):
        return store.remove(kind, namespace, name_of(obj))
    held = marked(obj, now)
    return obj if held == obj else store.put(kind, namespace, held)


def finalizer_causes(old: Json, new: Json) -> Iterator[tuple[str, str]]:
    """Why the finalizers of an object may not become these."""
    added = [each for each in finalizers_of(new) if each not in finalizers_of(old)]
    if is_deleting(old) and added:
        listed = ", ".join(f'"{each}"' for each in added)
        why = "no new finalizers can be added if the object is being deleted, found new finalizers"
        yield "metadata.finalizers", f"Forbidden: {why} []string{{{listed}}}"
