"""Changes by somebody who knows how the journal is sealed are found at their decision."""

import pytest

from lockgate.runtime.replay_findings import (
    DecisionDiffers,
    Finding,
    InputChanged,
    InputForeign,
    InputLost,
    JournalDamaged,
)
from lockgate.runtime.replay_report import EXIT_DIFFERS
from tests.support.replay_judging import HISTORY, Change, assign, body, judged, kinds, of
from tests.support.replays import resealed

FORGED: list[tuple[str, str, Change, type[Finding], str]] = [
    ("event", "shop", assign("rows", 0, 2, "words", 0, value="lies"), DecisionDiffers, "rows[0][2].words[0]"),
    ("event", "shop", assign("rows", value=[]), DecisionDiffers, "rows: has 0 items, expected 1"),
    ("event", "shop", assign("events", 0, value="another"), DecisionDiffers, 'events[0]: is "another"'),
    (
        "event",
        "shop",
        assign("timers", 0, "due", value="2026-11-24T12:00:09.000Z"),
        DecisionDiffers,
        "timers[0].due",
    ),
    (
        "event",
        "shop",
        assign("work", 0, "body", value={"at": 9}),
        DecisionDiffers,
        "work[0].body.at: is 9, expected 1",
    ),
    ("event", "shop", assign("read", 0, 3, value=1), DecisionDiffers, "read[0][3]: is 1"),
    ("event", "shop", assign("first", value=7), DecisionDiffers, "first: is 7, expected 1"),
    (
        "event",
        "shop",
        assign("causes", value=[["verifier", "shop", 3]]),
        DecisionDiffers,
        "causes: has 1 items",
    ),
    ("event", "shop", assign("links", value=[]), DecisionDiffers, "links: has 0 items, expected 1"),
    ("event", "shop", assign("forward", value=["desk"]), DecisionDiffers, "forward: has 1 items, expected 0"),
    ("event", "shop", assign("input", "id", value="a9"), InputForeign, "not for this key"),
    (
        "event",
        "shop",
        assign("input", "offset", value=99),
        InputLost,
        "artifacts/1 ends at 3, and it was at 99",
    ),
    (
        "event",
        "shop",
        assign("input", "partition", value=9),
        InputLost,
        "there is no partition 9 of artifacts",
    ),
    ("event", "shop", assign("input", "topic", value="lies"), InputLost, "no partition 1 of lies"),
    ("event", "shop", assign("input", "sha256", value="0"), InputChanged, "and the journal says 0"),
    ("event", "shop", assign("extra", value=1), DecisionDiffers, "extra: is 1, expected nothing"),
    ("event", "shop", assign("now", value="2026-11-24T13:00:00.000Z"), DecisionDiffers, "timers[0].due"),
    ("event", "shop", assign("now", value="soon"), JournalDamaged, "none that a service writes"),
    ("event", "shop", assign("input", value={"kind": "lies"}), InputForeign, "kind 'lies'"),
    ("timer", "shop", assign("input", "body", value={"about": 9}), InputForeign, "is not the one"),
    (
        "timer",
        "shop",
        assign("input", "name", value="nudge at will"),
        InputForeign,
        "no earlier decision left",
    ),
    ("work", "shop", assign("input", "report", value={"seen": "lies"}), DecisionDiffers, "rows[0][2].text"),
    ("work", "shop", assign("input", "body", value={"at": 9}), InputForeign, "is not the one"),
    (
        "started",
        "*",
        assign("input", "settings", value={"deployer": "us"}),
        DecisionDiffers,
        "rows[0][2].text",
    ),
]


@pytest.mark.parametrize(("kind", "key", "change", "expected", "detail"), FORGED)
def test_a_forged_field_is_found_at_its_decision(
    kind: str, key: str, change: Change, expected: type[Finding], detail: str
) -> None:
    place = of(kind, key)
    report = judged(resealed(HISTORY.shelf, place, change))
    first = next(found for found in report.findings.kept if found.where.number == body(place)["number"])
    assert type(first) is expected, first.sentence
    assert detail in first.sentence
    assert report.exit_code == EXIT_DIFFERS


def test_an_event_that_is_not_for_this_key_cannot_have_been_decided_under_it() -> None:
    desk, shop = of("event", "desk"), of("event", "shop")
    forged = resealed(HISTORY.shelf, desk, assign("input", value=body(shop)["input"]))
    assert InputForeign in kinds(judged(forged))
