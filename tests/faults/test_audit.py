"""The audit itself: it finds what was lost, doubled, overtaken or never ended, and nothing where all is well."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.audit import on_topics
from tests.support.written import Line, Written

SHOP = "shop"


def event(number: int, name: str, *, text: str = "", topic: str = "releases") -> dict[str, Any]:
    body = {
        "context": {"id": f"e{number}", "type": f"dev.cdeventsx.lockgate-{name}.0.1.0"},
        "subject": {"id": "s", "content": {"release": "r1", "reason": text}},
        "customData": {"lockgate": {"writer": "intake", "key": SHOP, "number": number}},
    }
    return {"topic": topic, "body": body}


def decision(number: int, given: str, *events: str) -> dict[str, Any]:
    body = {"writer": "intake", "key": SHOP, "number": number, "events": list(events)}
    return {"topic": "intake.journal", "body": {**body, "input": {"kind": "event", "id": given}}}


def announced() -> dict[str, Any]:
    context = {"id": "a", "type": "dev.cdevents.artifact.published.0.3.0"}
    subject = {"id": f"pkg:oci/{SHOP}@sha256%3A00", "content": {}}
    return {"topic": "artifacts", "body": {"context": context, "subject": subject}}


QUEUED, COMPLETED = event(1, "release.queued"), event(2, "release.completed")
FIRST, SECOND = decision(1, "a", "e1"), decision(2, "v1", "e2")
SOUND = (announced(), FIRST, SECOND, QUEUED, COMPLETED)


def found(*lines: dict[str, Any]) -> list[str]:
    written = Written({"artifacts": []})
    for offset, line in enumerate(lines):
        value = json.dumps(line["body"]).encode()
        made = Line(line["topic"], 0, offset, SHOP, value, line["body"])
        written.lines.setdefault(line["topic"], []).append(made)
    return list(on_topics(written, SHOP))


@pytest.mark.parametrize(
    "lines", [SOUND, (*SOUND, QUEUED, COMPLETED, FIRST, SECOND)], ids=["once", "sent again"]
)
def test_nothing_is_wrong(lines: Sequence[dict[str, Any]]) -> None:
    assert found(*lines) == []


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((announced(), FIRST, SECOND, QUEUED), "intake decided 2 events, and 1 are there; lost: ['e2']"),
        ((announced(), FIRST, SECOND, COMPLETED, QUEUED), "event 2 of intake on releases comes after 0"),
        ((announced(), FIRST, QUEUED, COMPLETED), "intake decided 1 events, and 2 are there; lost: []"),
        (
            (*SOUND, event(2, "release.completed", text="otherwise")),
            "event 2 of intake on releases is there twice, with different bytes",
        ),
        ((*SOUND, decision(3, "v1")), "intake decided the event v1 2 times"),
        ((*SOUND, decision(4, "v2")), "decision 4 of intake on intake.journal comes after 2"),
        ((*SOUND, announced()), "2 artifacts were announced, 1 became releases and 0 were refused"),
        (
            (*SOUND, decision(3, "v2", "e3"), event(3, "release.closed")),
            "the release r1 has 2 ends",
        ),
        (
            (*SOUND, decision(3, "v2", "e3"), event(3, "release.halted")),
            "the release r1 was halted 1 times and settled 0 times",
        ),
    ],
    ids=[
        "lost",
        "overtaken",
        "never decided",
        "two meanings",
        "decided twice",
        "a gap",
        "not taken",
        "two ends",
        "not settled",
    ],
)
def test_what_is_wrong_is_said(lines: Sequence[dict[str, Any]], sentence: str) -> None:
    assert sentence in found(*lines)
