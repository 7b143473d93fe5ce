"""What people are told of which event: its kind, its words, and the commands that come next."""

import shlex
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from lockgate.cli.main import app
from lockgate.ledger.chain import encode_headers
from lockgate.ledger.notifying.following import Following, commands
from lockgate.ledger.notifying.notice import TOPICS, Kind, Notice, noticed
from lockgate.ledger.notifying.receivers import Receiver
from lockgate.ledger.notifying.telling import addressed, called, events, named, notices
from lockgate.messages.message import Message, encode, event_id
from lockgate.messages.payload import PAYLOADS, Payload
from lockgate.messages.releases import ReleaseCompleted, ReleaseQueued
from lockgate.messages.rollbacks import (
    DebtCleared,
    FlagsOrdered,
    RegionAnswer,
    ReleaseHeld,
    ReleaseResumed,
    ReleaseSettled,
    RollbackOrdered,
)
from lockgate.messages.values import Artifact, Fence, Workload
from lockgate.messages.verdicts import (
    FailCause,
    Outcome,
    RollbackVerified,
    StageWaiting,
    VerdictReached,
    WaitingFor,
)
from tests.support.cdevents import ROOT
from tests.support.payloads import QUICK, messages

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
RELEASE = "0d5f7a52-0f57-5d8a-9d8e-1f4f3f0f8a11"
DIGEST = "sha256:" + "03" * 32
ARTIFACT = Artifact(purl=f"pkg:oci/payments@{DIGEST}", digest=DIGEST, tag="v3")
OURS: dict[str, Any] = {"application": "payments", "release": RELEASE}
FIX = 'lockgate fix payments --artifact "pkg:oci/..." --why "..."'
WHY = "1 in 20 requests failed, and 1 in 1000 beside it."
ORDER: dict[str, Any] = {
    **OURS, "deployer": "deployer-eu", "namespace": "shop", "cluster": "c1", "deadline": 60.0, "reason": WHY,
}  # fmt: skip


def said(body: Payload, number: int = 1) -> Message[Payload]:
    return Message(
        body, event_id("verifier", "payments", number), "/lockgate/verifier", "payments", AT.isoformat()
    )


def told(body: Payload, number: int = 1) -> Notice:
    notice = noticed(said(body, number), "v3", AT)
    assert notice is not None
    return notice


def verdict(outcome: Outcome = Outcome.FAIL, **changes: Any) -> VerdictReached:
    given: dict[str, Any] = {
        "stage": "pilot",
        "cause": FailCause.MEASURED,
        "reason": WHY,
        "guilty": ("eu-west",),
    }
    return VerdictReached(**OURS, outcome=outcome, **{**given, **changes})


def waits(waiting_for: WaitingFor) -> StageWaiting:
    return StageWaiting(**OURS, stage="first", waiting_for=waiting_for, reason=WHY)


def ordered(region: str, grant: int = 1, turn: int = 2, digest: str | None = None) -> RollbackOrdered:
    workload = Workload(deployment="payments", container="app", service="payments")
    return RollbackOrdered(
        **ORDER, region=region, fence=Fence(number=7, turn=turn, grant=grant), workload=workload,
        digest=digest, bad=DIGEST,
    )  # fmt: skip


def flags(region: str) -> FlagsOrdered:
    return FlagsOrdered(**ORDER, region=region, fence=Fence(number=7, turn=2, grant=1), flags=())


def settled(*debts: str) -> ReleaseSettled:
    answers = {"eu-west": RegionAnswer.ROLLED_BACK, **dict.fromkeys(debts, RegionAnswer.UNREACHABLE)}
    return ReleaseSettled(**OURS, artifact=ARTIFACT, answers=answers, debts=debts, reason=WHY)


TOLD = [
    (verdict(), Kind.FAILURE, "payments v3 failed in the stage pilot"),
    (waits(WaitingFor.APPROVAL), Kind.APPROVAL, "payments v3 waits for an approval before the stage first"),
    (waits(WaitingFor.HELD), Kind.HOLD, "payments v3 is held in the stage first"),
    (ReleaseHeld(**OURS, turn=1, reason=WHY), Kind.HOLD, "payments v3 failed and is held, as it is"),
    (flags("eu-west"), Kind.FLAGS, "payments v3 has its flags switched off"),
    (
        ordered("eu-west"),
        Kind.ROLLBACK,
        "payments v3 is halted, and the regions that it may have touched are ordered back",
    ),
    (
        ordered("eu-west", digest=DIGEST),
        Kind.ROLLBACK,
        "payments v3 is halted, and stays where it is served whole",
    ),
    (
        ReleaseResumed(**OURS, number=7, turn=3, reason=WHY),
        Kind.RECOVERY,
        "payments v3 goes on, and is judged anew",
    ),
    (settled(), Kind.RECOVERY, "payments v3 is settled, and no region owes anything"),
    (settled("us-east"), Kind.DEBT, "payments v3 is settled, and some regions owe something"),
    (
        DebtCleared(**OURS, region="us-east", reason=WHY),
        Kind.RECOVERY,
        "payments v3 does not run in us-east any more",
    ),
    (
        RollbackVerified(**OURS, recovered=True, reason=WHY),
        Kind.RECOVERY,
        "payments v3 was taken back, and that helped",
    ),
    (
        RollbackVerified(**OURS, recovered=False, reason=WHY),
        Kind.HOLD,
        "payments v3 was taken back, and that did not help",
    ),
    (
        ReleaseCompleted(**OURS, artifact=ARTIFACT),
        Kind.COMPLETED,
        "payments v3 is completed, in every region of its plan",
    ),
]


@pytest.mark.parametrize(("body", "kind", "what"), TOLD, ids=[what for _, _, what in TOLD])
def test_people_are_told_what_happened_to_which_version_and_why(body: Payload, kind: Kind, what: str) -> None:
    notice = told(body)
    assert (notice.kind, notice.what, notice.application, notice.version) == (kind, what, "payments", "v3")
    assert notice.why == ("Its watch passed." if kind is Kind.COMPLETED else WHY)
    assert (notice.release, notice.at, notice.event) == (RELEASE, AT, event_id("verifier", "payments", 1))
    assert body.topic in TOPICS


def test_every_kind_is_told_of_some_event() -> None:
    assert {kind for _, kind, _ in TOLD} == set(Kind)


def test_the_regions_are_those_that_the_evidence_names_or_that_owe_something() -> None:
    assert told(verdict(guilty=("eu-west", "us-east"))).regions == ("eu-west", "us-east")
    assert told(settled("us-east")).regions == ("us-east",)
    assert told(DebtCleared(**OURS, region="us-east", reason=WHY)).regions == ("us-east",)


@pytest.mark.parametrize(
    "body",
    [
        *(verdict(outcome, cause=None) for outcome in Outcome if outcome is not Outcome.FAIL),
        *(waits(wait) for wait in WaitingFor if wait not in {WaitingFor.APPROVAL, WaitingFor.HELD}),
        ordered("eu-west", grant=2),
        ReleaseQueued(**OURS, artifact=ARTIFACT, position=0, reason="It starts at once."),
    ],
    ids=lambda body: f"{type(body).__name__}-{body.subject_id()}",
)
def test_nobody_is_told_of_what_goes_its_way(body: Payload) -> None:
    assert noticed(said(body), "v3", AT) is None


def test_one_notice_tells_of_the_orders_to_all_regions_and_of_no_repeat() -> None:
    first, second = told(ordered("eu-west"), 1), told(ordered("us-east"), 2)
    assert first.id == second.id
    assert told(ordered("eu-west", turn=4), 3).id != first.id
    assert told(flags("eu-west"), 1).id == told(flags("us-east"), 2).id != first.id


def test_the_id_is_that_of_the_event_and_so_the_same_each_time() -> None:
    assert told(verdict(), 1).id == told(verdict(), 1).id != told(verdict(), 2).id


def test_an_operator_reads_which_commands_come_next() -> None:
    assert told(waits(WaitingFor.APPROVAL)).commands == (
        f'lockgate approve payments --release {RELEASE} --stage first --why "..."',
        f'lockgate abort payments --release {RELEASE} --why "..."',
        f'lockgate reject payments --release {RELEASE} --stage first --why "..."',
    )
    assert told(ReleaseHeld(**OURS, turn=1, reason=WHY)).commands == (
        FIX,
        f'lockgate rollback payments --release {RELEASE} --why "..."',
        f'lockgate abort payments --release {RELEASE} --why "..."',
    )
    assert told(settled("us-east")).commands == ("lockgate status payments", FIX)
    assert told(settled()).commands == (FIX,)
    unrecovered = RollbackVerified(**OURS, recovered=False, reason=WHY)
    assert told(unrecovered).commands == (FIX, 'lockgate resume payments --why "..."')


def test_a_release_that_is_held_is_said_to_go_on_by_a_fix_before_it_is_taken_back() -> None:
    held = told(ReleaseHeld(**OURS, turn=1, reason=WHY))
    assert held.says == (
        "Nothing goes on until an operator says what follows. A fix goes on from here; the others take it back all the same:"
    )
    assert told(verdict()).says == (
        "Lockgate does what the plan says of a failure; if that asks anything of you, another notice follows."
    )


def test_nobody_is_sent_to_the_end_of_the_queue_with_a_fix() -> None:
    assert told(settled()).says == (
        "The next release may begin. Where no fix is under way yet, one goes before all that wait:"
    )


def test_a_release_that_stays_where_it_is_is_not_told_as_one_that_goes_back() -> None:
    stays, goes = told(ordered("eu-west", digest=DIGEST), 1), told(ordered("us-east"), 2)
    assert stays.id == told(ordered("ap-south", digest=DIGEST), 3).id != goes.id


@pytest.mark.parametrize("following", Following)
def test_every_command_is_one_that_there_is_with_options_that_it_has(following: Following) -> None:
    for command in commands(following, "payments", RELEASE, "pilot"):
        lockgate, name, *arguments = shlex.split(command)
        assert lockgate == "lockgate"
        whole: Any = typer.main.get_command(app)
        whole.commands[name].make_context(name, arguments)  # raises where it would not be understood
        assert f"`{name} " in (ROOT / "docs" / "operations.md").read_text() or name == "status"


def test_an_id_that_is_none_becomes_no_part_of_a_command() -> None:
    body = ReleaseHeld(application="payments", release='x"; rm -rf /', turn=1, reason=WHY)
    assert told(body).commands == (
        FIX,
        'lockgate rollback payments --why "..."',
        'lockgate abort payments --why "..."',
    )


def test_what_reverses_the_reading_or_ends_a_line_is_taken_out_of_a_text() -> None:
    assert told(verdict(reason="one\ntwo\u202ethree\x1b[2J")).why == "one two three [2J"


def test_a_version_that_nobody_knows_is_called_by_its_release() -> None:
    notice = noticed(said(verdict()), None, AT)
    assert notice is not None
    assert notice.what == f"payments (release {RELEASE}) failed in the stage pilot"


@pytest.mark.parametrize("name", [name for name, payload in PAYLOADS.items() if payload.topic in TOPICS])
def test_a_notice_can_be_made_of_whatever_an_event_says(name: str) -> None:
    @QUICK
    @given(messages(PAYLOADS[name]), st.none() | st.text(max_size=20))
    def makes_one(message: Message[Payload], version: str | None) -> None:
        notice = noticed(message, version, AT)
        if notice is not None:
            assert Notice.model_validate_json(notice.model_dump_json()) == notice

    makes_one()


# --- from the ledger's records ------------------------------------------------------------------------------------


def row(seq: int, body: Payload, *, writer: str, number: int, stored: datetime = AT) -> dict[str, Any]:
    message = Message(
        body, event_id(writer, "payments", number), f"/lockgate/{writer}", "payments", AT.isoformat(), writer, number
    )  # fmt: skip
    headers, value = encode(message)
    return {
        "seq": seq, "topic": body.topic, "part": 0, "offset": seq, "time": int(stored.timestamp() * 1000),
        "key": b"payments", "headers": encode_headers(headers), "value": value,
    }  # fmt: skip


QUEUED = ReleaseQueued(**OURS, artifact=ARTIFACT, position=0, reason="It starts at once.")
STORY = [
    row(1, QUEUED, writer="intake", number=1),
    row(2, verdict(), writer="verifier", number=1),
    row(3, settled(), writer="rollback", number=1),
]


def everyone(**changes: Any) -> Receiver:
    return Receiver(name="all", type="webhook", url_env="ALL", **changes)


def whats(made: Iterable[tuple[int, Notice]]) -> list[tuple[int, str]]:
    return [(seq, notice.what) for seq, notice in made]


def test_a_release_is_called_as_its_first_event_calls_its_artifact() -> None:
    found = events(STORY)
    assert named(found) == {RELEASE: "v3"}
    assert whats(notices(found, named(found))) == [
        (2, "payments v3 failed in the stage pilot"),
        (3, "payments v3 is settled, and no region owes anything"),
    ]


def test_no_name_is_learned_of_or_looked_up_for_an_id_that_intake_never_gives() -> None:
    body = settled().model_copy(update={"release": "x" * 256})
    found = events([row(1, body, writer="rollback", number=1)])
    assert [event.message.body for event in found] == [body]
    assert named(found) == {}
    assert called(found, {}) == []
    assert called(events(STORY), {}) == [RELEASE]
    assert called(events(STORY), {RELEASE: "v3"}) == []


def test_who_may_not_write_to_a_topic_tells_nobody_anything() -> None:
    broken = {**STORY[1], "value": b"{"}
    stranger = row(4, verdict(), writer="rollback", number=9)
    assert events([broken, stranger]) == []


def test_an_event_is_as_old_as_its_decision_and_never_younger_than_the_broker_says() -> None:
    early, late = AT - timedelta(hours=1), AT + timedelta(hours=9)
    ages = [row(1, verdict(), writer="verifier", number=1, stored=stored) for stored in (early, late)]
    assert [event.at for event in events(ages)] == [early, AT]


def test_nobody_is_told_of_yesterday() -> None:
    made = notices(events(STORY), {})
    six = timedelta(hours=6)
    assert len(addressed(made, [everyone()], AT + timedelta(hours=5, minutes=59), six)) == 2
    assert addressed(made, [everyone()], AT + six, six) == []


def test_each_is_told_of_the_kinds_and_applications_that_it_wants() -> None:
    made = notices(events(STORY), {})

    def of(receiver: Receiver) -> list[int]:
        return [seq for _, seq, _ in addressed(made, [receiver], AT, timedelta(hours=6))]

    assert of(everyone()) == [2, 3]
    assert of(everyone(kinds=["recovery"])) == [3]
    assert of(everyone(applications=["payments"])) == [2, 3]
    assert of(everyone(applications=["orders"])) == []


def test_an_event_of_which_no_notice_can_be_made_keeps_none_from_the_others() -> None:
    found = events(STORY)
    broken = found[1].message.body.model_copy(
        update={"stage": object(), "outcome": Outcome.FAIL, "release": 7}
    )
    strange = found[1]._replace(message=found[1].message._replace(body=broken))
    assert whats(notices([strange, found[2]], {RELEASE: "v3"})) == [
        (3, "payments v3 is settled, and no region owes anything")
    ]
