"""From records to notices: which of the ledger's records people are told of, and who of them. Pure but for the log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog

from lockgate.ledger.chain import decode_headers
from lockgate.ledger.notifying.metrics import METRICS
from lockgate.ledger.notifying.notice import Notice, is_id, noticed
from lockgate.ledger.notifying.receivers import Receiver
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.values import Artifact
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read

log = structlog.get_logger("lockgate.ledger")


class Event(NamedTuple):
    """`at`: when it was decided; never later than the broker had it, whatever it says."""

    seq: int
    at: datetime
    message: Message[Payload]


def events(rows: Iterable[Any]) -> list[Event]:
    """Those of the records that can be read. What cannot is a dead letter of whoever acts on that topic."""
    found = []
    for row in rows:
        headers = decode_headers(row["headers"])
        item = read(Record(row["topic"], row["part"], row["offset"], row["key"], headers, row["value"]))
        if isinstance(item, Readable):
            stored = datetime.fromtimestamp(row["time"] / 1000, UTC)
            decided = datetime.fromisoformat(item.message.at)
            found.append(Event(row["seq"], min(stored, decided), item.message))
    return found


def named(found: Iterable[Event]) -> dict[str, str]:
    """What people call the artifacts of the releases that are told of: release -> version."""
    named: dict[str, str] = {}
    for event in found:
        artifact, release = getattr(event.message.body, "artifact", None), event.message.body.chain
        if isinstance(artifact, Artifact) and release is not None and is_id(release):
            named.setdefault(release, artifact.label)
    return named


def called(found: Iterable[Event], learned: Mapping[str, str]) -> list[str]:
    """The releases whose version is to be looked up."""
    releases = {event.message.body.chain for event in found}
    return sorted(
        release for release in releases if release is not None and is_id(release) and release not in learned
    )


def notices(found: Iterable[Event], versions: Mapping[str, str]) -> list[tuple[int, Notice]]:
    """With the number of the record. An event of which none can be made keeps nobody from being told of the others."""
    made = []
    for event in found:
        try:
            notice = noticed(event.message, versions.get(event.message.body.chain or ""), event.at)
        except Exception:
            METRICS.defects.inc()
            log.exception("no notice can be made of an event", id=event.message.id)
            continue
        if notice is not None:
            made.append((event.seq, notice))
    return made


def addressed(
    made: Sequence[tuple[int, Notice]], receivers: Sequence[Receiver], now: datetime, within: timedelta
) -> list[tuple[str, int, Notice]]:
    """(receiver, number of the record, notice) of all that is young enough; what is not is counted."""
    wanted = [(each.name, seq, notice) for seq, notice in made for each in receivers if each.wants(notice)]
    young = [each for each in wanted if now - each[2].at < within]
    stale = [receiver for receiver, _, notice in wanted if now - notice.at >= within]
    for receiver in stale:
        METRICS.notices.labels(receiver, "stale").inc()
    if stale:
        log.warning("nobody is told of what is too old", notices=len(stale), receivers=sorted(set(stale)))
    return young
