"""Whatever is said to the verifier, in whatever order: what always holds of what it says."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentStarted,
    GrantRefused,
    PilotDeployed,
    RefusalCode,
    RegionDeployed,
    RegionProbed,
)
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseSettled
from lockgate.messages.verdicts import Granted, Outcome, StagePassed, StageWaiting, VerdictReached
from tests.support.measured import BLIND, DARK, report
from tests.support.verifier import (
    APPLICATION,
    ARTIFACT,
    GOOD_PROBES,
    OTHER_DIGEST,
    PILOT,
    PREPROD,
    RELEASE,
    WATCH,
    WAVE,
    Journey,
    plan,
)

REGIONS = ["eu-west", "us-east", "ap-south"]
STRATEGIES = (
    "rolling",
    {"canary": ["20%", "50%"], "wait": "1m"},
    {"canary": ["50%"], "wait": "0s"},
    {"blue-green": {"keep": "5m", "requests": PREPROD["requests"]}},
)


def planned(strategy: object = "rolling") -> Plan:
    return plan(
        PREPROD,
        {**PILOT, "after": {"verify": "32m", "on-inconclusive": {"extend": "16m", "then": "pass"}}},
        {
            **WAVE,
            "regions": REGIONS,
            "max-parallel": 2,
            "retry": 1,
            "after": {"bake": "1m"},
            "strategy": strategy,
        },
        WATCH,
    )


PLAN = planned()
ENDS = {
    "halted": ReleaseHalted(
        application=APPLICATION, release=RELEASE, number=8, turn=1, regions=("eu-west",), reason="stop"
    ),
    "settled": ReleaseSettled(
        application=APPLICATION, release=RELEASE, artifact=ARTIFACT, answers={}, debts=(), reason="over"
    ),
}
WORK = (APPLICATION, "measure pilot eu-west")
AWAY: dict[str, dict[str, Any]] = {"dark": DARK, "blind": BLIND}

# What helps the release on is drawn more often than what stops it, so that runs get far.
HELPFUL = ["deployed", "piloted", "probed", "measured", "timer", "enter"]
HARMFUL = ["failed", "expired", "fenced", "not-served", "incident", "begun", "halted", "settled"]
HARMFUL += ["dark", "blind"]
WORDS = st.one_of(
    st.sampled_from(HELPFUL), st.sampled_from(HELPFUL), st.sampled_from(HELPFUL), st.sampled_from(HARMFUL)
)


def say(release: Journey, word: str, pick: int) -> None:
    """One thing said by somebody; `pick` chooses among the grants, timers or regions that it may be about."""
    if word == "timer":
        if timers := sorted(release.timers()):
            release.fire(timers[pick % len(timers)])
    elif word in AWAY:
        if WORK in release.desk.work:
            release.desk.report(*WORK, AWAY[word], final=False)
    elif word == "measured":
        if WORK in release.desk.work:
            release.desk.report(*WORK, good(release), final=pick > 3)
    elif word == "enter":
        release.enter()
    elif word in ENDS:
        release.give(ENDS[word])
    elif word == "incident":
        release.incident(f"alert-{pick % 2}", ["", *REGIONS][pick % 4])
    else:
        release.give(answer(release, word, pick))


def good(release: Journey) -> dict[str, Any]:
    """Everything of a good pilot at once. The same for every order but for its policy, which is the plan's."""
    return report(release.desk.work[WORK].body, 48)


def answer(release: Journey, word: str, pick: int) -> Payload:
    """An answer to one of the newest grants, or to an old one."""
    grant = release.grants()[-1 - pick % min(4, len(release.grants()))]
    match word:
        case "deployed":
            return release.answer(RegionDeployed, grant.region, to=grant)
        case "piloted":
            pods = {"pilot_pods": "p-pilot-", "baseline_pods": "p-"}
            return release.answer(PilotDeployed, grant.region, to=grant, share=0.1, **pods)
        case "probed":
            return release.answer(RegionProbed, grant.region, to=grant, results=GOOD_PROBES)
        case "failed":
            return release.answer(DeploymentFailed, grant.region, to=grant, reason="it crashed")
        case "begun":
            return release.answer(DeploymentStarted, grant.region, to=grant, found=OTHER_DIGEST)
        case _:
            return release.answer(GrantRefused, grant.region, to=grant, code=RefusalCode(word), reason="no")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STRATEGIES).map(planned), st.lists(st.tuples(WORDS, st.integers(0, 7)), max_size=60))
def test_what_always_holds(written: Plan, words: list[tuple[str, int]]) -> None:
    release = Journey(written)
    release.start()
    entered_at: int | None = None
    ended_at: int | None = None
    for word, pick in words:
        if word == "enter" and entered_at is None:
            entered_at = len(release.desk.events)
        if word in ENDS and ended_at is None:
            ended_at = len(release.desk.events)
        say(release, word, pick)
    check(release, entered_at, ended_at)


def check(release: Journey, entered_at: int | None, ended_at: int | None) -> None:
    said = release.desk.events
    grants = [(place, event) for place, event in enumerate(said) if isinstance(event, Granted)]
    production = [place for place, grant in grants if grant.region != "eu-preprod"]
    assert not production or (entered_at is not None and min(production) >= entered_at)
    failed = [
        place for place, e in enumerate(said) if isinstance(e, VerdictReached) and e.outcome is Outcome.FAIL
    ]
    assert len(failed) <= 1
    last = min([*failed, *([ended_at] if ended_at is not None else [])], default=len(said))
    assert all(place < last for place, _ in grants)
    for region in release.plan.regions:
        fences = [grant.fence.order for _, grant in grants if grant.region == region]
        assert all(a < b for a, b in pairwise(fences))
    waits = [(e.stage, e.waiting_for, e.until, e.reason) for e in said if isinstance(e, StageWaiting)]
    assert all(a != b for a, b in pairwise(waits))
    passed = [event.stage for event in said if isinstance(event, StagePassed)]
    assert passed == ["preprod", "pilot", "first", "watch"][: len(passed)]
    if failed or ended_at is not None or len(passed) == 4:
        assert release.timers() == set()
        assert release.desk.work == {}


def test_a_run_without_trouble_gets_to_the_end() -> None:
    release = Journey(PLAN)
    release.start()
    words = [("deployed", 0), ("probed", 0), ("enter", 0), ("piloted", 0), ("measured", 4)]
    words += [("deployed", 1), ("deployed", 0), ("deployed", 0), ("deployed", 1)]
    for word, pick in words:
        say(release, word, pick)
    release.fire("bake")
    release.fire("watch")
    assert [e.stage for e in release.desk.events if isinstance(e, StagePassed)][-1:] == ["watch"]
    check(release, 0, None)
