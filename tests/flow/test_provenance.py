"""An artifact whose plan demands provenance, on the whole system: refused until it is announced with a bundle that shows it."""

from lockgate.cli.announce import announced
from lockgate.messages.releases import (
    ArtifactRefusal,
    ArtifactRefused,
    ArtifactVerified,
    ReleaseQueued,
    ReleaseStarted,
)
from tests.support.plans import REST, watch, wave
from tests.support.signing import by_key, new_key, pem, statement
from tests.support.whole import Whole


async def test_an_image_is_released_once_it_is_announced_with_the_signature_that_its_plan_demands(
    whole: Whole,
) -> None:
    story, key = whole.story("signed"), new_key()
    demands = {"signers": [{"key": pem(key)}]}
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch("5s"), provenance=demands)
    kafka, purl = whole.local.servers.kafka, story.purl("v2")

    unsigned = await announced(kafka, whole.prefix, purl)
    assert isinstance(unsigned, ArtifactRefused)
    assert unsigned.code is ArtifactRefusal.UNSIGNED

    forged = await announced(kafka, whole.prefix, purl, [by_key(new_key(), statement(story.digest("v2")))])
    assert isinstance(forged, ArtifactRefused)
    assert forged.code is ArtifactRefusal.BAD_SIGNATURE

    queued = await announced(kafka, whole.prefix, purl, [by_key(key, statement(story.digest("v2")))])
    assert isinstance(queued, ReleaseQueued)
    await story.completes(queued.release)
    assert story.digests() == story.everywhere("v2")
    assert [each.artifact.digest for each in story.heard(ArtifactVerified)] == [story.digest("v2")]
    assert len(story.heard(ReleaseStarted)) == 1
