"""What must hold of one application after its releases, whatever was killed meanwhile: nothing lost, nothing twice.

Reads Kafka, the clusters and the ledger, and nothing that a service keeps for itself. Each check says in
sentences what is wrong; no sentence means that it holds.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from lockgate.cli.replay import replay_all
from lockgate.messages.topics import Kind
from tests.support.evidence import ledger_report
from tests.support.story import Story
from tests.support.whole import Whole
from tests.support.written import Line, Written, written

ENDS = ("release.completed", "release.closed")


@dataclass(frozen=True, slots=True)
class Expected:
    """How a story is to have ended.

    `changes` is how often each region's Deployment was to be changed since the story began, no more and no less, but for those
    that were to be `untouched`; `runs` the version that every region is to run now.
    """

    story: Story
    changes: int
    runs: str
    untouched: tuple[str, ...] = ()

    @property
    def changed(self) -> dict[str, int]:
        """Region -> how often."""
        return {region: 0 if region in self.untouched else self.changes for region in self.story.regions}


async def audit(whole: Whole, *ended: Expected) -> list[str]:
    """Everything that is wrong with these stories."""
    wrong = [sentence for expected in ended for sentence in on_clusters(expected)]
    report = await ledger_report(whole)
    if not report.sound:
        wrong.append(f"the ledger: {report.sentence}")
    found = await written(whole.local.servers.kafka, whole.prefix)
    wrong += [f"a dead letter: {line.value[:200]!r}" for line in found.of(Kind.DEAD)]
    for expected in ended:
        wrong += on_topics(found, expected.story.application)
    return wrong + await replayed(whole, [expected.story.application for expected in ended])


def on_clusters(expected: Expected) -> Iterator[str]:
    """What is wrong with what the regions run, and how often it was changed."""
    story = expected.story
    if story.changes() != expected.changed:
        yield f"{story.application}: changed {story.changes()} times, not {expected.changed}"
    if story.digests() != story.everywhere(expected.runs):
        yield f"{story.application}: the regions run {story.digests()}, not {expected.runs}"
    if clones := story.clones():
        yield f"{story.application}: clones are left: {clones}"


def on_topics(found: Written, application: str) -> Iterator[str]:
    """What is wrong with what was written about one application."""
    yield from numbering(found.events(), application, "event")
    yield from numbering(found.decisions(), application, "decision")
    yield from journal_and_events(found, application)
    yield from decided_twice(found, application)
    yield from endings(found, application)


def numbering(lines: Iterable[Line], application: str, what: str) -> Iterator[str]:
    """Per topic, writer and key the numbers are 1, 2, 3 …; what comes again is the same, and overtakes nothing."""
    seen: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for line in lines:
        if line.key != application:
            continue
        writer, number = _origin(line)
        values = seen[line.topic, writer]
        if number > len(values) + 1:
            yield f"{what} {number} of {writer} on {line.topic} comes after {len(values)}"
        elif number <= len(values) and values[number - 1] != line.value:
            yield f"{what} {number} of {writer} on {line.topic} is there twice, with different bytes"
        if number == len(values) + 1:
            values.append(line.value)


def journal_and_events(found: Written, application: str) -> Iterator[str]:
    """What the journals say was emitted is on the topics, in that order, and nothing else is."""
    promised: dict[str, list[str]] = defaultdict(list)
    for line in _first_of_each(found.decisions(), application):
        promised[_origin(line)[0]] += (line.body or {})["events"]
    spoken: dict[str, list[str]] = defaultdict(list)
    for line in _first_of_each(found.events(), application):
        spoken[_origin(line)[0]].append(line.id)
    for writer in sorted(promised.keys() | spoken.keys()):
        if promised[writer] != spoken[writer]:
            lost = [id_ for id_ in promised[writer] if id_ not in spoken[writer]]
            yield f"{writer} decided {len(promised[writer])} events, and {len(spoken[writer])} are there; lost: {lost}"


def decided_twice(found: Written, application: str) -> Iterator[str]:
    """No service decided one event twice."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in _first_of_each(found.decisions(), application):
        given = (line.body or {})["input"]
        if given["kind"] == "event":
            counts[_origin(line)[0], given["id"]] += 1
    yield from (
        f"{writer} decided the event {id_} {count} times"
        for (writer, id_), count in counts.items()
        if count > 1
    )


def endings(found: Written, application: str) -> Iterator[str]:
    """Every artifact was refused, or became one release with one end; what was halted was settled once."""
    said = list(_first_of_each(found.events(), application))
    counts = Counter((line.name, line.said.get("release", "")) for line in said)
    announced = sum(
        line.name == "artifact.published"
        and f"pkg:oci/{application}@" in str((line.body or {})["subject"]["id"])
        for line in found.lines["artifacts"]
    )
    queued = [release for name, release in counts if name == "release.queued"]
    refused = sum(line.name == "artifact.refused" for line in said)
    if announced != len(queued) + refused:
        yield f"{announced} artifacts were announced, {len(queued)} became releases and {refused} were refused"
    for release in queued:
        ends = sum(counts[name, release] for name in ENDS)
        if ends != 1 or counts["release.queued", release] != 1:
            yield f"the release {release} has {ends} ends"
        halted, settled = counts["release.halted", release], counts["release.settled", release]
        if bool(halted) != bool(settled) or settled > 1:
            yield f"the release {release} was halted {halted} times and settled {settled} times"


async def replayed(whole: Whole, applications: Collection[str] | None) -> list[str]:
    """Which decisions do not come out the same, to the byte; those for all applications if none are named."""
    report = await replay_all(whole.local.servers.kafka, whole.prefix, applications=applications)
    wrong = [f"replay: {finding.sentence}" for finding in report.findings.kept]
    if not report.equal == report.decisions > 0 or report.pending:
        wrong.append(
            f"replay: {report.equal} of {report.decisions} decisions are equal, {report.pending} have unsent events"
        )
    return wrong


def _first_of_each(lines: Iterable[Line], application: str) -> Iterator[Line]:
    """Repeats left out, as readers do it."""
    seen: set[tuple[str, str, int]] = set()
    for line in lines:
        if line.key == application and (place := (line.topic, *_origin(line))) not in seen:
            seen.add(place)
            yield line


def _origin(line: Line) -> tuple[str, int]:
    """Writer and number, of an event or of a decision."""
    where = line.own or line.body or {}
    return where["writer"], where["number"]
