"""What the coordinator remembers of releases: that they started, entered, passed and ended."""

from datetime import datetime

from lockgate.messages.decision import NOTHING, Rows, ServiceStarted, Step, emit, put, remove
from lockgate.messages.message import Message
from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted, ReleaseEntered, ReleaseStarted
from lockgate.messages.rollbacks import Grade, VersionMarked
from lockgate.messages.verdicts import WatchEnded, WatchOutcome
from lockgate.rollback.core import recovering
from lockgate.rollback.core.rows import Bad, History, Limits, Phase, Release, Way
from lockgate.rollback.core.sentences import listed, shortened


def service_started(rows: Rows, given: ServiceStarted, now: datetime) -> Step:
    del now
    known = {name: value for name, value in given.settings.items() if name in Limits.model_fields}
    limits = Limits.model_validate(known)
    return NOTHING if limits == rows.get(Limits) else put(limits)


def started(rows: Rows, given: Message[ReleaseStarted], now: datetime) -> Step:
    del now
    body, before = given.body, rows.get(Release)
    if before is not None and body.number <= before.number:
        return NOTHING
    release = Release(
        release=body.release,
        artifact=body.artifact,
        number=body.number,
        forward=before is not None and before.forward,
    )
    forgotten = remove(Way, before.release) if before and before.phase is not Phase.ENDED else NOTHING
    return forgotten + put(release) + put(Way(plan=body.plan, places=body.places), body.release)


def entered(rows: Rows, given: Message[ReleaseEntered], now: datetime) -> Step:
    body, release = given.body, rows.get(Release)
    if body.recovers is not None:
        return recovering.entered(rows, body, body.recovers, now)
    if release is None or release.release != body.release or release.phase is not Phase.RUNNING:
        return NOTHING
    return put(release.model_copy(update={"entered": body.number}))


def watch_ended(rows: Rows, given: Message[WatchEnded], now: datetime) -> Step:
    """A watch that passed makes the version good in each region of the plan; what an operator marked bad stays so."""
    del now
    release, body = rows.get(Release), given.body
    if release is None or release.release != body.release or release.phase is not Phase.RUNNING:
        return NOTHING
    way = rows.get(Way, body.release)
    if way is None or body.outcome is not WatchOutcome.PASSED:
        return NOTHING
    digest = release.artifact.digest
    step = put(release.model_copy(update={"phase": Phase.PASSED, "forward": False}))
    for region, history in rows.many(History, way.plan.regions).items():
        good = history.graded(digest, Grade.GOOD)
        step += put(good, region) if good != history else NOTHING
    if digest in (rows.get(Bad) or Bad()).marked:
        return step
    step += _no_longer_bad(rows, digest)
    reason = f"The version {release.artifact.label} passed its watch in every region of the plan."
    if release.changed:
        names = listed([flag.flag for flag in way.plan.remediation.flags])
        reason = shortened(f"{reason} It did so with its flags off, and they stay off: {names}.")
    return step + emit(
        VersionMarked(application=body.application, digest=digest, grade=Grade.GOOD, reason=reason)
    )


def _no_longer_bad(rows: Rows, digest: str) -> Step:
    bad = rows.get(Bad)
    return put(bad.without(digest)) if bad and digest in bad.digests else NOTHING


def ended(rows: Rows, given: Message[ReleaseCompleted] | Message[ReleaseClosed], now: datetime) -> Step:
    """Histories and debts stay; and the plan of what was completed, which may be blamed later."""
    del now
    release = rows.get(Release)
    if release is None or release.release != given.body.release:
        return NOTHING
    match release.phase:
        case Phase.FLAGS | Phase.HELD | Phase.HALTED | Phase.ENDED:
            return NOTHING  # its orders are out: only `settled` ends that, whatever is said elsewhere
        case Phase.RUNNING | Phase.SETTLED | Phase.PASSED:
            over = put(release.model_copy(update={"phase": Phase.ENDED}))
            if isinstance(given.body, ReleaseCompleted):
                return over + recovering.remembered(rows, release)
            return over + remove(Way, release.release) + recovering.asked_again(rows, release)
