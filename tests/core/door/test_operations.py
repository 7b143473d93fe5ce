"""Operations through the door: in the name of whoever was authenticated, for the applications that it may touch."""

from typing import Any

import pytest

from lockgate.intake.door.answers import Code
from lockgate.intake.door.callers import Caller, Role
from lockgate.messages.operations import OPERATIONS, Operation, Pause, Reassign, Rollback
from tests.support.deliveries import caller, delivered, refusal

OPERATOR = caller(Role.OPERATOR)
OF_PAYMENTS = caller(Role.OPERATOR, applications=frozenset({"payments"}))
DIGEST = "sha256:" + "0" * 64
NEEDED: dict[str, dict[str, Any]] = {"mark": {"digest": DIGEST, "grade": "bad"}, "fix": {"artifact": DIGEST}}


def body(operation: str = "pause", **fields: Any) -> dict[str, Any]:
    return {"operation": operation, "application": "payments", "why": "the sale is on", **fields}


def published(given: dict[str, Any], who: Caller = OPERATOR, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    (outgoing,) = delivered("/v1/operations", given, who, named).outgoing
    return outgoing


def refused(given: Any, who: Caller = OPERATOR) -> tuple[Code, str]:
    found = refusal("/v1/operations", given, who)
    return found.code, found.detail


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"reassign"}))
def test_each_operation_is_published_in_the_callers_name(name: str) -> None:
    outgoing = published(body(name, **NEEDED.get(name, {})))
    assert (outgoing.told.topic, outgoing.key) == ("operations", "payments")
    assert isinstance(outgoing.body, OPERATIONS[name])
    assert (outgoing.body.who, outgoing.body.why) == ("somebody", "the sale is on")


def test_what_names_no_application_is_about_all() -> None:
    outgoing = published({"operation": "pause", "why": "the network is down"})
    assert isinstance(outgoing.body, Pause)
    assert (outgoing.key, outgoing.body.application) == ("*", None)


REASSIGN = {
    "operation": "reassign",
    "region": "eu-west",
    "deployer": "two",
    "why": "the cluster was built anew",
}


def test_a_region_is_reassigned_in_the_callers_name_too() -> None:
    outgoing = published(REASSIGN)
    assert (outgoing.told.topic, outgoing.key) == ("operations", "*")
    assert outgoing.body == Reassign(
        region="eu-west", deployer="two", who="somebody", why="the cluster was built anew"
    )


def test_who_may_touch_some_applications_only_reassigns_no_region() -> None:
    assert refused(REASSIGN, OF_PAYMENTS) == (
        Code.FORBIDDEN,
        (
            "somebody may not say anything about a region, which is of all applications: the door's settings restrict it to "
            "other applications; nothing of this delivery was published"
        ),
    )


def test_an_operation_that_is_sent_again_with_its_key_is_the_same_one() -> None:
    first, again, other = (published(body(), idempotency_key=key).told.id for key in ("k-1", "k-1", "k-2"))
    assert first == again != other


def test_all_that_belongs_to_an_application_lies_on_one_partition() -> None:
    assert published(body("abort", release="some-release")).key == "payments"


def test_nobody_says_who_asks_but_the_door() -> None:
    assert refused(body(who="bob"))[1].startswith("pause has no 'who': it takes why, application, until")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (body(unitl="2026-12-24T08:00Z"), "pause has no 'unitl'"),
        (body("stop"), "`operation` must be one of pause, resume, abort"),
        ({"why": "so"}, "`operation` must be one of pause"),
        ({"operation": "pause"}, "`why` is missing"),
        ([], "an operation is a JSON object"),
        (body(why=""), "why"),
        (body(why="  "), "why"),
        (body(why="x" * 501), "why"),
        (body(until="2026-12-24T08:00"), "until"),
        (body(until="tomorrow"), "until"),
        (body(application="No Name"), "application"),
        (body("abort", application=None), "application"),
        (body("rollback", to="1.4.0"), "to"),
        (body("mark", digest=DIGEST, grade="so-so"), "grade"),
        (body("fix"), "artifact"),
        (body("fix", artifact=""), "artifact"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_wrong(given: Any, told: str) -> None:
    code, detail = refused(given)
    assert code is Code.UNREADABLE
    assert told in detail


def test_a_caller_says_nothing_about_the_applications_of_others() -> None:
    assert published(body(), OF_PAYMENTS).key == "payments"
    code, detail = refused(body(application="shop"), OF_PAYMENTS)
    assert (code, "may not say anything about shop" in detail) == (Code.FORBIDDEN, True)


def test_a_caller_of_some_applications_pauses_not_all() -> None:
    code, detail = refused({"operation": "pause", "why": "so"}, OF_PAYMENTS)
    assert (code, "may not say anything about all applications" in detail) == (Code.FORBIDDEN, True)


@pytest.mark.parametrize("role", [Role.CI, Role.MONITORING, Role.VIEWER])
def test_operations_are_for_operators(role: Role) -> None:
    assert refused(body(), caller(role))[0] is Code.FORBIDDEN


def test_an_operation_does_not_come_in_where_nobody_is_asked_for_the_role() -> None:
    event = {
        "context": {
            "specversion": "0.5.1",
            "id": "1",
            "source": "/ci",
            "type": Rollback.type,
            "timestamp": "2026-11-24T10:00:00Z",
        },
        "subject": {"id": "payments", "content": {}},
    }
    found = refusal("/v1/events", event, OPERATOR)
    assert "operations are asked for at /v1/operations" in found.detail


def test_every_operation_demands_a_reason() -> None:
    assert all(kind.model_fields["why"].is_required() for kind in OPERATIONS.values())
    assert all(issubclass(kind, Operation) for kind in OPERATIONS.values())
