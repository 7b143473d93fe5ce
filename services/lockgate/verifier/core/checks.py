"""What the core and the work `ask` say to each other of a stage's check, and what the answers come to.

The work counts answers and judges none: as a verdict follows from what its event carries, so does this one. What the check
says in its answers' bodies is nobody's evidence, and is not read.
"""

from typing import Any, Literal

from pydantic import Field

from lockgate.messages.plan_check import Check
from lockgate.messages.values import Digest, Name, Value
from lockgate.messages.verdicts import Outcome

MOST_TRIES = 20
"""Of which a verdict carries the status and the time: the newest ones. The others are counted."""


class Ask(Value):
    """The order to ask the check of a stage. A check may be told of these values, and of nothing else."""

    release: str
    application: Name
    stage: Name
    digest: Digest
    check: Check


class Try(Value):
    """One question. Without a status there was no answer, and `problem` says why."""

    status: int | None = None
    seconds: float = Field(ge=0)
    problem: str = Field(default="", max_length=300)


class Answers(Value):
    """All answers so far."""

    right: int = 0
    wrong: int = 0
    unanswered: int = 0
    tries: tuple[Try, ...] = ()

    def then(self, check: Check, tried: Try) -> "Answers":
        right = tried.status == check.expect.status
        return Answers(
            right=self.right + right,
            wrong=self.wrong + (tried.status is not None and not right),
            unanswered=self.unanswered + (tried.status is None),
            tries=(*self.tries, tried)[-MOST_TRIES:],
        )


class Answered(Value):
    """The check answers: with the answers that decide, or again after it had been silent for long."""

    outcome: Literal["answered"] = "answered"
    answers: Answers


class Silent(Value):
    """There is no answer to be had: for longer than the plan allows, and it is asked on; or, `for_good`, it cannot be asked."""

    outcome: Literal["silent"] = "silent"
    answers: Answers
    reason: str
    for_good: bool = False


class Report(Value):
    """A report of the work, read back."""

    said: Answered | Silent


def judged(check: Check, answers: Answers) -> Outcome | None:
    """None while nothing is decided. What was not answered proves nothing."""
    if answers.wrong > check.failures:
        return Outcome.FAIL
    return Outcome.PASS if answers.right >= check.times else None


def evidence_of(check: Check, answers: Answers) -> dict[str, Any]:
    """What the verdict is recomputed from, and the newest tries for people."""
    counted = answers.model_dump(mode="json", exclude={"tries"})
    asked = {
        "name": check.http,
        "expected": check.expect.status,
        "times": check.times,
        "failures": check.failures,
    }
    tries = [[tried.status, round(tried.seconds, 3), tried.problem] for tried in answers.tries]
    return {"check": {**asked, **counted, "columns": ["status", "seconds", "problem"], "tries": tries}}


def reason_of(check: Check, answers: Answers, outcome: Outcome | None) -> str:
    """The sentence of a verdict."""
    name, status = check.http, check.expect.status
    if outcome is Outcome.FAIL:
        last = next(tried.status for tried in reversed(answers.tries) if tried.status not in {None, status})
        return (
            f"The check {name} answered {last}, and the plan expects {status}. It answered otherwise than expected "
            f"{_times(answers.wrong)}, and the plan allows {check.failures or 'none of that'}."
        )
    also = f", and otherwise {_times(answers.wrong)}, as the plan allows" if answers.wrong else ""
    return f"The check {name} answered {status} {_times(answers.right)}, as the plan expects{also}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
