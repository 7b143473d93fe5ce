"""What the topics say of past verdicts: each with its evidence, its release and the plan that this one had. A fold, pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lockgate.cli.view.names import Names
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.releases import ReleaseEntered, ReleaseStarted
from lockgate.messages.values import Artifact
from lockgate.messages.verdicts import FailCause, VerdictReached

TELL_OF_RELEASES, TELL_OF_VERDICTS = "releases", "verdicts"


@dataclass(frozen=True, slots=True)
class Case:
    """One verdict, as it fell."""

    at: str
    version: str
    """What people call it."""
    plan: Plan | None
    """That the release had; None if the topics do not tell any more."""
    said: VerdictReached

    @property
    def has_evidence(self) -> bool:
        """That was judged by a policy: what an incident, a check, a deployer's answer or an operator made fall has none, nor have
        requests that just have to be answered.
        """
        evidence = self.said.evidence
        return "method" in evidence or any("judged" in one for one in evidence.get("regions", {}).values())


@dataclass(slots=True)
class Past:
    """Takes the events in by their time. `application`: None for all."""

    application: str | None = None
    _plans: dict[str, Plan] = field(default_factory=dict)
    _artifacts: dict[str, Artifact] = field(default_factory=dict)
    _names: Names = field(default_factory=Names)
    _verdicts: list[tuple[str, VerdictReached]] = field(default_factory=list)

    def concerns(self, message: Message[Payload]) -> bool:
        wanted = isinstance(message.body, ReleaseStarted | ReleaseEntered | VerdictReached)
        return wanted and self.application in {None, message.key}

    def see(self, message: Message[Payload]) -> None:
        match message.body:
            case ReleaseStarted(release=release, plan=plan):
                self._plans[release] = plan
            case VerdictReached() as said:
                self._verdicts.append((message.at, said))
            case _:
                pass
        if isinstance(message.body, ReleaseStarted | ReleaseEntered):
            self._artifacts[message.body.release] = message.body.artifact
            self._names.learn(message.key, message.body.artifact)

    def cases(self) -> Iterator[Case]:
        """In the order in which they fell. One that only says what follows an undecided one is none of its own."""
        for at, said in self._verdicts:
            if said.cause is FailCause.UNDECIDED:
                continue
            artifact = self._artifacts.get(said.release)
            version = "" if artifact is None else self._names.called(said.application, artifact)
            yield Case(at, version or said.release, self._plans.get(said.release), said)
