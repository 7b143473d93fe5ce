"""The coordinator's table: which event leads to which decision. Pure; the decisions are in the modules beside."""

from typing import Any

from lockgate.messages.decision import On, Row, Table
from lockgate.messages.deployments import (
    DeploymentStarted,
    FlagsFailed,
    FlagsSwitched,
    OrderRefused,
    PilotDeployed,
    RegionDeployed,
    RegionRegistered,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.releases import (
    AbortRequested,
    MarkRequested,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleasePreempted,
    ReleaseStarted,
    RollbackRequested,
)
from lockgate.messages.verdicts import VerdictReached, WatchEnded
from lockgate.rollback.core import answers, debts, histories, ladder, operators, releases
from lockgate.rollback.core.rows import Bad, Completed, History, Limits, Order, Release, Restore, Switch, Way

Needs = tuple[tuple[type[Row], str], ...]


def _release(_given: Any) -> Needs:
    return ((Release, ""),)


def _ending(given: Any) -> Needs:
    return ((Release, ""), (Way, given.body.release))


def _history(given: Any) -> Needs:
    region = given.body.region
    return ((Release, ""), (Way, given.body.release), (History, region), (Order, region))


def _order(given: Any) -> Needs:
    return ((Release, ""), (Order, given.body.region))


def _switch(given: Any) -> Needs:
    return ((Release, ""), (Switch, given.body.region))


def _refused(given: Any) -> Needs:
    return (*_switch(given), (Order, given.body.region))


TABLE = Table(
    kinds=(Limits, Release, Completed, Way, Order, Restore, Switch, Bad, History),
    events={
        ReleaseStarted: On(releases.started, _release),
        ReleaseEntered: On(releases.entered, _release),
        ReleaseCompleted: On(releases.ended, _release),
        ReleaseClosed: On(releases.ended, _release),
        AbortRequested: On(operators.abort_requested, _ending),
        RollbackRequested: On(operators.rollback_requested, _ending),
        ReleasePreempted: On(operators.preempted, _ending),
        MarkRequested: On(operators.mark_requested, lambda _given: ((Bad, ""),)),
        WatchEnded: On(releases.watch_ended, _release),
        VerdictReached: On(ladder.verdict_reached, _release),
        DeploymentStarted: On(histories.deployment_started, _history),
        PilotDeployed: On(histories.share_set, _history),
        RegionDeployed: On(histories.region_deployed, _history),
        RegionRolledBack: On(answers.rolled_back, _order),
        RegionUntouched: On(answers.untouched, _order),
        OrderRefused: On(ladder.refused, _refused),
        FlagsSwitched: On(ladder.flags_switched, _switch),
        FlagsFailed: On(ladder.flags_failed, _switch),
        RollbackFailed: On(answers.failed, _order),
        RegionRegistered: On(
            debts.region_registered, lambda given: ((Release, ""), (Order, given.body.place.region))
        ),
    },
    shared={RegionRegistered: On(debts.region_registered_for_all)},
    timers={
        "deadline": On(answers.deadline, lambda given: ((Release, ""), (Order, given.body["region"]))),
        "flags": On(ladder.flags_overdue, _release),
    },
    started=On(releases.service_started, lambda _given: ((Limits, ""),)),
)
