"""Every operation in every state of a release, cell by cell; docs/operations.md shows the same table."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from lockgate.messages.operations import (
    OF_INTAKE,
    OF_VERIFIER,
    Abort,
    Approve,
    Fix,
    Mark,
    Operation,
    Pause,
    Promote,
    Reject,
    Resume,
    Retry,
    Rollback,
    Skip,
)
from lockgate.messages.releases import ApplicationPaused, ReleaseCompleted
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseResumed
from tests.support.cdevents import ROOT
from tests.support.desk import Desk
from tests.support.intake import APP, PRODUCTION, announce, desk, digest, passed, watched
from tests.support.operators import answer, asked, give
from tests.support.verifier import ARTIFACT, PILOT, PREPROD, RELEASE, WATCH, WAVE, Journey, plan

APPROVED: dict[str, Any] = {**WAVE, "before": {"approval": "required"}}
NO_SAMPLES = {"outcome": "unavailable", "reason": "no samples", "too_long": True}
NO_ANSWER = {"outcome": "silent", "answers": {}, "reason": "connection refused"}
PAUSED = ApplicationPaused(application=APP, who="ann", reason="the sale is on")


class Both(NamedTuple):
    """One state, as intake and as the verifier know it; and the release that the operator names, if any."""

    intake: Desk
    verifier: Desk
    named: str | None = None


# --- the states -------------------------------------------------------------------------------------------------


def none_under_way() -> Both:
    return Both(desk(), Journey(plan(WAVE, WATCH)).desk)


def one_completed() -> Both:
    both = over()
    return Both(both.intake, both.verifier)


def queued() -> Both:
    at_desk, way = desk(), _entered(WAVE)
    announce(at_desk, 1)
    return Both(at_desk, way.desk, announce(at_desk, 2))


def in_preproduction() -> Both:
    at_desk, way = desk(), Journey(plan(PREPROD, WAVE, WATCH))
    announce(at_desk, 1)
    way.start()
    return Both(at_desk, way.desk)


def ready_in_a_pause() -> Both:
    at_desk, way = desk(), Journey(plan(WAVE, WATCH))
    release = announce(at_desk, 1)
    give(at_desk, asked(Pause))
    at_desk.give(passed(release))
    way.start()
    way.give(PAUSED)
    return Both(at_desk, way.desk)


def before_an_approval() -> Both:
    return _in_production(_entered(APPROVED))


def outside_of_its_window() -> Both:
    return _in_production(_entered({**WAVE, "before": {"window": "daily 20:00-21:00 UTC"}}))


def before_a_stage_in_a_pause() -> Both:
    way = _entered({**WAVE, "regions": ["us-east"], "name": "zero"}, WAVE)
    way.give(PAUSED)
    way.deployed("us-east")
    both = _in_production(way)
    give(both.intake, asked(Pause))
    return both


def regions_at_work() -> Both:
    return _in_production(_entered(WAVE))


def region_failed() -> Both:
    way = _entered({**WAVE, "on-region-failure": "hold"})
    way.failed("eu-west")
    return _in_production(way)


def between_two_steps() -> Both:
    way = _entered({**WAVE, "strategy": {"canary": ["25%"], "wait": "10m"}})
    way.piloted("eu-west")
    return _in_production(way)


def canary_compared() -> Both:
    way = _entered({**WAVE, "strategy": {"canary": ["25%"], "verify": "30m"}})
    way.piloted("eu-west")
    return _in_production(way)


def canary_held() -> Both:
    both = canary_compared()
    both.verifier.report(APP, "measure first eu-west", NO_SAMPLES, final=False)
    return both


def pilot_compared() -> Both:
    way = _entered(PILOT, WAVE)
    way.piloted("eu-west")
    return _in_production(way)


def pilot_held() -> Both:
    way = _entered(PILOT, WAVE)
    way.piloted("eu-west")
    way.desk.report(APP, "measure pilot eu-west", NO_SAMPLES, final=False)
    return _in_production(way)


def wave_compared() -> Both:
    later = {**WAVE, "name": "rest", "regions": ["us-east"]}
    way = _entered({**WAVE, "after": {"verify": "30m"}}, later)
    way.deployed("eu-west")
    return _in_production(way)


def wave_held() -> Both:
    both = wave_compared()
    both.verifier.report(APP, "measure first eu-west", NO_SAMPLES, final=False)
    return both


def checked() -> Both:
    way = _entered({**WAVE, "check": {"http": "smoke"}})
    way.deployed("eu-west")
    return _in_production(way)


def check_held() -> Both:
    both = checked()
    both.verifier.report(APP, "ask first", NO_ANSWER, final=False)
    return both


def left_alone() -> Both:
    way = _entered({**WAVE, "after": {"bake": "1h"}})
    way.deployed("eu-west")
    return _in_production(way)


def left_alone_without_flags() -> Both:
    way = _entered(WAVE)
    way.deployed("eu-west")
    way.incident("errors", "eu-west")
    way.give(
        ReleaseResumed(
            application=APP, release=RELEASE, number=8, turn=3, wait=300, reason="The flags are off."
        )
    )
    return _in_production(way)


def in_its_watch() -> Both:
    way = _entered(WAVE)
    way.deployed("eu-west")
    return _in_production(way)


def ended_by_an_operator() -> Both:
    both = failed()
    give(both.intake, asked(Abort))
    return both


def before_a_fix() -> Both:
    both = failed()
    give(both.intake, asked(Fix, artifact=digest(8)))
    return both


def failed() -> Both:
    way = _entered(WAVE)
    way.give(
        ReleaseHalted(application=APP, release=RELEASE, number=8, turn=1, regions=("eu-west",), reason="so")
    )
    return _in_production(way)


def over() -> Both:
    at_desk, way = desk(stages=PRODUCTION), _entered(WAVE)
    release = announce(at_desk, 1)
    at_desk.give(watched(release))
    way.give(ReleaseCompleted(application=APP, release=RELEASE, artifact=ARTIFACT))
    return Both(at_desk, way.desk, release)


def _entered(*stages: dict[str, Any]) -> Journey:
    way = Journey(plan(*stages, WATCH))
    way.start()
    way.enter()
    return way


def _in_production(way: Journey) -> Both:
    at_desk = desk(stages=PRODUCTION)
    announce(at_desk, 1)
    return Both(at_desk, way.desk)


STATES: dict[str, Callable[[], Both]] = {
    "none is under way": none_under_way,
    "none is under way, and one was completed": one_completed,
    "waits in the queue, and is named": queued,
    "in pre-production": in_preproduction,
    "through pre-production, in a pause": ready_in_a_pause,
    "before a stage that needs an approval": before_an_approval,
    "before a stage, outside of its window": outside_of_its_window,
    "before a stage, in a pause": before_a_stage_in_a_pause,
    "regions are at work": regions_at_work,
    "a region of its wave failed, and is held": region_failed,
    "between two steps in a region": between_two_steps,
    "a step of its canary is compared": canary_compared,
    "a step of its canary is held": canary_held,
    "its pilot is compared": pilot_compared,
    "its pilot is held": pilot_held,
    "its wave is compared": wave_compared,
    "its wave is held": wave_held,
    "its check is asked, all else is through": checked,
    "its check is held": check_held,
    "its wave is left alone": left_alone,
    "its flags are off, and it is left alone": left_alone_without_flags,
    "it is watched": in_its_watch,
    "an operator ended it": ended_by_an_operator,
    "a fix goes before it": before_a_fix,
    "it failed, and is taken back": failed,
    "it is over, and is named": over,
}

# --- the operations ---------------------------------------------------------------------------------------------

OPERATIONS: dict[str, tuple[type[Operation], dict[str, Any]]] = {
    "pause": (Pause, {}),
    "resume": (Resume, {}),
    "abort": (Abort, {}),
    "rollback": (Rollback, {}),
    "mark bad": (Mark, {"digest": digest(9), "grade": "bad"}),
    "mark good": (Mark, {"digest": digest(9), "grade": "good"}),
    "fix": (Fix, {"artifact": digest(7)}),
    "approve": (Approve, {}),
    "reject": (Reject, {}),
    "promote": (Promote, {}),
    "retry": (Retry, {}),
    "skip": (Skip, {}),
}

# --- what is expected -------------------------------------------------------------------------------------------

_FREE = "done not-paused"
_MARKS = "done marked-already"
_NO_STEP = "not-held not-held"
_BACK = "being-taken-back " * 5
EXPECTED = {
    "none is under way": f"{_FREE} nothing-under-way nothing-under-way {_MARKS} done {'nothing-under-way ' * 5}",
    "none is under way, and one was completed": (
        f"{_FREE} nothing-under-way done {_MARKS} done {'nothing-under-way ' * 5}"
    ),
    "waits in the queue, and is named": f"{_FREE} done not-in-production {_MARKS} done {'other-release ' * 5}",
    "in pre-production": f"{_FREE} done not-in-production {_MARKS} done {'not-waiting ' * 3} {_NO_STEP}",
    "through pre-production, in a pause": (
        f"done done done not-in-production {_MARKS} paused {'not-waiting ' * 3} {_NO_STEP}"
    ),
    "before a stage that needs an approval": f"{_FREE} done done {_MARKS} done done done not-waiting {_NO_STEP}",
    "before a stage, outside of its window": f"{_FREE} done done {_MARKS} done not-waiting not-waiting done {_NO_STEP}",
    "before a stage, in a pause": f"done done done done {_MARKS} paused {'not-waiting ' * 3} {_NO_STEP}",
    "regions are at work": f"{_FREE} done done {_MARKS} done {'not-waiting ' * 3} {_NO_STEP}",
    "a region of its wave failed, and is held": (
        f"{_FREE} done done {_MARKS} done not-waiting done not-waiting done not-waiting"
    ),
    "between two steps in a region": f"{_FREE} done done {_MARKS} done not-waiting not-waiting done {_NO_STEP}",
    "a step of its canary is compared": (
        f"{_FREE} done done {_MARKS} done not-waiting not-waiting needs-evidence {_NO_STEP}"
    ),
    "a step of its canary is held": f"{_FREE} done done {_MARKS} done done done needs-evidence done not-held",
    "its pilot is compared": f"{_FREE} done done {_MARKS} done not-waiting not-waiting needs-evidence {_NO_STEP}",
    "its pilot is held": f"{_FREE} done done {_MARKS} done done done needs-evidence done not-held",
    "its wave is compared": f"{_FREE} done done {_MARKS} done not-waiting not-waiting needs-evidence {_NO_STEP}",
    "its wave is held": f"{_FREE} done done {_MARKS} done done done needs-evidence done not-held",
    "its check is asked, all else is through": (
        f"{_FREE} done done {_MARKS} done not-waiting not-waiting needs-evidence {_NO_STEP}"
    ),
    "its check is held": f"{_FREE} done done {_MARKS} done done done needs-evidence done not-held",
    "its wave is left alone": f"{_FREE} done done {_MARKS} done not-waiting not-waiting done {_NO_STEP}",
    "its flags are off, and it is left alone": f"{_FREE} done done {_MARKS} done {'not-waiting ' * 3} {_NO_STEP}",
    "it is watched": f"{_FREE} done done {_MARKS} done not-waiting not-waiting done {_NO_STEP}",
    "an operator ended it": f"{_FREE} being-taken-back being-taken-back {_MARKS} done {_BACK}",
    "a fix goes before it": f"{_FREE} being-taken-back being-taken-back {_MARKS} done {_BACK}",
    "it failed, and is taken back": f"{_FREE} done done {_MARKS} done {_BACK}",
    "it is over, and is named": f"{_FREE} other-release done {_MARKS} done {'nothing-under-way ' * 5}",
}


def expected(state: str) -> dict[str, str]:
    return dict(zip(OPERATIONS, EXPECTED[state].split(), strict=True))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("state", STATES)
def test_each_operation_in_each_state(state: str, operation: str) -> None:
    both = STATES[state]()
    kind, fields = OPERATIONS[operation]
    if both.named is not None and "release" in kind.model_fields:
        fields = {**fields, "release": both.named}
    deciding = both.intake if kind in OF_INTAKE else both.verifier
    answered = answer(deciding, asked(kind, APP, **fields))
    assert (answered.code or "done") == expected(state)[operation], answered.reason
    assert answered.reason


def test_each_operation_is_decided_by_one_service() -> None:
    assert {kind for kind, _fields in OPERATIONS.values()} == {*OF_INTAKE, *OF_VERIFIER}
    intake, verifier = desk().core, Journey(plan(WAVE, WATCH)).desk.core
    for kind in (*OF_INTAKE, *OF_VERIFIER):
        assert kind.__module__ == "lockgate.messages.operations"
        deciding = [core for core in (intake, verifier) if kind in getattr(core, "events", {})]
        assert deciding == [intake if kind in OF_INTAKE else verifier]


def test_the_documented_table_is_this_one() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    header = next(row for row in rows if row[0] == "the release")
    assert header[1:] == list(OPERATIONS)
    told = {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows if row[0] in STATES}
    assert told == {state: expected(state) for state in STATES}
