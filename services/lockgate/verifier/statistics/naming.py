"""Names in evidence: which fields there are, and which names would be taken for something else or cannot be written.

Used where evidence and its policy are read. A verdict says by name which metric or rule decided, so a gauge must not
have the name of another of these.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lockgate.verifier.statistics.refusal import EvidenceError

METRICS = ("errors", "latency", "gauges", "share")
RESERVED = frozenset(
    [
        "errors",
        "latency",
        "share",
        "silence",
        "down",
        "margins",
        "time",
        "baseline",
        "weight",
        "strata",
        "stale",
    ]
)
"""Metrics and rules that a verdict may name."""

_LONGEST = 200


def refuse_gauge(where: str, name: str) -> None:
    """EvidenceError unless it can be the name of a gauge."""
    refuse_unwritable(where, name)
    if not name or name in RESERVED or ">" in name:
        raise EvidenceError(where, "names that are not those of other metrics or rules, without '>'", name)


def refuse_unwritable(where: str, name: str) -> None:
    """EvidenceError if the name has half of a character, which no UTF-8 can say."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise EvidenceError(where, "a name that can be written as UTF-8", name) from None


def only_known(where: str, given: Mapping[Any, Any], fields: Iterable[str]) -> None:
    """EvidenceError names the first field, by name, that there is not. `where` ends with a dot, or is empty."""
    known: Sequence[str] = tuple(fields)
    for name in sorted(given.keys() - set(known), key=str):
        shown = str(name).encode("utf-8", "backslashreplace").decode()[:_LONGEST]
        raise EvidenceError(f"{where}{shown}", f"one of the fields {', '.join(known)}", given[name])
