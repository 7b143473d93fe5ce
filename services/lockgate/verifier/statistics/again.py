"""Any verdict once more, from the record that its event carries, by the method that made it."""

from collections.abc import Mapping
from typing import Any

from lockgate.verifier.statistics import alone_record, record, regions, verification
from lockgate.verifier.statistics.refusal import EvidenceError

_METHODS = {
    record.METHOD: verification.recompute,
    alone_record.METHOD: alone_record.recompute,
    regions.METHOD: regions.recompute,
}


def again(given: Any) -> dict[str, Any]:
    """EvidenceError if it is no record of a method that is known here, or one that was cut."""
    method = given.get("method") if isinstance(given, Mapping) else None
    made = _METHODS.get(method) if isinstance(method, str) else None
    if made is None:
        raise EvidenceError("method", f"one of {', '.join(_METHODS)}", method)
    try:
        return made(given)
    except EvidenceError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        whole = "the record of a verdict, whole and as its event has it"
        raise EvidenceError("evidence", whole, f"{type(error).__name__}: {error}") from error
