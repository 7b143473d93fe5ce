"""The first rung: the plan's flags are ordered off in every region of production, and then the release goes on.

In every region, also where it has not been yet: there it would come to with the flag on.
"""

from datetime import datetime, timedelta

from lockgate.messages.decision import NOTHING, CancelTimer, Rows, SetTimer, Step, emit, put, remove
from lockgate.messages.deployments import FlagsFailed, FlagsSwitched, OrderRefused
from lockgate.messages.plan import Plan
from lockgate.messages.rollbacks import FlagsOrdered, ReleaseResumed
from lockgate.messages.values import Fence
from lockgate.rollback.core.rows import Limits, Phase, Release, Switch, Way
from lockgate.rollback.core.sentences import listed, shortened

TO_WRITE = 60.0
"""Seconds that a region has to switch flags, beside the time in which every instance reads it."""

ORDER_REASON = 300


def ordered(rows: Rows, release: Release, way: Way, now: datetime) -> Step:
    """One order a region, under the next turn, and one deadline for all of them."""
    plan, limits = way.plan, rows.shared(Limits) or Limits()
    deadline = TO_WRITE + _wait(plan)
    asked = release.model_copy(
        update={
            "phase": Phase.FLAGS,
            "turn": release.turn + 1,
            "waiting": len(plan.production),
            "switched": True,
        }
    )
    timer = SetTimer(
        name="flags",
        due=now + timedelta(seconds=deadline),
        body={"release": asked.release, "turn": asked.turn},
        grace=timedelta(seconds=limits.grace),
    )
    step = put(asked) + Step(timers=(timer,))
    for region in plan.production:
        place = way.places[region]
        step += put(Switch(turn=asked.turn), region) + emit(
            FlagsOrdered(
                application=plan.application,
                release=asked.release,
                region=region,
                deployer=place.deployer,
                namespace=place.namespace,
                cluster=place.cluster,
                fence=_fence(asked),
                flags=tuple(plan.remediation.flags),
                deadline=deadline,
                reason=shortened(release.reason, most=ORDER_REASON),
            )
        )
    return step


def awaited(rows: Rows, answer: FlagsSwitched | FlagsFailed | OrderRefused) -> Release | None:
    """The release, if it waits for this region's answer about its flags."""
    release, switch = rows.get(Release), rows.get(Switch, answer.region)
    if release is None or switch is None or release.phase is not Phase.FLAGS:
        return None
    way = rows.get(Way, release.release)
    place = None if way is None else way.places.get(answer.region)
    expected = (release.release, _fence(release), place and place.deployer)
    return release if (answer.release, answer.fence, answer.deployer) == expected else None


def answered(release: Release, answer: FlagsSwitched) -> Release:
    """One region less is waited for. An older deployer does not say whether anything was on there."""
    changed = release.changed or answer.were_on is None or bool(answer.were_on)
    return release.model_copy(update={"waiting": release.waiting - 1, "changed": changed})


def switched(rows: Rows, release: Release, region: str) -> Step:
    """One region has; after the last one the release goes on."""
    step = remove(Switch, region)
    if release.waiting:
        return step + put(release)
    way = rows.get(Way, release.release)
    if way is None or release.entered is None:
        return NOTHING
    turn = release.turn + 1
    resumed = release.model_copy(update={"phase": Phase.RUNNING, "turn": turn, "waiting": 0})
    return (
        step
        + put(resumed)
        + Step(timers=(CancelTimer("flags"),))
        + emit(
            ReleaseResumed(
                application=way.plan.application,
                release=release.release,
                number=release.entered,
                turn=turn,
                wait=_wait(way.plan),
                reason=f"{_off(way.plan)} off in {_everywhere(way.plan)}; the release goes on and is judged anew.",
            )
        )
    )


def forgotten(rows: Rows, way: Way) -> Step:
    """No answer about flags is waited for any more."""
    left = rows.many(Switch, way.plan.production)
    return sum((remove(Switch, region) for region in left), Step(timers=(CancelTimer("flags"),)))


def _fence(release: Release) -> Fence:
    return Fence(number=release.entered or release.number, turn=release.turn, grant=1)


def _wait(plan: Plan) -> float:
    return max(flag.wait for flag in plan.remediation.flags)


def _off(plan: Plan) -> str:
    names = [flag.flag for flag in plan.remediation.flags]
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}"


def _everywhere(plan: Plan) -> str:
    count = len(plan.production)
    return plan.production[0] if count == 1 else f"all {count} regions"
