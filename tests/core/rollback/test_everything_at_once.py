"""The table of everything at once: each of its rows is shown by a test, and those that no other file has are here."""

from pathlib import Path

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.releases import AbortRequested, RollbackRequested
from lockgate.messages.rollbacks import DebtCleared, ReleaseSettled
from lockgate.messages.verdicts import FailCause
from tests.support.rollback_journey import (
    APP,
    FLAGS,
    Journey,
    artifact,
    back,
    digest,
    flag_orders,
    not_off,
    orders,
    plan,
    untouched,
)

CORE = Path(__file__).parents[1]
TABLE = CORE.parents[1] / "docs" / "everything-at-once.md"
ROWS = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")][1:]


def test_there_is_a_table() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_the_table_is_shown_by_tests_that_are_there(row: str) -> None:
    shown = row.split("|")[4]
    for named in shown.split(";"):
        file, _, test = named.strip().partition(": ")
        assert f"def test_{test}(" in (CORE / f"{file}.py").read_text(), named


def test_a_fail_in_a_wave_orders_back_what_it_reached_and_what_it_did_not() -> None:
    way = Journey()
    way.succeed("a")
    way.start("b")
    way.deploy("pre")
    way.enter()
    way.deploy("west")
    ordered = orders(way.fail("rest", cause=FailCause.DEPLOYMENT))
    assert {region: order.digest for region, order in ordered.items()} == {
        "west": digest("a"),
        "east": digest("a"),
        "pre": digest("a"),
    }
    way.desk.give(back(ordered["west"]))
    way.desk.give(back(ordered["pre"]))
    settled = way.desk.give(untouched(ordered["east"]))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.reason == "v-b was taken back from 2 regions; 1 does not run it."


@pytest.mark.parametrize(
    "late",
    [
        AbortRequested(application=APP, release="release-b", artifact=artifact("b"), who="ann", reason="no"),
        RollbackRequested(
            application=APP, release="release-b", artifact=artifact("b"), who="ann", reason="no"
        ),
    ],
    ids=["abort", "rollback"],
)
def test_what_was_taken_back_is_not_taken_back_again(late: Payload) -> None:
    way = Journey()
    way.start("b")
    ordered = orders(way.fail("preprod"))["pre"]
    way.desk.give(untouched(ordered))
    before = dict(way.desk.rows)
    assert way.desk.give(late) == []
    assert way.fail("preprod") == []
    assert way.desk.rows == before


def test_a_newer_release_in_the_region_clears_the_debt() -> None:
    way = Journey(plan=plan(preprod=False, flags=FLAGS))
    way.succeed("a")
    way.start("b")
    way.enter()
    way.deploy("west")
    asked = flag_orders(way.fail("first", cause=FailCause.INCIDENT))
    ordered = orders(way.desk.give(not_off(asked["west"])))
    way.desk.give(back(ordered["east"]))
    settled = way.desk.fire(APP, "deadline west")[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.debts == ("west",)
    way.close()
    way.start("c")
    way.enter()
    (cleared,) = way.deploy("west")
    assert isinstance(cleared, DebtCleared)
    assert cleared.reason == (
        "It runs the newer v-c now. Flags that were to be put back there may be off still: "
        "new-checkout, price-model."
    )
