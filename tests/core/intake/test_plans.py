"""A published plan is accepted with a version, or refused with every problem."""

from datetime import datetime

from lockgate.intake.core import TABLE
from lockgate.intake.rows import Claim, NewestPlan
from lockgate.messages.decision import Input, RowKey, Rows, Step
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.plans import PlanPublished
from lockgate.messages.releases import PlanAccepted, PlanRefused
from lockgate.messages.values import EVERY
from tests.support.desk import Desk
from tests.support.intake import APP, announced, desk, empty_desk, names, plan, published, registered


def _refusal(events: list[Payload]) -> tuple[str, ...]:
    (refused,) = events
    assert isinstance(refused, PlanRefused)
    return refused.problems


def test_a_good_plan_gets_version_one_and_is_kept() -> None:
    at_desk = desk()
    assert at_desk.row(NewestPlan, APP).version == 1
    assert at_desk.row(NewestPlan, APP).plan == Plan.model_validate(plan())
    assert at_desk.row(Claim, EVERY, "pkg:oci/payments").application == APP


def test_a_changed_plan_gets_the_next_version() -> None:
    (accepted,) = desk().give(published(queue={"supersede": False}))
    assert isinstance(accepted, PlanAccepted)
    assert (accepted.application, accepted.version) == (APP, 2)
    assert not accepted.plan.queue.supersede


def test_an_identical_plan_is_answered_with_the_version_that_holds() -> None:
    at_desk = desk()
    before = dict(at_desk.rows)
    (accepted,) = at_desk.give(published(**{"false-alarms": "1%"}))  # 1% is the default
    assert isinstance(accepted, PlanAccepted)
    assert accepted.version == 1
    assert at_desk.rows == before


def test_all_problems_are_told_at_once_with_field_and_what_to_write() -> None:
    at_desk = empty_desk()
    at_desk.give(registered("eu-west"))
    stages = [
        {"name": "all", "kind": "wave", "regions": ["eu-west", "mars"], "max-paralel": 2},
        {"name": "watch", "kind": "watch", "for": "2 hours"},
    ]
    assert _refusal(at_desk.give(published(stages=stages, queue={"supersede": "yes"}))) == (
        (
            "stages[0].max-paralel: there is no field 'max-paralel' here: write max-parallel if you meant that; "
            "the fields here are name, before, check, kind, regions, strategy, max-parallel, retry, on-region-failure, budget, after"
        ),
        "stages[1].for: '2 hours' is no duration: write a number and a unit, such as 90s, 10m or 2h",
        "queue.supersede: 'yes' has the wrong type: write true or false",
        (
            "stages[0].regions[1]: no deployer has registered mars: start its deployer first, or correct the name; "
            "registered are eu-west"
        ),
    )
    assert RowKey(APP, NewestPlan.kind, "") not in at_desk.rows


def test_of_very_many_regions_the_first_twenty_are_listed() -> None:
    at_desk = empty_desk()
    for n in reversed(range(30)):
        at_desk.give(registered(f"r{n:02}"))
    told = _refusal(at_desk.give(published(stages=plan()["stages"][2:])))
    assert told[0].endswith(f"registered are {', '.join(f'r{n:02}' for n in range(20))} and 10 more")


def test_a_plan_of_very_many_regions_costs_few_rounds_of_loading() -> None:
    rounds = 0

    class Counting:
        rows, keys, touches = TABLE.rows, TABLE.keys, TABLE.touches

        def decide(self, rows: Rows, given: Input, now: datetime) -> Step:
            nonlocal rounds
            rounds += 1
            return TABLE.decide(rows, given, now)

    at_desk = Desk(Counting())
    regions = [f"r{n}" for n in range(500)]
    for region in regions:
        at_desk.give(registered(region))
    rounds = 0
    stages = [
        {"name": "all", "kind": "wave", "regions": regions},
        {"name": "w", "kind": "watch", "for": "1h"},
    ]
    assert names(at_desk.give(published(stages=stages))) == ["PlanAccepted"]
    assert names(at_desk.give(announced(1))) == ["ReleaseQueued", "ReleaseStarted", "ReleaseEntered"]
    assert rounds <= 10


def test_without_any_region_the_sentence_says_so() -> None:
    told = _refusal(empty_desk().give(published(stages=plan()["stages"][2:])))
    assert told[0] == (
        "stages[0].regions[0]: no deployer has registered eu-west: start its deployer first, or correct the name; "
        "no region is registered yet"
    )
    assert len(told) == 2


def test_a_package_of_another_application_is_refused() -> None:
    at_desk = desk()
    assert _refusal(at_desk.give(published(application="billing"))) == (
        (
            "artifact: pkg:oci/payments belongs to the application payments, and a package has one application: "
            "correct the package, or publish a plan of payments with another one first"
        ),
    )
    assert at_desk.row(Claim, EVERY, "pkg:oci/payments").application == APP


def test_a_plan_with_another_package_lets_the_old_one_go() -> None:
    at_desk = desk()
    at_desk.give(published(artifact="pkg:oci/payments-v2"))
    assert RowKey(EVERY, Claim.kind, "pkg:oci/payments") not in at_desk.rows
    (accepted,) = at_desk.give(published(application="billing"))
    assert isinstance(accepted, PlanAccepted)
    assert (accepted.application, accepted.version) == ("billing", 1)


def test_a_refused_plan_leaves_the_old_one_in_force() -> None:
    at_desk = desk()
    before = dict(at_desk.rows)
    _refusal(at_desk.give(published(stages=[])))
    assert at_desk.rows == before


def test_nonsense_is_refused_however_it_looks() -> None:
    at_desk = empty_desk()
    for raw in ({}, {"application": ["x"] * 500}, {"stages": {"a": 1}}, {"stages": [None, {"regions": 3}]}):
        assert "artifact: this field is missing: add it, such as `artifact: pkg:oci/payments`" in _refusal(
            at_desk.give(PlanPublished(plan=raw))
        )
    assert at_desk.rows == {}


def test_of_very_many_problems_the_first_hundred_are_told() -> None:
    stages = [{"name": "all", "kind": "wave", "regions": [f"r{n}" for n in range(150)]}]
    told = _refusal(
        empty_desk().give(published(stages=[*stages, {"name": "w", "kind": "watch", "for": "1h"}]))
    )
    assert len(told) == 101
    assert told[-1] == "and 50 more problems: correct these first"
