"""Who has died, from looks at who is there: a member that was seen and then missed for a second; nobody else."""

import pytest

from lockgate.runtime.absence import Roll, called, member_of, session_name

GROUP = "lockgate.deployer-eu"
UUID = "7f1d7d0a-33ab-4b41-9f0e-0d6f3e5a9c11"
MARK = "lockgate-member-ce828b22-"  # the first 8 digits of the group's SHA-256

Look = tuple[float, str]
"""When, and who is there: one letter each."""


def died(*looks: Look) -> list[tuple[float, str]]:
    """Who is found dead, at which look."""
    roll: Roll = {}
    found: list[tuple[float, str]] = []
    for now, present in looks:
        roll, dead = called(roll, set(present), now, now)
        found += [(now, member) for member in dead]
    return found


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0.0, "ab"), (9.0, "ab")], [], id="all there"),
        pytest.param([(0.0, "a"), (9.0, "a")], [], id="one alone"),
        pytest.param([(0.0, "ab"), (0.5, "a"), (1.25, "a")], [], id="missed for less than a second"),
        pytest.param([(0.0, "ab"), (0.5, "a"), (1.5, "a")], [(1.5, "b")], id="missed for a second"),
        pytest.param(
            [(0.0, "ab"), (0.5, "a"), (1.5, "a"), (3.0, "a")], [(1.5, "b")], id="it is told of once"
        ),
        pytest.param([(0.0, "ab"), (50.0, "a")], [], id="who looks was stopped: one look proves nothing"),
        pytest.param(
            [(0.0, "ab"), (0.3, "a"), (0.6, "ab"), (0.9, "a"), (1.6, "a")], [], id="back in between"
        ),
        pytest.param(
            [(0.0, "ab"), (0.3, "a"), (0.6, "ab"), (0.9, "a"), (2.0, "a")],
            [(2.0, "b")],
            id="back in between, and then gone",
        ),
        pytest.param(
            [(0.0, "abc"), (1.0, "ac"), (2.0, "a"), (3.0, "a")],
            [(2.0, "b"), (3.0, "c")],
            id="one after the other",
        ),
        pytest.param([(0.0, "abc"), (1.0, "a"), (2.0, "a")], [(2.0, "b"), (2.0, "c")], id="both at once"),
        pytest.param([(0.0, "a"), (1.0, "ab"), (2.0, "a"), (3.0, "a")], [(3.0, "b")], id="it came later"),
        pytest.param(
            [(0.0, "ab"), (1.0, "a"), (2.0, "a"), (3.0, "ab"), (4.0, "a"), (5.0, "a")],
            [(2.0, "b"), (5.0, "b")],
            id="wrongly told of, back, and then dead",
        ),
        pytest.param(
            [(0.0, "ab"), (1.0, "ac"), (2.0, "ac")], [(2.0, "b")], id="it joined again under another id"
        ),
        pytest.param([(0.0, ""), (9.0, ""), (10.0, "")], [], id="nobody"),
    ],
)
def test_who_is_found_dead(looks: list[Look], expected: list[tuple[float, str]]) -> None:
    assert died(*looks) == expected


def test_an_answer_that_was_read_late_proves_no_more_than_when_it_was_asked_for() -> None:
    """Who looks stands still for a minute between its question and reading the answer."""
    roll, _ = called({}, {"a", "b"}, 0.0, 0.0)
    roll, dead = called(roll, {"a"}, 0.25, 0.3)
    assert dead == ()
    roll, dead = called(roll, {"a"}, 0.55, 60.0)
    assert dead == ()
    assert called(roll, {"a"}, 60.3, 60.3)[1] == ("b",)


def test_the_time_that_an_answer_took_counts_for_who_was_missed() -> None:
    roll, _ = called({}, {"a", "b"}, 0.0, 0.0)
    roll, dead = called(roll, {"a"}, 0.25, 5.0)
    assert dead == ()
    assert called(roll, {"a"}, 5.5, 5.5)[1] == ()


def test_who_begins_to_look_knows_of_nobody_who_died_before() -> None:
    """As after a restart of PostgreSQL, when all sessions are new: only who is seen again can be missed."""
    assert died((0.0, "a"), (1.0, "a"), (2.0, "ab"), (3.0, "ab")) == []


@pytest.mark.parametrize(
    ("group", "member", "name"),
    [
        (GROUP, f"{GROUP}-{UUID}", MARK + UUID),
        (GROUP, "", MARK),
        (GROUP, UUID, MARK),  # no broker names a member so: it is not told of
        (GROUP, f"{GROUP}-{'x' * 39}", MARK),  # PostgreSQL would cut it off
        (GROUP, f"{GROUP}-\N{LATIN SMALL LETTER E WITH ACUTE}", MARK),  # and write this otherwise
    ],
)
def test_what_a_session_is_called(group: str, member: str, name: str) -> None:
    assert session_name(group, member) == name
    assert len(name) <= 63


@pytest.mark.parametrize(
    ("name", "member"),
    [
        (MARK + UUID, f"{GROUP}-{UUID}"),
        (MARK, None),
        ("lockgate-deployer_eu", None),
        (f"lockgate-member-00000000-{UUID}", None),  # of another service in the same database
    ],
)
def test_whom_a_session_speaks_for(name: str, member: str | None) -> None:
    assert member_of(GROUP, name) == member


def test_a_deployer_with_the_longest_name_is_known_too() -> None:
    group = "lockgate." + "d" * 253
    assert member_of(group, session_name(group, f"{group}-{UUID}")) == f"{group}-{UUID}"
