"""Which commands a deployer obeys: fences, floors, places and times, in every order of the two topics."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from lockgate.deployer.core import table
from lockgate.deployer.core.rows import RegionState
from lockgate.messages.deployments import GrantRefused, OrderRefused, RefusalCode
from lockgate.messages.message import Message, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import ReleaseHalted, RollbackOrdered
from lockgate.messages.values import NO_FENCE
from lockgate.messages.verdicts import Action, Granted
from tests.support.deployer import CLUSTER, OLD, fence, grant, halt, order
from tests.support.desk import Desk

SLOT = ("payments", "step eu-west")


def desk(cluster: str = CLUSTER) -> Desk:
    """A deployer `west` whose regions eu-west and eu-north are registered."""
    made = Desk(table("west", {"eu-west": "shop", "eu-north": "shop"}))
    made.start({"regions": {"eu-west": "shop", "eu-north": "shop"}})
    for region in ("eu-west", "eu-north"):
        made.report("*", f"register {region}", {"outcome": "registered", "cluster": cluster, "live": {}})
    made.events.clear()
    return made


def floor(at: Desk, region: str = "eu-west") -> str:
    return str(at.row(RegionState, "payments", region).floor)


def running(at: Desk) -> str | None:
    """The kind and fence of the work in eu-west."""
    work = at.work.get(SLOT)
    if work is None:
        return None
    command = work.body.get("grant") or work.body["order"]
    return f"{work.kind} {command['fence']['number']}.{command['fence']['turn']}.{command['fence']['grant']}"


def refused(events: list[Payload]) -> list[tuple[str, RefusalCode]]:
    return [(str(e.fence), e.code) for e in events if isinstance(e, GrantRefused | OrderRefused)]


FENCED = RefusalCode.FENCED

# (commands in the order in which they are read) -> (floor, what runs, what was refused as fenced)
MATRIX: list[tuple[tuple[Payload, ...], str, str | None, list[str]]] = [
    ((grant("7.0.1"),), "7.0.1", "deploy 7.0.1", []),
    ((grant("7.0.1"), grant("7.0.2")), "7.0.2", "deploy 7.0.2", []),
    ((grant("7.0.2"), grant("7.0.1")), "7.0.2", "deploy 7.0.2", ["7.0.1"]),
    ((grant("7.0.9"), grant("7.0.10")), "7.0.10", "deploy 7.0.10", []),
    ((grant("7.0.1"), halt(7, 1)), "7.1.0", None, []),
    ((halt(7, 1), grant("7.0.1")), "7.1.0", None, ["7.0.1"]),
    ((halt(7, 1), order("7.2.1")), "7.2.1", "rollback 7.2.1", []),
    ((order("7.2.1"), halt(7, 1)), "7.2.1", "rollback 7.2.1", []),
    ((order("7.2.1"), halt(7, 1), grant("7.0.3")), "7.2.1", "rollback 7.2.1", ["7.0.3"]),
    ((grant("7.0.3"), order("7.2.1"), halt(7, 1)), "7.2.1", "rollback 7.2.1", []),
    ((order("7.2.1"), order("7.2.2")), "7.2.2", "rollback 7.2.2", []),
    ((order("7.2.2"), order("7.2.1")), "7.2.2", "rollback 7.2.2", ["7.2.1"]),
    ((order("7.2.1"), grant("8.0.1")), "8.0.1", "deploy 8.0.1", []),
    ((grant("8.0.1"), order("7.2.1")), "8.0.1", "deploy 8.0.1", ["7.2.1"]),
    ((grant("8.0.1"), halt(7, 1)), "8.0.1", "deploy 8.0.1", []),
    ((halt(7, 1), grant("7.3.4")), "7.3.4", "deploy 7.3.4", []),
    ((halt(7, 1, ("eu-north",)), grant("7.0.1")), "7.0.1", "deploy 7.0.1", []),
]


@pytest.mark.parametrize(("commands", "at", "runs", "refusals"), MATRIX)
def test_only_what_is_above_everything_seen_is_obeyed(
    commands: tuple[Payload, ...], at: str, runs: str | None, refusals: list[str]
) -> None:
    west = desk()
    for command in commands:
        west.give(command)
    assert (floor(west), running(west)) == (at, runs)
    assert refused(west.events) == [(text, FENCED) for text in refusals]


@pytest.mark.parametrize("sequence", list(permutations([grant("7.0.1"), halt(7, 1), order("7.2.1")])))
def test_a_failed_release_ends_in_its_rollback_whichever_topic_is_read_first(
    sequence: tuple[Payload, ...],
) -> None:
    west = desk()
    for command in sequence:
        west.give(command)
    assert (floor(west), running(west)) == ("7.2.1", "rollback 7.2.1")


def test_a_halt_raises_the_floor_of_each_region_that_it_names_and_says_nothing() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    assert west.give(halt(7, 1, ("eu-west", "eu-north", "us-east"))) == []
    assert (floor(west), floor(west, "eu-north")) == ("7.1.0", "7.1.0")
    assert west.work == {}
    assert ("payments", "region", "us-east") not in west.rows


def test_what_another_deployer_is_told_is_none_of_our_business() -> None:
    west = desk()
    assert west.give(grant("9.0.1", deployer="east")) == []
    assert west.give(order("9.2.1", deployer="east")) == []
    assert west.give(halt(9, 1, ("us-east",))) == []
    assert west.work == {}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"region": "mars"}, "does not serve the region mars"),
        ({"cluster": "another-uid"}, "of another-uid"),
        ({"namespace": "billing"}, "billing"),
    ],
)
def test_a_command_for_another_place_is_refused_and_moves_no_floor(changes: dict[str, Any], why: str) -> None:
    west = desk()
    for command in (grant("9.0.1", **changes), order("9.2.1", **changes)):
        (answer,) = west.give(command)
        assert isinstance(answer, GrantRefused | OrderRefused)
        assert answer.code is RefusalCode.NOT_SERVED
        assert why in answer.reason
    west.give(grant("7.0.1"))
    assert running(west) == "deploy 7.0.1"


def test_before_its_region_is_registered_nothing_is_obeyed() -> None:
    west = Desk(table("west", {"eu-west": "shop"}))
    (answer,) = west.give(grant("7.0.1"))
    assert isinstance(answer, GrantRefused)
    assert (answer.code, west.work) == (RefusalCode.NOT_SERVED, {})
    assert "not registered yet" in answer.reason


def test_a_grant_that_was_not_started_in_its_time_is_void_but_was_seen() -> None:
    west = desk()
    answers = read_after(west, grant("7.0.2", valid_for=60), seconds=61)
    assert refused(answers) == [("7.0.2", RefusalCode.EXPIRED)]
    assert (floor(west), running(west)) == ("7.0.2", None)


def test_a_grant_that_comes_in_the_last_second_of_its_time_is_obeyed() -> None:
    west = desk()
    assert read_after(west, grant("7.0.1", valid_for=60), seconds=60) == []
    assert running(west) == "deploy 7.0.1"


@pytest.mark.parametrize("command", [grant("7.0.1", deadline=100), order("7.2.1", deadline=100)])
def test_a_command_from_the_year_9999_has_the_time_that_it_gives_from_now_on(
    command: Granted | RollbackOrdered,
) -> None:
    west = desk()
    written = "9999-12-31T23:59:59-14:00"
    west._decide("payments", Message(command, event_id("any", "payments", 1), "/any", "payments", written))
    assert west.work[SLOT].body["until"] == "2026-11-24T12:01:35Z"


def test_a_void_grant_still_ends_what_an_older_one_began() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    read_after(west, grant("7.0.2", valid_for=60), seconds=61)
    assert (floor(west), running(west)) == ("7.0.2", None)


def read_after(at: Desk, command: Granted, seconds: float) -> list[Payload]:
    """Hands over a grant that had been on its topic for so long."""
    number = at.numbers["verifier", "payments"] = at.numbers.get(("verifier", "payments"), 0) + 1
    written = (at.now - timedelta(seconds=seconds)).isoformat()
    message = Message(command, event_id("verifier", "payments", number), "/verifier", "payments", written)
    before = len(at.events)
    at._decide("payments", message)
    return at.events[before:]


def test_the_work_of_a_grant_must_answer_before_the_verifier_stops_waiting() -> None:
    west = desk()
    west.give(grant("7.0.1", deadline=100))
    assert west.work[SLOT].body["until"] == "2026-11-24T12:01:35Z"  # 5 % before
    west.give(order("7.2.1", deadline=600))
    assert west.work[SLOT].body["until"] == "2026-11-24T12:09:45Z"  # at most 15 s before


@pytest.mark.parametrize("action", list(Action))
def test_each_action_has_its_work(action: Action) -> None:
    west = desk()
    west.give(grant("7.0.1", action))
    assert west.work[SLOT].kind == action.value


COMMANDS = st.one_of(
    st.builds(lambda n, t, g: grant(f"{n}.{t}.{g}"), st.integers(1, 3), st.integers(0, 3), st.integers(1, 4)),
    st.builds(halt, st.integers(1, 3), st.integers(1, 3)),
    st.builds(lambda n, t, g: order(f"{n}.{t}.{g}"), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)),
)


@generated(st.lists(COMMANDS, max_size=12))
def test_no_floor_ever_falls_and_nothing_below_it_runs(commands: list[Payload]) -> None:
    west, before = desk(), NO_FENCE.order
    for command in commands:
        west.give(command)
        now = west.row(RegionState, "payments", "eu-west").floor
        assert now.order >= before
        before = now.order
        match command:
            case Granted() | RollbackOrdered():
                assert now.order >= command.fence.order
            case ReleaseHalted():
                assert now.order >= (command.number, command.turn, 0)
            case other:
                raise AssertionError(other)
        if (work := west.work.get(SLOT)) is not None:
            told = work.body.get("grant") or work.body["order"]
            assert fence("{number}.{turn}.{grant}".format(**told["fence"])) == now


def test_an_order_knows_whether_its_release_wrote_in_the_region() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    west.give(order("7.2.1"))
    assert west.work[SLOT].body["touched"] is False  # it was replaced before its first write

    west = desk()
    west.give(grant("7.0.1"))
    west.report("payments", "step eu-west", {"outcome": "started", "found": OLD}, final=False)
    west.give(order("7.2.1"))
    assert west.work[SLOT].body["touched"] is True
    west.give(order("8.2.1"))
    assert west.work[SLOT].body["touched"] is False  # another release's number


def test_an_order_that_takes_back_what_runs_regardless_is_told_that_something_was_written() -> None:
    """Seed 1 of the simulation: the region ran what an earlier release owed, and said that nothing was written."""
    west = desk()
    west.give(order("8.2.1", regardless=True))
    assert west.work[SLOT].body["touched"] is True
