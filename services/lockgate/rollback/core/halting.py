"""A release is halted, and each region concerned is ordered back, all in one decision."""

from datetime import datetime, timedelta
from itertools import groupby

from lockgate.messages.decision import NOTHING, Rows, SetTimer, Step, emit, put
from lockgate.messages.flags import Flag
from lockgate.messages.plan import Plan, PreprodStage, WaveStage
from lockgate.messages.rollbacks import ReleaseHalted, RollbackOrdered
from lockgate.messages.values import Fence
from lockgate.rollback.core.flags import forgotten
from lockgate.rollback.core.histories import kept, staying, way_back
from lockgate.rollback.core.rows import Bad, History, Limits, Order, Phase, Release, Restore, Way
from lockgate.rollback.core.sentences import listed, shortened
from lockgate.rollback.core.settling import settled

ORDER_REASON = 300
"""Thousands of orders are one decision, and one record of the journal."""


def halted(release: Release, plan: Plan, why: str) -> tuple[Release, Step]:
    """The release with its next turn, below which nothing of it is obeyed any more: what each way out begins with."""
    stopped = release.model_copy(update={"turn": release.turn + 1, "reason": shortened(why)})
    return stopped, _halt(stopped, plan.application, concerned(release, plan))


def taken_back(
    rows: Rows, release: Release, way: Way, why: str, now: datetime, *, blamed: bool, to: str | None = None
) -> Step:
    """The release is halted, and ordered back everywhere. `to`: where a region has run that before, it goes back to it."""
    stopped, step = halted(release, way.plan, why)
    return step + ordered_back(rows, stopped, way, now, blamed=blamed, to=to)


def left(rows: Rows, release: Release, way: Way, why: str, now: datetime) -> Step:
    """The release is halted, and stays as far as it has got: a region that it has begun to serve whole is served by it
    whole, and elsewhere its clones go. Where it stays its flags stay off.
    """
    off = listed([flag.flag for flag in way.plan.remediation.flags]) if release.switched else ""
    stopped, step = halted(
        release, way.plan, f"{why} Where it stays, its flags stay off: {off}." if off else why
    )
    forward = stopped.forward or stopped.artifact.forward_only
    stays = stopped.model_copy(update={"stays": True, "forward": forward})
    return step + ordered_back(rows, stays, way, now, blamed=False)


def ordered_back(
    rows: Rows, release: Release, way: Way, now: datetime, *, blamed: bool, to: str | None = None
) -> Step:
    """Every region that a halted release may have touched is ordered back, under the next turn."""
    numbers, application = concerned(release, way.plan), way.plan.application
    back = release.model_copy(
        update={
            "phase": Phase.HALTED,
            "turn": release.turn + 1,
            "waiting": len(numbers),
            "concerned": tuple(numbers),
            "blamed": blamed,
        }
    )
    bad = rows.get(Bad) or Bad()
    bad = bad.adding(release.artifact.digest) if blamed else bad
    step = put(bad) + (forgotten(rows, way) if release.phase is Phase.FLAGS else NOTHING)
    flags = tuple(way.plan.remediation.flags)
    step += put(Restore(flags=flags), release.release) if release.switched else NOTHING
    histories, before = rows.many(History, tuple(numbers)), rows.many(Order, tuple(numbers))
    budgets = _budgets(way.plan)
    limits = rows.shared(Limits) or Limits()
    for region, number in numbers.items():
        deadline = max(limits.deadline, budgets.get(region, 0.0))
        history = histories.get(region)
        debt = before[region] if region in before and before[region].owed else None
        order = _order(
            back, way, region, number=number, history=history, bad=bad, debt=debt, deadline=deadline, to=to
        )
        step += issued(order, limits, now, flags)
    return step + (put(back) if numbers else settled(back, application, {}))


def is_blamed(rows: Rows, release: Release, plan: Plan) -> bool:
    """Whether the version is bad now. One that production runs already is not, if only its pre-production failed:
    nothing was found out about what runs, and nothing takes it back.
    """
    histories = rows.many(History, plan.production) if release.entered is None else {}
    return all(history.running != release.artifact.digest for history in histories.values())


def concerned(release: Release, plan: Plan) -> dict[str, int]:
    """Each region that the release may have touched -> the fence number that was valid there."""
    preprod = dict.fromkeys(plan.preproduction, release.number)
    if release.entered is None:
        return preprod
    return {**dict.fromkeys(plan.production, release.entered), **preprod}


def _halt(release: Release, application: str, numbers: dict[str, int]) -> Step:
    """One event for each fence number: a floor with production's number would shut out the order to pre-production."""
    groups = groupby(numbers, key=numbers.__getitem__)
    regions = [(number, tuple(group)) for number, group in groups] or [(release.number, ())]
    return emit(
        *(
            ReleaseHalted(
                application=application,
                release=release.release,
                number=number,
                turn=release.turn,
                regions=named,
                reason=release.reason,
            )
            for number, named in regions
        )
    )


def _order(
    release: Release,
    way: Way,
    region: str,
    *,
    number: int,
    history: History | None,
    bad: Bad,
    debt: Order | None,
    deadline: float,
    to: str | None,
) -> Order:
    """`debt`: an earlier release may run there still. That is taken back as well, though this one wrote nothing."""
    leaving, owed = release.artifact.digest, debt is not None
    wanted, goes_back = _wanted(history, to, bad), owed or not release.stays
    stays = _stays(release, history, debt) if wanted is None else None
    digest = wanted or stays
    if digest is None and goes_back:
        past, to_ = release.artifact.forward_only, way.plan.remediation.to
        digest = way_back(history, leaving, bad.digests, to_, past=past)
    runs_bad = goes_back and history is not None and bad.has(history.running)
    stranded = digest is None and runs_bad
    place = way.places[region]
    ordered = RollbackOrdered(
        application=way.plan.application,
        release=release.release,
        region=region,
        deployer=place.deployer,
        namespace=place.namespace,
        cluster=place.cluster,
        fence=Fence(number=number, turn=release.turn, grant=1),
        workload=way.plan.workload,
        digest=digest,
        bad=leaving,
        regardless=owed or runs_bad,
        deadline=deadline,
        reason=shortened(
            f"{_what(region, digest, release, stranded, history)} {release.reason}", most=ORDER_REASON
        ),
    )
    restores = release.switched and region in way.plan.production and digest != leaving
    return Order(
        ordered=ordered,
        stranded=stranded,
        blamed=release.blamed,
        restores=restores,
        stays=release.stays,
        keeps=stays is not None,
        forward=_goes_forward(release, debt, stays),
    )


def _stays(release: Release, history: History | None, debt: Order | None) -> str | None:
    """The version with which a region stays where it is: the release's own where that is left as far as it has got, bad or
    not; or that of an earlier one, of which the region owes just that.
    """
    own = kept(history, release.release, release.artifact.digest) if release.stays else None
    return own or (staying(history, debt) if debt is not None else None)


def _goes_forward(release: Release, debt: Order | None, stays: str | None) -> bool:
    own = stays == release.artifact.digest and release.artifact.forward_only
    return stays is not None and (own or (debt is not None and debt.forward))


def _wanted(history: History | None, to: str | None, bad: Bad) -> str | None:
    """The version that an operator named, where the region has run it and it is not bad."""
    ran = history is not None and any(version.digest == to for version in history.versions)
    return to if ran and not bad.has(to) else None


def _what(region: str, digest: str | None, release: Release, stranded: bool, history: History | None) -> str:
    if digest == release.artifact.digest:
        return f"{region} stays with {digest[7:19]}, and is served by it whole."
    if digest is not None:
        return f"{region} goes back to {digest[7:19]}."
    if stranded:
        return (
            f"{region} has no earlier version to go back to that is not bad: only clones and their share go."
        )
    if release.stays:
        return f"{region} keeps what it runs: only clones and their share go."
    if history is not None and len(history.versions) > 1:
        return f"{region} has no earlier version that it may go back to: only clones and their share go."
    return f"{region} was never deployed to: only clones and their share go."


def _budgets(plan: Plan) -> dict[str, float]:
    """A region gets as long for the way back as the plan gave it for the way there."""
    stages = [stage for stage in plan.stages if isinstance(stage, PreprodStage | WaveStage)]
    return {region: stage.budget for stage in stages for region in stage.regions}


def restored_by(rows: Rows, order: Order) -> tuple[Flag, ...]:
    """The flags that an order puts back; its own, if it is of an older version."""
    kept = rows.get(Restore, order.ordered.release) if order.restores else None
    return kept.flags if kept is not None else order.ordered.restore


def told(order: Order, flags: tuple[Flag, ...]) -> RollbackOrdered:
    """The order as its deployer reads it."""
    return order.ordered.model_copy(update={"restore": flags}) if order.restores else order.ordered


def issued(order: Order, limits: Limits, now: datetime, flags: tuple[Flag, ...]) -> Step:
    """The order goes out, and its deadline runs."""
    ordered = order.ordered
    timer = SetTimer(
        name=f"deadline {ordered.region}",
        due=now + timedelta(seconds=ordered.deadline),
        body={"region": ordered.region, "release": ordered.release, "grant": ordered.fence.grant},
        grace=timedelta(seconds=limits.grace),
    )
    return put(order, ordered.region) + emit(told(order, flags)) + Step(timers=(timer,))
