"""Folds the events of the topics into views of releases, in the order of their time.

Topics are read side by side, so that an answer can be read before what it answers: then its release is told anew
from its beginning. Events of a release that was queued before all that is read are kept for it, and show nothing.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lockgate.cli.view.model import Mark, RegionView, ReleaseView, State
from lockgate.cli.view.names import Names
from lockgate.cli.view.order import moment
from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentProgressed,
    DeploymentStarted,
    GrantRefused,
    OrderRefused,
    PilotDeployed,
    RegionDeployed,
    RegionProbed,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseSettled, RollbackOrdered
from lockgate.messages.values import Artifact
from lockgate.messages.verdicts import (
    Action,
    Granted,
    Outcome,
    RegionFailed,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WatchEnded,
    WatchOutcome,
)

KEPT = 50  # releases that are over


@dataclass(slots=True)
class View:
    """The releases by id: all that are under way, and the last that ended."""

    releases: dict[str, ReleaseView] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    _told: dict[str, list[Message[Payload]]] = field(default_factory=dict)

    def see(self, message: Message[Payload]) -> ReleaseView | None:
        """Takes one event in; returns the release that it is about, if that is known."""
        if isinstance(artifact := getattr(message.body, "artifact", None), Artifact):
            self.names.learn(message.key, artifact)
        release = message.body.chain
        if release is None:
            return None
        told = self._told.setdefault(release, [])
        insort(told, message, key=moment)
        if told[-1] is message:
            self._fold(release, [message])
        else:
            self.releases.pop(release, None)
            self._fold(release, told)
        view = self.releases.get(release)
        self._forget()
        return view

    def _fold(self, release: str, messages: Iterable[Message[Payload]]) -> None:
        for message in messages:
            body = message.body
            if isinstance(body, ReleaseQueued):
                self.releases[release] = ReleaseView(
                    body.application, release, body.artifact, message.at, self.names, says=body.reason
                )
            if (view := self.releases.get(release)) is not None:
                _release(view, body)
                _stage(view, body)
                _region(view, body)
                _return(view, body)
                view.ended = (view.ended or message.at) if view.over else None

    def _forget(self) -> None:
        """What ended long ago, so that one can watch for days."""
        ended = sorted((view.ended, view.release) for view in self.releases.values() if view.ended)
        for _, release in ended[:-KEPT]:
            self.releases.pop(release)
            self._told.pop(release)

    def of(self, application: str | None) -> list[ReleaseView]:
        """The releases of an application, or all, in the order in which they were queued."""
        views = (view for view in self.releases.values() if application in {None, view.application})
        return sorted(views, key=lambda view: view.queued)


def _release(view: ReleaseView, body: Payload) -> None:
    match body:
        case ReleaseStarted(plan=plan):
            view.laid_out(plan)
            view.state, view.says = State.PREPRODUCTION, ""
        case ReleaseEntered():
            view.state = State.PRODUCTION
        case ReleaseHalted(reason=reason):
            view.state, view.says = State.RETURNING, reason
        case ReleaseSettled(reason=reason):
            view.says = reason
        case ReleaseCompleted():
            view.state, view.says = State.COMPLETED, "good: its watch passed"
        case ReleaseClosed(reason=reason):
            view.state, view.says = State.CLOSED, reason
        case ReleaseSuperseded():
            view.state, view.says = State.SUPERSEDED, "a newer artifact took its place in the queue"
        case _:
            pass


def _stage(view: ReleaseView, body: Payload) -> None:
    stage = view.stages.get(getattr(body, "stage", ""))
    if stage is None:
        return
    match body:
        case Granted():
            stage.mark = Mark.RUNNING if stage.mark is Mark.AHEAD else stage.mark
        case StageWaiting(reason=reason):
            if stage.mark is not Mark.FAILED:
                stage.mark, stage.says = Mark.RUNNING, reason
        case (
            VerdictReached(outcome=Outcome.FAIL, reason=reason)
            | WatchEnded(outcome=WatchOutcome.FAILED, reason=reason)
        ):
            stage.mark, stage.says = Mark.FAILED, reason
        case VerdictReached(outcome=outcome, reason=reason):
            stage.says = f"{outcome}: {reason}"
        case StagePassed(reason=reason):
            stage.mark, stage.says = Mark.DONE, reason
        case _:
            pass


def _region(view: ReleaseView, body: Payload) -> None:
    stage = view.stages.get(getattr(body, "stage", ""))
    region = None if stage is None else stage.regions.get(getattr(body, "region", ""))
    if region is None:
        return
    match body:
        case Granted(action=action, attempt=attempt):
            again = f", attempt {attempt}" if attempt > 1 else ""
            _set(region, Mark.RUNNING, f"{_doing(action)} granted{again}")
        case DeploymentStarted(action=action):
            _set(region, Mark.RUNNING, f"{_doing(action)} began")
        case DeploymentProgressed(updated=updated, wanted=wanted):
            _set(region, Mark.RUNNING, f"{updated} of {wanted} pods")
        case RegionDeployed():
            _set(region, Mark.DONE, "deployed")
        case PilotDeployed(share=share):
            _set(region, Mark.DONE, f"pilot has {share:.0%} of the traffic")
        case RegionProbed(results=results):
            passed = sum(result.passed for result in results)
            _set(
                region,
                Mark.DONE if passed == len(results) else Mark.FAILED,
                f"{passed} of {len(results)} requests passed",
            )
        case DeploymentFailed(reason=reason) | RegionFailed(reason=reason) | GrantRefused(reason=reason):
            _set(region, Mark.FAILED, reason)
        case _:
            pass


def _return(view: ReleaseView, body: Payload) -> None:
    match body:
        case RollbackOrdered(region=region, digest=digest):
            target = f"ordered back to {digest[7:19]}" if digest else "ordered: clones go"
            view.back[region] = RegionView(Mark.RUNNING, target)
        case RegionRolledBack(region=region, digest=digest):
            view.back[region] = RegionView(Mark.BACK, f"runs {digest[7:19]} again")
            _undone(view, region, "taken back")
        case RegionUntouched(region=region):
            view.back[region] = RegionView(Mark.DONE, "does not run it")
            _undone(view, region, "does not run it")
        case OrderRefused(region=region, reason=reason) | RollbackFailed(region=region, reason=reason):
            view.back[region] = RegionView(Mark.FAILED, reason)
        case ReleaseSettled(debts=debts):
            for region in debts:
                view.back[region] = RegionView(Mark.FAILED, "a debt: it may still run this release")
        case _:
            pass


def _undone(view: ReleaseView, region: str, says: str) -> None:
    """What its stages did in the region is no longer so; what failed there still tells why."""
    for stage in view.stages.values():
        row = stage.regions.get(region)
        if row is not None and row.mark in {Mark.RUNNING, Mark.DONE}:
            _set(row, Mark.BACK, says)


def _set(region: RegionView, mark: Mark, says: str) -> None:
    region.mark, region.says = mark, says


def _doing(action: Action) -> str:
    names: dict[Action, Any] = {Action.DEPLOY: "roll-out", Action.PILOT: "pilot", Action.PROBE: "requests"}
    return str(names[action])
