"""Which versions are bad: they are not released again. The coordinator marks them, and operators do."""

from datetime import datetime

from lockgate.intake.rows import BadVersion, BadVersions
from lockgate.intake.words import sentence
from lockgate.messages.decision import NOTHING, On, Rows, Step, emit, put, remove
from lockgate.messages.message import Message
from lockgate.messages.releases import MarkRequested
from lockgate.messages.rollbacks import Grade, VersionMarked

KNOWN_BAD = 200
"""Bad versions that are remembered for an application; the oldest is forgotten first."""


def marked(rows: Rows, given: Message[VersionMarked], _now: datetime) -> Step:
    """Bad versions are not released again. This is about a version, so it holds whichever release is current."""
    match given.body.grade:
        case Grade.BAD:
            return remember(rows, given.body.digest, given.body.reason)
        case Grade.GOOD:
            return forget(rows, given.body.digest)
        case Grade.ADOPTED:
            return NOTHING


def mark(rows: Rows, digest: str, *, bad: bool, who: str, reason: str) -> Step:
    """An operator's word. It holds for admission at once; the coordinator says it again, for everybody."""
    told = MarkRequested(application=rows.key, digest=digest, bad=bad, who=who, reason=sentence(reason))
    return (remember(rows, digest, reason) if bad else forget(rows, digest)) + emit(told)


def remember(rows: Rows, digest: str, reason: str) -> Step:
    before = (rows.get(BadVersions) or BadVersions()).digests
    digests = (*(known for known in before if known != digest), digest)
    forgotten, kept = digests[:-KNOWN_BAD], digests[-KNOWN_BAD:]
    step = put(BadVersion(reason=reason), digest) + put(BadVersions(digests=kept))
    for old in forgotten:
        step += remove(BadVersion, old)
    return step


def forget(rows: Rows, digest: str) -> Step:
    before = rows.get(BadVersions)
    if before is None or digest not in before.digests:
        return NOTHING
    kept = tuple(known for known in before.digests if known != digest)
    return remove(BadVersion, digest) + put(BadVersions(digests=kept))


MARKED = On(marked, lambda _given: ((BadVersions, ""),))
