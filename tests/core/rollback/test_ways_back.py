"""To which version a region goes back: what ran before, or the newest good one; never a bad one."""

from typing import Literal

import pytest

from lockgate.messages.rollbacks import Grade
from lockgate.rollback.core.histories import way_back
from lockgate.rollback.core.rows import VERSIONS_KEPT, Bad, History, Version
from tests.support.rollback_journey import digest

GRADES = {"+": Grade.GOOD, "a": Grade.ADOPTED, "-": Grade.BAD, "?": None}


def history(text: str) -> History:
    """`A+ B-!`: version A is good, version B is bad, goes forward only, and runs now."""
    return History(versions=tuple(map(_version, text.split())))


def _version(word: str) -> Version:
    return Version(digest=digest(word[0].lower()), grade=GRADES[word[1]], forward=word.endswith("!"))


@pytest.mark.parametrize(
    ("ran", "to", "expected"),
    [
        ("Aa F?", "previous", "a"),
        ("Aa B+ F?", "previous", "b"),
        ("Aa B+ C? F?", "previous", "c"),
        ("Aa B+ C? F?", "good", "b"),
        ("Aa B+ C- F?", "previous", "b"),
        ("Aa B- C- F?", "good", "a"),
        ("B+ Aa F?", "good", "b"),
        ("Aa B+", "previous", "b"),
        ("B- C- F?", "previous", None),
        ("F?", "previous", None),
        ("C? F?", "good", None),
        ("F+ A+ F?", "previous", "a"),
        ("", "previous", None),
        ("Aa B+! F?", "previous", "b"),
        ("A+ B?! F?", "good", "b"),
        ("A+ B-! F?", "previous", None),
        ("A+ B-! C? F?", "previous", "c"),
        ("A+ B?! C-! F?", "previous", None),
        ("A+ F?!", "previous", "a"),
        ("B?! A+ F?", "previous", "a"),
    ],
)
def test_leaving_f_a_region_goes_back_to(ran: str, to: str, expected: str | None) -> None:
    found = way_back(history(ran), digest("f"), (), to, past=True)  # type: ignore[arg-type]  # a Literal, from a table
    assert found == (digest(expected) if expected else None)


@pytest.mark.parametrize("to", ["previous", "good"])
def test_a_version_announced_again_without_its_mark_is_not_gone_back_past(
    to: Literal["previous", "good"],
) -> None:
    """Seeds 1894 and 2977 of the simulation: it went forward only when an earlier release brought it here."""
    assert way_back(history("A+ F+!"), digest("f"), (), to) is None


def test_a_region_without_history_has_no_way_back() -> None:
    assert way_back(None, digest("f"), (), "previous") is None


def test_a_version_that_is_bad_elsewhere_is_not_chosen_either() -> None:
    assert way_back(history("Aa B+ F?"), digest("f"), (digest("b"),), "previous") == digest("a")


def test_a_version_that_runs_again_keeps_its_grade_and_becomes_the_newest() -> None:
    assert history("A+ B- C?").now_running(digest("a")) == history("B- C? A+")


def test_a_full_history_forgets_bad_versions_first() -> None:
    full = history("0+ 1- 2+ 3+ 4+ 5+ 6+ 7+ 8+ 9+")
    assert len(full.versions) == VERSIONS_KEPT
    assert full.now_running(digest("a")) == history("0+ 2+ 3+ 4+ 5+ 6+ 7+ 8+ 9+ A?")


def test_one_that_goes_forward_only_is_not_forgotten_before_its_time() -> None:
    full = history("0+ 1-! 2+ 3+ 4+ 5+ 6+ 7+ 8+ 9+")
    assert full.now_running(digest("a")) == history("1-! 2+ 3+ 4+ 5+ 6+ 7+ 8+ 9+ A?")


def test_a_full_history_of_good_versions_forgets_the_oldest() -> None:
    full = history("0+ 1+ 2+ 3+ 4+ 5+ 6+ 7+ 8+ 9+")
    assert full.now_running(digest("a")) == history("1+ 2+ 3+ 4+ 5+ 6+ 7+ 8+ 9+ A?")


def test_the_list_of_bad_versions_is_bounded_and_keeps_the_newest() -> None:
    bad = Bad(digests=tuple(f"sha256:{n:064x}" for n in range(100))).adding(digest("f"))
    assert len(bad.digests) == 100
    assert bad.digests[0] == f"sha256:{1:064x}"
    assert bad.digests[-1] == digest("f")
