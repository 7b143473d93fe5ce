"""Plans through the door: checked at once, published in the name of whoever was authenticated."""

import json
from typing import Any

import pytest

from lockgate.intake.door.answers import Code
from lockgate.intake.door.callers import Caller, Role
from lockgate.messages.plans import PlanPublished
from tests.support.deliveries import caller, delivered, refusal

OPERATOR = caller(Role.OPERATOR)
PLAN = b"""\
kind: Plan
application: payments
artifact: pkg:oci/payments
workload: {deployment: payments, container: app, service: payments}
stages:
  - {name: all, kind: wave, regions: [eu-west, us-east]}
  - {name: watch, kind: watch, for: 2h}
"""


YAML = {"content-type": "application/yaml"}


def published(who: Caller = OPERATOR, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    (outgoing,) = delivered("/v1/plans", PLAN, who, {**YAML, **named}).outgoing
    return outgoing


def test_a_plan_is_published_as_written_and_its_author_is_the_caller() -> None:
    outgoing = published()
    assert (outgoing.told.topic, outgoing.key, outgoing.told.id) == ("plans", "payments", "fresh")
    assert isinstance(outgoing.body, PlanPublished)
    assert outgoing.body.author == "somebody"
    assert outgoing.body.plan["stages"][1] == {"name": "watch", "kind": "watch", "for": "2h"}
    assert json.loads(outgoing.value)["context"]["timestamp"] == "2026-11-24T12:00:00.000Z"


def test_json_is_read_as_well() -> None:
    plan = published().body.plan
    (outgoing,) = delivered("/v1/plans", plan, OPERATOR).outgoing
    assert isinstance(outgoing.body, PlanPublished)
    assert outgoing.body.plan == plan


def test_a_request_that_is_repeated_with_its_key_is_the_same_publication() -> None:
    first, again, other = (published(idempotency_key=key).told.id for key in ("k-1", "k-1", "k-2"))
    assert first == again != other


def test_one_key_for_two_plans_are_two_publications() -> None:
    keyed = {**YAML, "idempotency-key": "k-1"}
    other = PLAN.replace(b"2h", b"3h")
    made = [delivered("/v1/plans", plan, OPERATOR, keyed).outgoing[0].told.id for plan in (PLAN, other, PLAN)]
    assert made[0] == made[2] != made[1]


def test_somebody_elses_key_is_another_publication() -> None:
    named = (Caller(name, Role.OPERATOR) for name in ("ann", "bob"))
    assert len({published(who, idempotency_key="k-1").told.id for who in named}) == 2


@pytest.mark.parametrize("key", ["", "k" * 201, "ключ"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    refused = refusal("/v1/plans", PLAN, OPERATOR, {**YAML, "idempotency-key": key})
    assert (refused.code, "Idempotency-Key" in refused.detail) == (Code.MALFORMED, True)


def test_every_problem_of_a_bad_plan_is_answered_with_its_line() -> None:
    bad = PLAN.replace(b"kind: wave", b"kind: surf").replace(b"for: 2h", b"for: 2")
    refused = refusal("/v1/plans", bad, OPERATOR, YAML)
    assert refused.code is Code.UNREADABLE
    assert refused.detail.startswith("the plan has 2 problems; nothing was published")
    assert [error.split(":")[0] for error in refused.errors] == ["line 6", "line 7"]


def test_a_plan_of_ones_own_application_does_not_take_somebody_elses_artifacts() -> None:
    who = caller(Role.OPERATOR, applications=frozenset({"payments"}))
    assert published(who).key == "payments"
    refused = refusal("/v1/plans", PLAN.replace(b"pkg:oci/payments", b"pkg:oci/shop"), who, YAML)
    assert refused.code is Code.FORBIDDEN
    assert "may not publish a plan that takes pkg:oci/shop" in refused.detail


def test_a_small_text_with_more_in_it_than_a_plan_has_is_refused_before_all_of_it_is_read() -> None:
    (error,) = refusal("/v1/plans", b"{a: [" + b"1," * 30_000 + b"]}", OPERATOR, YAML).errors
    assert "at most 20000 keys and values" in error


def test_who_is_restricted_publishes_plans_of_its_own_applications() -> None:
    shop = caller(Role.OPERATOR, applications=frozenset({"shop"}))
    refused = refusal("/v1/plans", PLAN, shop, YAML)
    assert refused.code is Code.FORBIDDEN
    assert "may not publish plans of payments" in refused.detail
