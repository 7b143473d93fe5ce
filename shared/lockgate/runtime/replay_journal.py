"""The journals, indexed: which numbers each (writer, key) has, and at which place each of them lies. Pure.

A record whose own sha256 does not match is set aside; it takes the place of the number that is missing for it.
"""

import hashlib
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from lockgate.messages.topics import JOURNALS
from lockgate.runtime import canonical
from lockgate.runtime.batch import Place
from lockgate.runtime.checks import Record
from lockgate.runtime.replay_findings import (
    Findings,
    JournalConflict,
    JournalDamaged,
    JournalMoved,
    Where,
)
from lockgate.runtime.replay_records import Records

_SEAL = b',"sha256":"'
_HEX = 64


def is_sound(value: bytes) -> bool:
    """Whether a journal record's own sha256 matches all the rest of it."""
    at = value.rfind(_SEAL)
    end = at + len(_SEAL) + _HEX
    if at > 0 and value[end : end + 1] == b'"':
        rest = value[:at] + value[end + 1 :]
        if hashlib.sha256(rest).hexdigest().encode() == value[at + len(_SEAL) : end]:
            return True
    return _is_sound_slowly(value)


def _is_sound_slowly(value: bytes) -> bool:
    """For records that hold the text `"sha256"` elsewhere as well."""
    body = parsed(value)
    if body is None:
        return False
    rest = canonical.dumps({name: part for name, part in body.items() if name != "sha256"})
    return body.get("sha256") == canonical.sha256(rest) and canonical.dumps(body) == value


def parsed(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object of a record; None if it is none."""
    try:
        body = canonical.loads(value or b"")
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


@dataclass(slots=True)
class Chain:
    """The records of one (writer, key): number -> offset, all on one partition. `damaged` numbers are not sound."""

    partition: int
    offsets: dict[int, int] = field(default_factory=dict)
    damaged: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Journal:
    """One journal topic. `repeats` counts by key what a relay sent again, equal to the byte."""

    topic: str
    chains: dict[tuple[str, str], Chain] = field(default_factory=dict)
    repeats: Counter[str] = field(default_factory=Counter)

    def writers(self) -> list[str]:
        return sorted({writer for writer, _ in self.chains})


@dataclass(slots=True)
class _Damaged:
    place: Place
    key: str
    writer: str | None
    named_key: str | None
    number: int | None


def index(records: Records, service: str, keys: Container[str] | None, findings: Findings) -> Journal:
    """The journal of a service, of these keys only (None: of all)."""
    journal = Journal(JOURNALS[service].name)
    damaged: list[_Damaged] = []
    for partition in records.partitions(journal.topic):
        for record in records.scan(journal.topic, partition):
            _take(records, journal, record, keys=keys, damaged=damaged, findings=findings)
    for each in damaged:
        _settle(journal, each, service, keys, findings)
    return journal


def _take(
    records: Records,
    journal: Journal,
    record: Record,
    *,
    keys: Container[str] | None,
    damaged: list[_Damaged],
    findings: Findings,
) -> None:
    body = parsed(record.value)
    name = _name(body)
    place = (record.topic, record.partition, record.offset)
    if name is None or record.key != name[1].encode() or not is_sound(record.value or b""):
        raw = (record.key or b"").decode(errors="replace")
        damaged.append(_Damaged(place, raw, *(name or (None, None, None))))
        return
    writer, key, number = name
    if keys is not None and key not in keys:
        return
    chain = journal.chains.get((writer, key))
    if chain is None:
        chain = journal.chains[writer, key] = Chain(record.partition)
    if chain.partition != record.partition:
        detail = f"the others of this key lie on partition {chain.partition}"
        findings.add(JournalMoved(Where(writer, key, number, place), detail))
    elif number not in chain.offsets:
        chain.offsets[number] = record.offset
    else:
        first = records.get(record.topic, record.partition, chain.offsets[number])
        if first is not None and first.value == record.value:
            journal.repeats[key] += 1
        else:
            detail = f"the other one is at offset {chain.offsets[number]}"
            findings.add(JournalConflict(Where(writer, key, number, place), detail))


def _name(body: dict[str, Any] | None) -> tuple[str, str, int] | None:
    if body is None:
        return None
    writer, key, number = body.get("writer"), body.get("key"), body.get("number")
    if isinstance(writer, str) and isinstance(key, str) and isinstance(number, int) and number > 0:
        return writer, key, number
    return None


def _settle(
    journal: Journal, lost: _Damaged, service: str, keys: Container[str] | None, findings: Findings
) -> None:
    """Puts a damaged record where a number is missing; where none is, it is only reported."""
    found = _hole(journal, lost)
    if found is None:
        if keys is None or lost.key in keys:
            where = Where(lost.writer or service, lost.key, lost.number, lost.place)
            detail = "it is in no gap of its key's numbers: the newest one of its key, or a stray"
            findings.add(JournalDamaged(where, detail))
        return
    (_, _), number, chain = found
    chain.offsets[number] = lost.place[2]
    chain.damaged.add(number)


def _hole(journal: Journal, lost: _Damaged) -> tuple[tuple[str, str], int, Chain] | None:
    """The number that is missing where the damaged record lies: first as it names itself, then by its neighbours."""
    _, partition, offset = lost.place
    likely = [
        (name, chain)
        for name, chain in journal.chains.items()
        if chain.partition == partition and name[1] in {lost.key, lost.named_key}
    ]
    for name, chain in likely:
        fits = name[0] == lost.writer and lost.number is not None and lost.number not in chain.offsets
        if fits and lost.number is not None and _fits(chain, lost.number, offset):
            return name, lost.number, chain
    for name, chain in likely:
        for number in _missing(chain):
            if _fits(chain, number, offset):
                return name, number, chain
    return None


def _missing(chain: Chain) -> list[int]:
    """The numbers that are missing, and the one after the last."""
    low, high = min(chain.offsets), max(chain.offsets)
    first = 1 if low <= _NEAR else low - 1
    return [n for n in range(first, high + 2) if n not in chain.offsets]


_NEAR = 100  # holes are looked for at the beginning only if it is near


def _fits(chain: Chain, number: int, offset: int) -> bool:
    before, after = chain.offsets.get(number - 1), chain.offsets.get(number + 1)
    return (
        (before is None or before < offset)
        and (after is None or offset < after)
        and (before is not None or after is not None)
    )
