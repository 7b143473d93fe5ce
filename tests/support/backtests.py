"""Past releases of `payments` with their verdicts, as the verifier says them, for what tries another policy on those."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from lockgate.cli.backtest.found import Fell, Finding, NotYet
from lockgate.cli.backtest.history import Case, Past
from lockgate.cli.backtest.policyfile import BadPolicy, read_policy
from lockgate.cli.backtest.rejudged import judged
from lockgate.messages.message import Message, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseStarted
from lockgate.messages.verdicts import VerdictReached
from lockgate.verifier.statistics.otherwise import Untold
from tests.support.measured import report
from tests.support.verification import PILOT_PER_SCRAPE
from tests.support.verifier import APPLICATION, ARTIFACT, PILOT, WATCH, WAVE, Journey, in_production, only

MINUTES = {"interval": "60s"}
"""So that 40 minutes are 40 scrapes."""
WORK = "measure pilot eu-west"
BIT_WORSE: dict[str, Any] = {**PILOT_PER_SCRAPE, "errors": 6}
"""Twice production's errors."""


def piloted(pilot: dict[str, Any] = PILOT_PER_SCRAPE, **after: Any) -> Journey:
    """A release whose pilot was measured until its verdict; 40 scrapes of it at most, if `after` does not say otherwise."""
    stage = {**PILOT, "after": {"verify": "40m", "soak": "20m", **after}}
    release = in_production(stage, WAVE, WATCH, metrics=MINUTES)
    release.piloted("eu-west")
    order, began = release.desk.work[APPLICATION, WORK].body, release.desk.now
    said = release.desk.report(APPLICATION, WORK, report(order, order["scrapes"], pilot=pilot), final=False)
    scrapes = int(only(said[:1], VerdictReached).evidence["measured"]["scrapes"])
    release.desk.now = began + scrapes * timedelta(minutes=1)
    return release


def told(*releases: Journey) -> list[Message[Payload]]:
    """What the topics have of these releases: the first was begun at noon, and each an hour after the one before."""
    return list(_told(releases))


def _told(releases: tuple[Journey, ...]) -> Iterator[Message[Payload]]:
    number = 0
    for n, release in enumerate(releases, 1):
        began = ReleaseStarted(
            application=APPLICATION,
            release=f"r{n}",
            artifact=ARTIFACT,
            number=n,
            plan_version=1,
            plan=release.plan,
            places={},
        )
        verdicts = [event for event in release.desk.events if isinstance(event, VerdictReached)]
        at = (release.desk.now + (n - 1) * timedelta(hours=1)).isoformat(timespec="milliseconds")
        for writer, body in (("intake", began), *(("verifier", one) for one in verdicts)):
            number += 1
            event = body.model_copy(update={"release": f"r{n}"})
            yield Message(
                event, event_id(writer, APPLICATION, number), f"/{writer}", APPLICATION, at, writer, number
            )


def cases(*releases: Journey) -> list[Case]:
    past = Past()
    for message in told(*releases):
        assert past.concerns(message)
        past.see(message)
    return list(past.cases())


def tried(release: Journey, **policy: Any) -> Finding:
    """A policy on the release's first verdict. A name with an underscore has a dash in the file."""
    given = read_policy(json.dumps({"kind": "Policy"} | {k.replace("_", "-"): v for k, v in policy.items()}))
    assert not isinstance(given, BadPolicy), given
    return judged(cases(release)[0], given)


def would(finding: Finding) -> tuple[str, int | None] | int | str:
    """The verdict and after how many scrapes; or the scrape by which there would be none; or why it cannot be told."""
    match finding.would:
        case Fell(outcome=outcome, scrapes=scrapes):
            return (outcome.value, scrapes)
        case NotYet(scrapes=scrapes):
            return scrapes
        case Untold(why=why):
            return why
