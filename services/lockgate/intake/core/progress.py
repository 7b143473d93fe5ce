"""What others say about a release under way: it enters production, completes, or is closed.

An event about any other release, or out of its phase, changes nothing: topics interleave in any order.
"""

from datetime import datetime
from typing import Any

from lockgate.intake.core.lane import enter, finish
from lockgate.intake.rows import BadVersion, BadVersions, Lane, Phase, Release
from lockgate.intake.words import listed, sentence
from lockgate.messages.decision import NOTHING, On, Rows, Step, put, remove
from lockgate.messages.message import Message
from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted, ReleaseOutcome
from lockgate.messages.rollbacks import Grade, ReleaseSettled, VersionMarked
from lockgate.messages.verdicts import StagePassed, WatchEnded, WatchOutcome

KNOWN_BAD = 200
"""Bad versions that are remembered for an application; the oldest is forgotten first."""


def _under_way(rows: Rows, id_: str) -> tuple[Lane, Release] | None:
    """The lane and the release, if it is one that this application has under way."""
    lane, release = rows.get(Lane), rows.get(Release, id_)
    return (lane, release) if lane and release and id_ in lane.under_way else None


def stage_passed(rows: Rows, given: Message[StagePassed], _now: datetime) -> Step:
    id_, stage = given.body.release, given.body.stage
    if given.body.kind != "preprod" or (found := _under_way(rows, id_)) is None:
        return NOTHING
    lane, release = found
    if release.phase is not Phase.PREPRODUCTION or release.last_preprod != stage:
        return NOTHING
    lane, entered = enter(rows, lane, id_, release)
    return entered + put(lane)


def watch_ended(rows: Rows, given: Message[WatchEnded], _now: datetime) -> Step:
    """A watch that failed ends nothing here: the coordinator takes the release back, and settles it."""
    id_ = given.body.release
    if given.body.outcome is not WatchOutcome.PASSED or (found := _under_way(rows, id_)) is None:
        return NOTHING
    lane, release = found
    if lane.owner != id_:
        return NOTHING
    end = ReleaseCompleted(application=rows.key, release=id_, artifact=release.artifact)
    return finish(rows, lane, id_, release, end)


def settled(rows: Rows, given: Message[ReleaseSettled], _now: datetime) -> Step:
    """The coordinator may settle a release before it entered, and while it owns production."""
    body, found = given.body, _under_way(rows, given.body.release)
    if found is None:
        return NOTHING
    lane, release = found
    debts = f"{listed(body.debts)} may still run it; " if body.debts else ""
    end = ReleaseClosed(
        application=rows.key,
        release=body.release,
        artifact=release.artifact,
        outcome=ReleaseOutcome.ROLLED_BACK_WITH_DEBTS if body.debts else ReleaseOutcome.ROLLED_BACK,
        reason=sentence(f"{debts}{body.reason}"),
    )
    return finish(rows, lane, body.release, release, end)


def marked(rows: Rows, given: Message[VersionMarked], _now: datetime) -> Step:
    """Bad versions are not released again. This is about a version, so it holds whichever release is current."""
    match given.body.grade:
        case Grade.BAD:
            return _remember(rows, given.body.digest, given.body.reason)
        case Grade.GOOD:
            return _forget(rows, given.body.digest)
        case Grade.ADOPTED:
            return NOTHING


def _remember(rows: Rows, digest: str, reason: str) -> Step:
    before = (rows.get(BadVersions) or BadVersions()).digests
    digests = (*(known for known in before if known != digest), digest)
    forgotten, kept = digests[:-KNOWN_BAD], digests[-KNOWN_BAD:]
    step = put(BadVersion(reason=reason), digest) + put(BadVersions(digests=kept))
    for old in forgotten:
        step += remove(BadVersion, old)
    return step


def _forget(rows: Rows, digest: str) -> Step:
    before = rows.get(BadVersions)
    if before is None or digest not in before.digests:
        return NOTHING
    kept = tuple(known for known in before.digests if known != digest)
    return remove(BadVersion, digest) + put(BadVersions(digests=kept))


def _of_release(given: Any) -> tuple[tuple[type[Lane | Release], str], ...]:
    return ((Lane, ""), (Release, given.body.release))


STAGE_PASSED = On(stage_passed, _of_release)
WATCH_ENDED = On(watch_ended, _of_release)
SETTLED = On(settled, _of_release)
MARKED = On(marked, lambda _given: ((BadVersions, ""),))
