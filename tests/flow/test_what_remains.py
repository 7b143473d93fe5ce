"""What is left of everything that this run did: no gap, no contradiction, nothing parked, nothing lost.

In a whole run this comes last. Alone, it tells a release that passes and one that fails first.
"""

import pytest

from lockgate.cli.replay import replay_all
from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted
from lockgate.messages.topics import TOPICS, Kind
from tests.support.evidence import contradictions, gaps, ledger_report, parked, records_and_offsets
from tests.support.plans import DEPLOYERS, REST, RIVAL, watch, wave
from tests.support.whole import Whole


@pytest.fixture(scope="module")
async def ended(started_whole: Whole) -> Whole:
    """The system after at least one release that passed and one that was taken back."""
    story = started_whole.story("remaining")
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch())
    await story.completes(await story.announces("v2"))
    story.image("v3", missing=True)
    await story.plans(wave("rest", *REST, budget="2s"), watch())
    await story.is_taken_back(await story.announces("v3"))
    await started_whole.telling.catch_up()
    return started_whole


async def test_every_writer_numbered_its_events_without_a_gap(ended: Whole) -> None:
    said = {told.topic for told in ended.telling.all}
    assert said == {topic.name for topic in TOPICS.values() if topic.kind is Kind.INTERNAL}
    assert {type(told.body) for told in ended.telling.all} >= {ReleaseCompleted, ReleaseClosed}
    assert gaps(ended.telling.all) == []


async def test_no_number_stands_for_two_events(ended: Whole) -> None:
    assert contradictions(ended.telling.all) == []


async def test_nothing_is_a_dead_letter(ended: Whole) -> None:
    assert [(letter.topic, letter.value) for letter in ended.telling.dead] == []


async def test_nothing_is_parked(ended: Whole) -> None:
    assert await parked(ended) == []


async def test_every_service_is_still_at_work(ended: Whole) -> None:
    assert [child.name for child in ended.local.ended()] == []


async def test_the_ledger_has_every_record_once_and_verifies(ended: Whole) -> None:
    report = await ledger_report(ended)
    assert report.sound, report.sentence
    recorded, written = await records_and_offsets(ended)
    assert recorded == written > 0


async def test_every_decision_is_recomputed_from_the_topics_to_the_byte(ended: Whole) -> None:
    report = await replay_all(ended.local.servers.kafka, ended.prefix)
    writers = {writer.writer for writer in report.writers} - {RIVAL}
    assert writers == {"intake", "verifier", "rollback", *DEPLOYERS}
    assert report.equal == report.decisions > 0, "\n".join(found.sentence for found in report.findings.kept)
    blamed = {writer for writer, _ in report.findings.counts} - {RIVAL}  # that one's forged event is found
    assert blamed == set(), [found.sentence for found in report.findings.kept]
    assert report.pending == 0
