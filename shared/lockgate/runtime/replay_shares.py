"""A replay divided into shares that know nothing of each other, and their reports made one. Pure.

Whole partitions are divided, because whether an event is lost or not published yet is told by what else its
writer published there. The key `*` is replayed with every share, since every key may read its rows, and told of by
the first one.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from lockgate.messages.topics import JOURNALS
from lockgate.messages.values import EVERY
from lockgate.runtime.replay import Share
from lockgate.runtime.replay_deciding import Replayable
from lockgate.runtime.replay_findings import Finding, Findings
from lockgate.runtime.replay_records import Records
from lockgate.runtime.replay_report import Report, WriterReport

Load = Counter[int]
"""How many records each partition has."""


@dataclass(frozen=True, slots=True)
class _AllBut:
    """Every key but these: so that no key, whatever it is, belongs to nobody."""

    others: Collection[str]

    def __contains__(self, key: object) -> bool:
        return key not in self.others


@dataclass(frozen=True, slots=True)
class _With:
    """These keys, and `*`."""

    keys: Collection[str]

    def __contains__(self, key: object) -> bool:
        return key == EVERY or key in self.keys


def shares(records: Records, services: Sequence[Replayable], number: int) -> list[Share]:
    """At most so many shares of about the same number of records; fewer where there are fewer partitions."""
    homes, load = _partitions(records, services)
    home = homes.get(EVERY, 0)
    loads, of_partition = [load[home], *[0] * (number - 1)], {home: 0}
    for partition, count in load.most_common():
        if partition not in of_partition:
            least = min(range(number), key=loads.__getitem__)
            of_partition[partition] = least
            loads[least] += count
    parts: list[set[str]] = [set() for _ in range(number)]
    for key, partition in homes.items():
        parts[of_partition[partition]].add(key)
    others = [frozenset(part) for part in parts[1:] if part]
    first = Share(_AllBut(frozenset().union(*others))) if others else Share(None)
    return [first, *(Share(_With(part), tells_every=False) for part in others)]


def _partitions(records: Records, services: Sequence[Replayable]) -> tuple[dict[str, int], Load]:
    """On which partition each key is, as the journals say."""
    homes: dict[str, int] = {}
    load: Load = Counter()
    for service in services:
        topic = JOURNALS[service.service].name
        for partition in records.partitions(topic):
            for record in records.scan(topic, partition):
                homes.setdefault((record.key or b"").decode(errors="replace"), partition)
                load[partition] += 1
    return homes, load


def joined(reports: Sequence[Report]) -> Report:
    """One report of all shares. It equals that of an undivided replay unless something DIFFERS."""
    writers: dict[str, WriterReport] = {}
    for part in (writer for report in reports for writer in report.writers):
        whole = writers.setdefault(part.writer, WriterReport(part.service, part.writer))
        whole.decisions += part.decisions
        whole.equal += part.equal
        whole.unreachable += part.unreachable
        whole.events += part.events
        whole.pending += part.pending
        whole.cores += part.cores
        whole.states |= part.states
    return Report(
        sorted(writers.values(), key=lambda writer: writer.writer),
        _findings(reports),
        sum(report.repeats for report in reports),
    )


def _findings(reports: Sequence[Report]) -> Findings:
    """In the order of keys, as an undivided replay comes across them; no more kept than it keeps."""
    whole, kept = Findings(), Counter[tuple[str, type]]()
    for report in reports:
        whole.counts += report.findings.counts
    found = sorted(_all(reports), key=lambda each: (each.where.key != EVERY, each.where.key))
    for each in found:
        name = (each.where.writer, type(each))
        kept[name] += 1
        if kept[name] <= whole.keep:
            whole.kept.append(each)
    return whole


def _all(reports: Sequence[Report]) -> Iterator[Finding]:
    return (found for report in reports for found in report.findings.kept)
