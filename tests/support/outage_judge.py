"""What must have become of a good release in the middle of which its metrics were away, told from what it said and what there was.

It passes, whatever happened, and says nothing else but that nothing could be measured; not while there was nothing to read; by no
more scrapes and requests than its pilot told; and it says what it waited for, is held where that took longer than its plan allows,
and goes on without anybody's word. Anything else is an AssertionError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import Action, Granted, Outcome, StageWaiting, VerdictReached, WaitingFor
from tests.support.measured_releases import SOAK

Kind = Literal["stopped", "emptied", "frozen", "nan", "slow", "5xx", "truncated"]
"""Prometheus stopped; the same and its disk emptied; frozen, with its port open; exporters that tell no numbers; and answers that
are late, are errors, or end in the middle."""

TIMEOUT = 2.0
"""Seconds that the verifier waits for an answer here."""
ALLOWED = 3.0
"""Seconds that the metrics may be away by the plan."""
LONG = ALLOWED + 3 * TIMEOUT + 2.0
"""An outage of so many seconds holds the release: it is seen after one question, and found to last too long by another."""
GRACE = 3.0
"""Seconds of an outage in which a verdict may still come of what was read before."""

_LATE = f"did not answer within {TIMEOUT:g} s"
_SAYS: dict[Kind, str] = {
    "stopped": "cannot be reached: ",
    "emptied": "cannot be reached: ",
    "frozen": _LATE,
    "nan": "there are no newer samples of http_server_request_duration_seconds_count and",
    "slow": _LATE,
    "5xx": "Prometheus answered 503 with something that is not JSON",
    "truncated": "cannot be reached: ClientPayloadError",
}
"""What the release says that it waits for."""
_BY_ITSELF = "It goes on by itself when the metrics of eu-west are back."


@dataclass(frozen=True, slots=True)
class Outage:
    """Begins `after` so many seconds of a pilot, and lasts for so many `seconds`."""

    kind: Kind
    after: float
    seconds: float


class Told(NamedTuple):
    """The pilot's exporter told numbers: so many seconds after its release began, and so many requests in all."""

    at: float
    requests: int


@dataclass(frozen=True, slots=True)
class Story:
    """What there was and what was said; times are seconds after the beginning of the pilot."""

    outage: Outage
    began: float
    """The outage."""
    ended: float
    failed: int
    """Questions without a whole answer, and scrapes without a number."""
    told: Sequence[Told]
    events: Sequence[tuple[float, Payload]]


class Met(NamedTuple):
    """A release that met an outage and passed."""

    kind: Kind
    seconds: float
    held: bool
    back: float
    """Seconds from the return of the metrics until it passed."""


def judged(story: Story) -> Met | None:
    """None if the release was decided before the outage could matter."""
    passed_at, verdict = _passes(story)
    _is_of_what_was_told(story, passed_at, verdict)
    if passed_at <= story.began + GRACE:
        return None
    assert passed_at >= story.ended, f"passed {passed_at - story.began:.1f} s into it, with nothing to read"
    assert story.failed > 0, "nothing failed in it"
    held = _says_so(story)
    return Met(story.outage.kind, story.ended - story.began, held, passed_at - story.ended)


def _passes(story: Story) -> tuple[float, VerdictReached]:
    """When, and by which verdict."""
    verdicts = [(at, said) for at, said in story.events if isinstance(said, VerdictReached)]
    *others, (at, last) = verdicts
    assert last.outcome is Outcome.PASS, f"{last.outcome}: {last.reason}"
    assert {said.outcome for _, said in others} <= {Outcome.UNMEASURABLE}, [said.reason for _, said in others]
    assert all(when >= story.began for when, _ in others), "held before the outage"
    granted = [said for when, said in story.events if isinstance(said, Granted) and when >= at]
    assert [grant.action for grant in granted] == [Action.DEPLOY], "its wave was not granted"
    return at, last


def _is_of_what_was_told(story: Story, passed_at: float, verdict: VerdictReached) -> None:
    measured = verdict.evidence["measured"]
    scrapes, requests = int(measured["scrapes"]), sum(map(int, measured["n"][0]))
    assert scrapes >= SOAK, f"passed by {scrapes} scrapes"
    before = [one for one in story.told if one.at <= 0.0]
    since = [one for one in story.told if 0.0 < one.at <= passed_at]
    assert scrapes <= len(since) + 1, f"passed by {scrapes} scrapes, and {len(since)} were told"
    most = since[-1].requests - (before[-1] if before else since[0]).requests
    assert 0 < requests <= most, f"passed by {requests} requests of the pilot, and {most} were told"


def _says_so(story: Story) -> bool:
    """Whether it was held."""
    waits = [said for at, said in story.events if isinstance(said, StageWaiting) and at >= story.began]
    away = [said for said in waits if said.waiting_for in {WaitingFor.METRICS, WaitingFor.HELD}]
    expected = _SAYS[story.outage.kind]
    assert any(expected in said.reason for said in away), f"it never said {expected!r}: {away}"
    holds = [said for said in away if said.waiting_for is WaitingFor.HELD]
    assert holds or story.ended - story.began < LONG, "it was not held"
    assert all(said.reason.endswith(_BY_ITSELF) for said in holds), [said.reason for said in holds]
    return bool(holds)
