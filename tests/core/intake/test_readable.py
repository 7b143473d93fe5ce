"""What intake emits goes over a topic and is the same on the other side."""

from pathlib import Path

from lockgate.intake.planfile import GoodPlan, check_plan
from lockgate.messages.message import Message, decode, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.plans import PlanPublished
from tests.support.intake import (
    announce,
    announced,
    empty_desk,
    marked,
    names,
    passed,
    published,
    registered,
    settled,
    watched,
)

EXAMPLE = Path(__file__).parents[3] / "docs" / "plans" / "payments.yaml"


def _over_the_topic(body: Payload) -> Payload:
    message = Message(
        body=body,
        id=event_id("intake", "payments", 1),
        source="/intake",
        key="payments",
        at="2026-11-24T12:00:00.000Z",
        writer="intake",
        number=1,
    )
    headers, value = encode(message)
    return decode("payments", dict(headers), value).body


def test_every_event_of_the_example_plan_arrives_as_it_was_emitted() -> None:
    checked = check_plan(EXAMPLE.read_bytes())
    assert isinstance(checked, GoodPlan)
    at_desk = empty_desk()
    for region in checked.plan.regions:
        at_desk.give(registered(region))
    at_desk.give(registered("eu-west", "another"))
    at_desk.give(PlanPublished(plan=checked.written))
    at_desk.give(published(application="Another One", stages=[]))
    first, _second = announce(at_desk, 1), announce(at_desk, 2)
    at_desk.give(passed(first, "preprod"))
    third = announce(at_desk, 3)
    at_desk.give(watched(first))
    at_desk.give(marked(3))
    at_desk.give(settled(third, "eu-west"))
    at_desk.give(announced(3))
    assert set(names(at_desk.events)) == {
        *("RegionAccepted", "RegionRefused", "PlanAccepted", "PlanRefused", "ArtifactRefused"),
        *("ReleaseQueued", "ReleaseStarted", "ReleaseEntered"),
        *("ReleaseSuperseded", "ReleaseCompleted", "ReleaseClosed"),
    }
    for event in at_desk.events:
        assert _over_the_topic(event) == event
