"""The feed beside a long run: it keeps its pace, and finds answers that are missing or doubled."""

import json
from typing import Any, cast

from tests.support.feed import Unclaimed, paced
from tests.support.whole import Whole
from tests.support.written import Line, Written


async def test_so_many_are_due_as_the_rate_says() -> None:
    due = [number async for number in paced(200.0, 0.5)]
    assert sum(due) in {99, 100}
    assert max(due) < 100, "all at once is no pace"


async def test_a_rate_below_one_a_second_comes_as_well() -> None:
    due = [number async for number in paced(0.8, 1.4)]
    assert sum(due) == 1


def refusal(number: int, event: str) -> Line:
    body: dict[str, Any] = {
        "context": {"id": f"answer{number}", "type": "dev.cdeventsx.lockgate-artifact.refused.0.1.0"},
        "subject": {"id": "s", "content": {"event": event}},
        "customData": {"lockgate": {"writer": "intake", "key": "*", "number": number}},
    }
    return Line("releases", 0, number, "*", json.dumps(body).encode(), body)


def wrong(*lines: Line) -> list[str]:
    unclaimed = Unclaimed(cast("Whole", None), 1.0)
    unclaimed.sent = ["first", "second"]
    return unclaimed.wrong(Written({"releases": list(lines)}))


def test_each_artifact_is_answered_once() -> None:
    assert wrong(refusal(1, "first"), refusal(2, "second")) == []


def test_an_answer_that_was_sent_again_is_the_same_one() -> None:
    assert wrong(refusal(1, "first"), refusal(2, "second"), refusal(2, "second")) == []


def test_an_artifact_without_an_answer_is_lost() -> None:
    assert wrong(refusal(1, "first")) == ["1 of 2 artifacts were never answered: ['second']"]


def test_two_decisions_about_one_artifact_are_said() -> None:
    found = wrong(refusal(1, "first"), refusal(2, "second"), refusal(3, "second"))
    assert found == ["1 artifacts were answered twice: ['second']"]
