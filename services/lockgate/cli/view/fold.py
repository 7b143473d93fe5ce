"""Folds the events of the topics into views of releases, in the order of their time.

Topics are read side by side, so that an answer can be read before what it answers: then its release is told anew
from its beginning. Events of a release that was queued before all that is read are kept for it, and show nothing.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from lockgate.cli.view import regions
from lockgate.cli.view.model import Mark, ReleaseView, State
from lockgate.cli.view.names import Names
from lockgate.cli.view.order import moment
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    AbortRequested,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
    RollbackRequested,
)
from lockgate.messages.rollbacks import (
    FlagsOrdered,
    ReleaseHalted,
    ReleaseHeld,
    ReleaseResumed,
    ReleaseSettled,
    RollbackOrdered,
)
from lockgate.messages.values import Artifact
from lockgate.messages.verdicts import (
    Granted,
    Outcome,
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
            if isinstance(body, ReleaseSuperseded) and release in self.releases:
                by = self.releases.get(body.by)
                newer = "a newer artifact" if by is None else self.names.called(by.application, by.artifact)
                self.releases[release].says = f"{newer} took its place in the queue"
            if (view := self.releases.get(release)) is not None:
                _release(view, body)
                _way_out(view, body)
                _stage(view, body)
                regions.step(view, body, message.at)
                regions.way_back(view, body, message.at)
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
        case ReleaseEntered(recovers=recovers):
            view.state = State.PRODUCTION if recovers is None else State.RETURNING
        case AbortRequested(reason=reason) | RollbackRequested(reason=reason):
            view.state, view.says = State.RETURNING, reason
        case ReleasePreempted(reason=reason):
            view.state, view.says = State.YIELDING, reason
        case ReleaseSettled(reason=reason):
            view.says = reason
        case ReleaseCompleted():
            view.state, view.says = State.COMPLETED, "good: its watch passed"
        case ReleaseClosed(reason=reason):
            view.state, view.says = State.CLOSED, reason
        case ReleaseSuperseded():
            view.state = State.SUPERSEDED
        case _:
            pass


def _way_out(view: ReleaseView, body: Payload) -> None:
    match body:
        case ReleaseHalted(reason=reason):
            view.state, view.says = _on_its_way_out(view), reason
        case FlagsOrdered():
            view.state = State.FLAGS
        case ReleaseHeld(reason=reason):
            view.state, view.says = State.HELD, reason
        case RollbackOrdered():
            view.state = _on_its_way_out(view)
        case ReleaseResumed(reason=reason):
            view.state, view.says = State.PRODUCTION, reason
            for stage in view.stages.values():
                stage.mark = Mark.RUNNING if stage.mark is Mark.FAILED else stage.mark
        case _:
            pass


def _on_its_way_out(view: ReleaseView) -> State:
    """What gives way may stay where it runs."""
    return State.YIELDING if view.state is State.YIELDING else State.RETURNING


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
