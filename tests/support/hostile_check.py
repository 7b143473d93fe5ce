"""What must hold after hostile records were written: each bad one is a dead letter, each good one was answered.

Reads Kafka (and, for what waits, the databases). Each check says in sentences what is wrong.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from lockgate.cli.replay import replay_all
from lockgate.ledger.verify import Report
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import Original, Reason, original
from lockgate.runtime.replay_findings import EventForeign
from tests.support.commands import command
from tests.support.eventually import eventually
from tests.support.evidence import ledger_report, parked
from tests.support.hostile_drafts import INTERNAL
from tests.support.hostile_kind import Fate
from tests.support.hostile_run import PARTITIONS, Good, Sent, Written, hash_of
from tests.support.whole import Whole

READERS: Mapping[str, tuple[str, ...]] = {
    "artifacts": ("intake",),
    "anomalies": ("verifier",),
    "plans": ("intake",),
    "releases": ("verifier", "rollback"),
    "verdicts": ("intake", "rollback", "deployer-eu", "deployer-world"),
    "deployments": ("intake", "verifier", "rollback"),
    "rollbacks": ("intake", "verifier", "deployer-eu", "deployer-world"),
}
"""Topic -> the processes that read it. Each of them has its own opinion of each record."""

DEAD = ("intake", "verifier", "deployer", "rollback")
MOST = 20
"""Sentences of one sort that are kept."""


def _service(process: str) -> str:
    return process.split("-", maxsplit=1)[0]


@dataclass
class Answers:
    """What intake said on `releases`: for each event from outside, the broker's times (ms) of its answers."""

    times: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


async def answers(whole: Whole, hostile: Iterable[Sent]) -> Answers:
    """Reads `releases` as JSON, without what others wrote there."""
    foreign = {(sent.partition, sent.offset) for sent in hostile if sent.topic == "releases"}
    found = Answers()
    async for record in everything(whole, "releases"):
        if (record.partition, record.offset) in foreign:
            continue
        event = json.loads(record.value)
        if (
            event["context"]["type"]
            .split("-")[1]
            .startswith(("artifact.refused", "release.queued", "plan.refused"))
        ):
            for link in event["context"].get("links", ()):
                found.times[link["target"]["contextId"]].append(record.timestamp)
    return found


def unanswered(found: Answers, written: Written) -> Iterator[str]:
    """Good announcements, and strange ones that are legal, have one answer each; nothing else has any."""
    for good in (*written.alone, *written.mixed):
        if len(found.times[good.id]) != 1:
            yield f"the good announcement {good.id} has {len(found.times[good.id])} answers"
    legal = {
        sent.id
        for sent in written.hostile
        if sent.fate is Fate.HANDLED and sent.topic in {"artifacts", "plans"}
    }
    for sent in written.hostile:
        count = len(found.times.get(sent.id, ())) if sent.id else 0
        if sent.id in legal and count != 1:
            yield f"{sent.kind!r} at {sent.place} has {count} answers"
        elif count and sent.id not in legal and sent.topic in {"artifacts", "plans"}:
            yield f"{sent.kind!r} at {sent.place} is to be a dead letter, and has {count} answers"


def seconds(found: Answers, good: Iterable[Good]) -> list[float]:
    """From the announcement to its answer, by the broker's clock; sorted."""
    return sorted((found.times[each.id][0] - each.at) / 1000 for each in good if found.times[each.id])


def percentile(sorted_: list[float], part: float) -> float:
    return sorted_[min(len(sorted_) - 1, int(len(sorted_) * part))] if sorted_ else 0.0


# --- dead letters ---------------------------------------------------------------------------------------------


async def letters(whole: Whole, hostile: Iterable[Sent]) -> list[str]:
    """Each bad record is a dead letter of each process that reads its topic, just so; and there is no other letter."""
    expected: dict[tuple[str, str], Sent] = {}
    copies: Counter[tuple[str, str]] = Counter()
    for sent in hostile:
        if isinstance(sent.fate, Reason):
            for process in READERS[sent.topic]:
                name = (_service(process), sent.place)
                expected[name] = sent
                copies[name] += 1
    wrong: list[str] = []
    for service in DEAD:
        async for record in everything(whole, f"{service}.deadletters"):
            letter = original(_record(service, record))
            name = (service, letter.place)
            copies[name] -= 1
            wrong += _differs(service, expected.get(name), letter)
    for (service, place), missing in copies.items():
        if missing and (service, place) in expected:
            kind = expected[service, place].kind
            wrong.append(
                f"{kind!r} at {place}: {service} wrote {abs(missing)} letters too {'few' if missing > 0 else 'many'}"
            )
    return wrong


def _differs(service: str, sent: Sent | None, letter: Original) -> Iterator[str]:
    about = f"the letter of {service} about {letter.place}"
    if sent is None:
        yield f"{about} is about a good record: {letter.reason}: {letter.detail}"
        return
    whole = sent.fate is Reason.BATCH
    what = f"{about}, {sent.kind!r},"
    if letter.reason != sent.fate:
        yield f"{what} says {letter.reason} ({letter.detail}), not {sent.fate}"
    if hash_of(letter.value, whole=whole) != sent.value:
        yield f"{what} has another value"
    if not whole and (letter.key, letter.headers) != (sent.key, sent.headers):
        yield f"{what} has the key {letter.key!r} and headers {letter.headers!r}, not {sent.key!r} and {sent.headers!r}"[
            :500
        ]


async def letters_written(whole: Whole, hostile: Iterable[Sent], within: float) -> None:
    """Waits until there are as many dead letters as there have to be."""
    wanted = sum(len(READERS[sent.topic]) for sent in hostile if isinstance(sent.fate, Reason))

    async def enough() -> bool:
        found = await _ends(whole, tuple(f"{service}.deadletters" for service in DEAD))
        assert found >= wanted, f"{found} of {wanted} dead letters"
        return True

    await eventually(enough, within=within)


# --- what waits, and what was recorded --------------------------------------------------------------------------


async def waiting(whole: Whole, hostile: Iterable[Sent]) -> list[str]:
    """Exactly those events wait that have to, in each process that reads them."""
    expected: Counter[tuple[str, str, str]] = Counter()
    for sent in hostile:
        if sent.fate in {Fate.UNDECODABLE, Fate.GAP, Fate.CAUSE}:
            for process in READERS[sent.topic]:
                if sent.fate is Fate.CAUSE and process == "verifier":
                    continue  # it does not read its own topic, and so waits for no cause on it
                key = (sent.key or b"").decode()
                expected[_schema(process), f"{sent.topic} {key}", sent.fate] += 1
    found: Counter[tuple[str, str, str]] = Counter()
    for line in await parked(whole):
        schema, _, row = line.partition(": ")
        topic, _writer, key, reason = _row(row)
        found[schema, f"{topic} {key}", reason] += 1
    return [f"{count} times waits, but should not: {what}" for what, count in (found - expected).items()] + [
        f"{count} times does not wait, but should: {what}" for what, count in (expected - found).items()
    ]


def _row(text: str) -> list[str]:
    return [part.strip().strip("'\"") for part in text.strip("()").split(",")]


def _schema(process: str) -> str:
    return f"deployer_{process.replace('-', '_')}" if process.startswith("deployer") else process


async def recomputed(whole: Whole, hostile: Iterable[Sent]) -> list[str]:
    """Every decision comes out the same, and of what others wrote to internal topics a replay names each record."""
    report = await replay_all(whole.local.servers.kafka, whole.prefix)
    wrong = [f"replay: {it.sentence}" for it in report.findings.kept if not isinstance(it, EventForeign)]
    if not report.equal == report.decisions > 0 or report.pending:
        wrong.append(f"replay: {report.equal} of {report.decisions} are equal, {report.pending} are pending")
    places = {(sent.topic, sent.partition, sent.offset) for sent in hostile if sent.topic in INTERNAL}
    named = [it.where.place for it in report.findings.kept if isinstance(it, EventForeign)]
    wrong += [f"replay calls our own event at {place} foreign" for place in named if place not in places]
    count = sum(n for (_, kind), n in report.findings.counts.items() if kind is EventForeign)
    if count != len(places):
        wrong.append(f"replay finds {count} foreign events, and {len(places)} were written")
    return wrong


async def everything_wrong(whole: Whole, written: Written, found: Answers) -> list[str]:
    wrong = list(unanswered(found, written))[:MOST]
    wrong += (await letters(whole, written.hostile))[:MOST]
    wrong += (await waiting(whole, written.hostile))[:MOST]
    wrong += (await recomputed(whole, written.hostile))[:MOST]
    return wrong + await recorded(whole)


async def recorded(whole: Whole) -> list[str]:
    """The ledger has everything, and is sound."""
    reports: list[Report] = []

    async def once() -> bool:
        reports.append(await ledger_report(whole))  # it waits half a minute for the ledger to have read all
        return True

    try:
        await eventually(once, within=300.0)
    except AssertionError as error:
        return [f"the ledger does not keep up: {error}"]
    return [] if reports[-1].sound else [f"the ledger: {reports[-1].sentence}"]


async def watched(whole: Whole, application: str) -> None:
    """The command line, in a process of its own, still tells of a release, and lists the dead letters."""
    at = ("--kafka", whole.local.servers.kafka, "--prefix", whole.prefix)

    def tells() -> None:
        with command("watch", application, *at) as run:
            run.until_said("completed")
        with command("deadletters", "list", "--reason", "batch", *at) as run:
            assert run.ends(60.0) == 0, run.output

    await asyncio.to_thread(tells)


# --- reading ----------------------------------------------------------------------------------------------------


async def everything(whole: Whole, topic: str) -> AsyncIterator[ConsumerRecord]:
    """The records of a topic up to the end that it has now, one partition after another."""
    consumer = AIOKafkaConsumer(bootstrap_servers=whole.local.servers.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(whole.prefix + topic, part) for part in range(PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            await consumer.seek_to_beginning(place)
            while await consumer.position(place) < ends[place]:
                for records in (await consumer.getmany(place, timeout_ms=500)).values():
                    for record in records:
                        yield record
    finally:
        await consumer.stop()


async def _ends(whole: Whole, topics: Iterable[str]) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=whole.local.servers.kafka)
    await consumer.start()
    try:
        places = [
            TopicPartition(whole.prefix + topic, part) for topic in topics for part in range(PARTITIONS)
        ]
        return int(sum((await consumer.end_offsets(places)).values()))
    finally:
        await consumer.stop()


def _record(service: str, raw: ConsumerRecord) -> Record:
    return Record(f"{service}.deadletters", raw.partition, raw.offset, raw.key, raw.headers, raw.value)
