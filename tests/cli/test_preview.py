"""What a plan would do to an artifact: told from plans, hand-written histories and a time, line by line as a person reads it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.cli.preview.foreseen import Preview, preview
from lockgate.cli.preview.history import History
from lockgate.cli.preview.telling import as_json, lasting, lines
from lockgate.messages.message import Message, event_id
from lockgate.messages.operations import OperationRefusal
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.releases import (
    AbortRequested,
    AllPaused,
    AllResumed,
    ApplicationPaused,
    ApplicationResumed,
    OperationAnswered,
    PlanAccepted,
    RegionAccepted,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.rollbacks import Grade, VersionMarked
from lockgate.messages.topics import TOPICS
from lockgate.messages.values import Artifact, Fence, Place
from lockgate.messages.verdicts import Action, Granted, StagePassed, WatchStarted

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)  # a Tuesday
APP = "payments"
PREPROD = {"name": "preprod", "kind": "preprod", "regions": ["eu-preprod"], "requests": [{"get": "/healthz"}]}
PILOT = {
    "name": "pilot",
    "kind": "pilot",
    "regions": ["eu-west"],
    "share": "10%",
    "after": {"verify": "60m", "soak": "30m"},
}
WAVE = {"name": "all", "kind": "wave", "regions": ["eu-west", "us-east"], "after": {"bake": "10m"}}
WATCH = {"name": "watch", "kind": "watch", "for": "2h"}
ORDINARY = (PREPROD, PILOT, WAVE, WATCH)


def plan(*stages: dict[str, Any], **changes: Any) -> Plan:
    return Plan.model_validate(
        {
            "application": APP,
            "artifact": "pkg:oci/payments",
            "workload": {"deployment": APP, "container": "app", "service": APP},
            "stages": [*stages],
            **changes,
        }
    )


def artifact(n: int) -> Artifact:
    return Artifact(
        purl=f"pkg:oci/payments@sha256%3A{n:064x}?tag=v{n}", digest=f"sha256:{n:064x}", tag=f"v{n}"
    )


def about(n: int) -> dict[str, Any]:
    return {"application": APP, "release": f"r{n}", "artifact": artifact(n)}


def queued(n: int) -> Payload:
    return ReleaseQueued(**about(n), position=1, reason=f"v{n} waits")


def started(n: int, given: Plan | None = None) -> Payload:
    return ReleaseStarted(**about(n), number=1, plan_version=1, plan=given or plan(*ORDINARY), places={})


def entered(n: int) -> Payload:
    return ReleaseEntered(**about(n), number=2)


def granted(n: int, stage: str) -> Payload:
    where = {"region": "eu-west", "deployer": "one", "namespace": "prod", "cluster": "c1"}
    fence, workload = Fence(number=1, turn=0, grant=1), plan(*ORDINARY).workload
    return Granted(
        **about(n), **where, stage=stage, action=Action.DEPLOY, fence=fence, workload=workload, attempt=1,
        valid_for=60, deadline=60,
    )  # fmt: skip


def watched(n: int) -> Payload:
    return WatchStarted(application=APP, release=f"r{n}", stage="watch", duration=7200, until="later")


def passed(n: int, stage: str) -> Payload:
    return StagePassed(application=APP, release=f"r{n}", stage=stage, kind="wave", reason="as it must be")


def completed(n: int) -> Payload:
    return ReleaseCompleted(**about(n))


def accepted(region: str) -> Payload:
    return RegionAccepted(place=Place(region=region, deployer="one", cluster="c1", namespace="prod"))


SERVED = tuple(("08:00:00", accepted(region)) for region in ("eu-preprod", "eu-west", "us-east"))


def told(*said: tuple[str, Payload], key: str = APP) -> History:
    """What is known after events that were said at these times of the day."""
    history = History(APP)
    for number, (at, body) in enumerate((*SERVED, *said), 1):
        writer = TOPICS[body.topic].writer
        whose = "*" if isinstance(body, RegionAccepted | AllPaused | AllResumed) else key
        id_ = event_id(writer, whose, number)
        history.see(Message(body, id_, f"/{writer}", whose, f"2026-11-24T{at}.000Z", writer, number))
    return history


def at_noon(*bodies: Payload) -> History:
    return told(*(("12:00:00", body) for body in bodies))


def one_release(n: int, *times: str) -> list[tuple[str, Payload]]:
    """A release through every stage: when each begins and passes."""
    return list(
        zip(
            times,
            [
                started(n),
                granted(n, "preprod"), passed(n, "preprod"), entered(n),
                granted(n, "pilot"), passed(n, "pilot"),
                granted(n, "all"), passed(n, "all"),
                watched(n), passed(n, "watch"), completed(n),
            ],
            strict=True,
        )
    )  # fmt: skip


FIRST = (
    "08:00:00", "08:00:10", "08:01:10", "08:01:20",
    "08:01:30", "08:33:30",
    "08:33:31", "08:50:31",
    "08:50:31", "10:50:31", "10:50:32",
)  # fmt: skip
SECOND = (
    "11:00:00", "11:00:10", "11:02:10", "11:02:20",
    "11:02:30", "11:44:30",
    "11:44:31", "11:57:31",
    "11:57:31", "13:57:31", "13:57:32",
)  # fmt: skip


def said_of(
    given: Plan, history: History | None = None, meant: str | None = None, now: datetime = NOW
) -> list[str]:
    return lines(foreseen(given, history, meant, now))


def foreseen(
    given: Plan, history: History | None = None, meant: str | None = None, now: datetime = NOW
) -> Preview:
    return preview(given, history, meant, now)


def test_a_plan_alone_tells_its_stages_with_what_each_waits_for_shows_and_takes() -> None:
    assert said_of(plan(*ORDINARY)) == [
        "Whether it would wait, and for what, is known to the topics alone: they were not asked.",
        "1. preprod (preprod): eu-preprod",
        "   gate       its request is answered as the plan expects",
        "   takes      10m at most: deploying and requests together",
        "2. pilot (pilot): eu-west",
        "   gate       the pilot is compared with the production beside it for 1h at most (margins: errors 1.5, latency 20%)",
        "   undecided  the release fails",
        "   takes      at least 30m by the plan, and before that 10m at most until it is set up",
        "3. all (wave): eu-west, us-east",
        "   gate       the roll-out is complete in each region, within 15m",
        "   gate       no incident is blamed on it for 10m",
        (
            "   takes      at least 10m by the plan, and what its roll-outs take: 15m at most for each attempt at a step in a"
            " region"
        ),
        "4. watch (watch)",
        "   gate       no incident is blamed on it for 2h",
        "   takes      2h",
        "If a release is blamed, it is taken back to what ran before.",
        (
            "In all at least 2h 40m, if nothing fails: past releases were not looked at, so this is the sum of the plan's own"
            " times. How long roll-outs and requests take is not in it, since no plan knows."
        ),
    ]


def test_an_application_without_past_releases_is_said_to_have_none() -> None:
    assert said_of(plan(*ORDINARY), told())[-1] == (
        "In all at least 2h 40m, if nothing fails: no past release of payments went through these stages, so this is the sum of"
        " the plan's own times. How long roll-outs and requests take is not in it, since no plan knows."
    )


def test_two_past_releases_tell_how_long_each_stage_takes_and_all_of_them() -> None:
    history = told(
        ("07:59:59", queued(1)), *one_release(1, *FIRST), ("10:59:59", queued(2)), *one_release(2, *SECOND)
    )
    said = said_of(plan(*ORDINARY), history)
    assert [line for line in said if "takes" in line] == [
        f"   takes      about {of}"
        for of in (
            "2m, the median of 2 past releases through this very stage (60s to 2m)",
            "37m, the median of 2 past releases through this very stage (32m to 42m)",
            "15m, the median of 2 past releases through this very stage (13m to 17m)",
            "2h, the median of 2 past releases through this very stage (2h to 2h)",
        )
    ]
    assert said[-1] == "In all about 2h 54m, if nothing fails: as past releases took."


def test_a_stage_that_is_another_one_by_now_is_told_by_the_plan_alone() -> None:
    history = told(("07:59:59", queued(1)), *one_release(1, *FIRST))
    changed = plan(PREPROD, {**PILOT, "share": "20%"}, WAVE, WATCH)
    said = said_of(changed, history)
    assert "   takes      at least 30m by the plan, and before that 10m at most until it is set up" in said
    assert "   takes      about 17m, as the one past release through this very stage" in said
    assert said[-1] == (
        "In all at least 2h 48m, if nothing fails: as past releases took, but by the plan's own times alone in pilot, which none"
        " went through as the plan is now."
    )


def test_with_nothing_under_way_it_starts_at_once() -> None:
    assert said_of(plan(*ORDINARY), told())[:2] == [
        "Now: the next artifact of payments starts at once: no other release of payments is under way.",
        "1. preprod (preprod): eu-preprod",
    ]


def test_behind_a_release_that_is_under_way_it_waits_and_takes_the_place_of_what_waits() -> None:
    history = at_noon(queued(1), started(1), queued(2), queued(3))
    assert said_of(plan(*ORDINARY), history)[:3] == [
        "Now: the next artifact of payments waits for v1 of payments, which is under way.",
        "It takes the place of v2, v3, which would not be released.",
        "How long it waits for that is not known.",
    ]


def test_where_the_plan_keeps_all_it_waits_behind_them() -> None:
    history = at_noon(queued(1), started(1), queued(2), queued(3))
    assert said_of(plan(*ORDINARY, queue={"supersede": False}), history)[:3] == [
        "Now: the next artifact of payments waits for v1 of payments, which is under way and 2 that came earlier.",
        "Before it: v2, v3.",
        "How long it waits for that is not known.",
    ]


@pytest.mark.parametrize(
    "end",
    [
        completed(1),
        ReleaseClosed(**about(1), outcome=ReleaseOutcome.ROLLED_BACK, reason="v1 was taken back"),
    ],
)
def test_what_is_over_is_waited_for_no_more(end: Payload) -> None:
    history = at_noon(queued(1), started(1), end)
    assert "starts at once" in said_of(plan(*ORDINARY), history)[0]


def test_what_was_superseded_is_replaced_by_nobody() -> None:
    history = at_noon(queued(1), started(1), queued(2), queued(3), ReleaseSuperseded(**about(2), by="r3"))
    assert said_of(plan(*ORDINARY), history)[1] == "It takes the place of v3, which would not be released."


def answered(code: OperationRefusal | None) -> Payload:
    return OperationAnswered(
        application=APP, operation="fix", event="e1", who="ann", why="now", code=code, reason="v2 goes first"
    )


def test_a_fix_that_waits_keeps_its_place() -> None:
    on_its_way_out = AbortRequested(**about(1), who="ann", reason="ann ended it")
    history = at_noon(queued(1), started(1), on_its_way_out, queued(2), answered(None))
    assert said_of(plan(*ORDINARY), history)[1] == "Before it: v2."


def test_a_fix_that_was_refused_makes_nothing_else_one() -> None:
    history = at_noon(queued(1), started(1), queued(2), answered(OperationRefusal.ALREADY_FIRST))
    assert said_of(plan(*ORDINARY), history)[1] == "It takes the place of v2, which would not be released."


@pytest.mark.parametrize(
    ("pause", "resume", "whose"),
    [
        (
            ApplicationPaused(application=APP, who="ann", reason="the sale"),
            ApplicationResumed(application=APP, reason="it is over"),
            APP,
        ),
        (AllPaused(who="ann", reason="the sale"), AllResumed(reason="it is over"), "*"),
    ],
)
def test_a_pause_keeps_it_back_until_it_is_over(pause: Payload, resume: Payload, whose: str) -> None:
    paused = said_of(plan(*ORDINARY), at_noon(pause))
    assert paused[0] == (
        "Now: the next artifact of payments waits: ann paused the releases of payments: the sale."
    ), whose
    assert "starts at once" in said_of(plan(*ORDINARY), at_noon(pause, resume))[0]


def test_an_artifact_is_meant_by_its_digest_alone_or_by_its_package_url() -> None:
    by_digest = foreseen(plan(*ORDINARY), None, artifact(7).digest)
    assert by_digest.announced == f"pkg:oci/payments@sha256%3A{7:064x}"
    assert foreseen(plan(*ORDINARY), None, artifact(7).purl).announced == artifact(7).purl


@pytest.mark.parametrize(
    ("meant", "why"),
    [
        ("pkg:oci/payments:v3", "'pkg:oci/payments:v3' names no digest, and a tag can move"),
        ("pkg:oci/payments@v3", "'pkg:oci/payments@v3' names no digest, and a tag can move"),
        (f"pkg:oci/other@sha256%3A{7:064x}", "no plan claims 'pkg:oci/other'"),
        ("v3", "'v3' is no image"),
    ],
)
def test_what_intake_would_refuse_is_refused_offline_too_with_its_reason(meant: str, why: str) -> None:
    found = foreseen(plan(*ORDINARY), None, meant)
    assert found.queue.refused is not None
    assert found.queue.refused.startswith(why)
    assert lines(found) == [f"It would be refused: {found.queue.refused}"]


def test_what_is_queued_already_or_marked_bad_would_be_refused() -> None:
    bad = VersionMarked(application=APP, digest=artifact(3).digest, grade=Grade.BAD, reason="5xx rose")
    history = at_noon(queued(1), started(1), bad)
    assert "(duplicate)" in said_of(plan(*ORDINARY), history, artifact(1).digest)[0]
    assert "5xx rose" in said_of(plan(*ORDINARY), history, artifact(3).digest)[0]


def test_a_version_that_is_good_again_is_not_refused() -> None:
    marks = [
        VersionMarked(application=APP, digest=artifact(3).digest, grade=grade, reason="5xx rose")
        for grade in (Grade.BAD, Grade.GOOD)
    ]
    assert said_of(plan(*ORDINARY), at_noon(*marks), artifact(3).digest)[0].startswith("Now: 0")


FIX = f"pkg:oci/payments@sha256%3A{9:064x}?fixes=v1&tag=v9"


def test_an_artifact_that_fixes_what_is_under_way_goes_first_without_the_stages_that_fixes_skip() -> None:
    shorter = plan(PREPROD, {**PILOT, "fixes": "skip"}, WAVE, WATCH)
    history = at_noon(queued(1), started(1), queued(2))
    said = said_of(shorter, history, FIX)
    assert said[:4] == [
        ("Now: the fix v9 goes first: v1 of payments is pre-empted, and once that is settled it starts."),
        "It takes the place of v2, which would not be released.",
        "How long it waits for that is not known.",
        "1. preprod (preprod): eu-preprod",
    ]
    assert [line for line in said if line[0].isdigit()] == [
        "1. preprod (preprod): eu-preprod",
        "2. all (wave): eu-west, us-east",
        "3. watch (watch)",
    ]


def test_behind_a_fix_that_pre_empts_it_waits_and_does_not_replace_it() -> None:
    gone = ReleasePreempted(**about(1), by="r2", who="ci", reason="v2 fixes v1")
    history = at_noon(queued(1), started(1), queued(2), gone)
    assert said_of(plan(*ORDINARY), history)[1] == "Before it: v2."


WINDOW = {**WAVE, "before": {"window": "weekdays 08:00-17:00 Europe/Berlin"}}


def test_a_window_that_is_closed_by_the_time_that_it_comes_to_it_is_waited_for() -> None:
    """The pilot takes half an hour at least: 16:00 UTC is 17:00 in Berlin, and the next morning is an hour before 08:00 UTC."""
    said = said_of(plan(PREPROD, PILOT, WINDOW, WATCH))
    assert (
        "   waits      for its window: weekdays 08:00-17:00 Europe/Berlin; it would come to it at 2026-11-24 16:00 UTC, and that"
        " opens at 2026-11-25 07:00 UTC"
    ) in said
    assert said[-1].startswith("In all at least 17h 40m, closed windows included, if nothing fails:")


def test_a_window_that_is_open_by_then_holds_nothing_up() -> None:
    early = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert (
        "   waits      for its window: weekdays 08:00-17:00 Europe/Berlin; that is open at 2026-11-24 09:30 UTC, when it would come to it"
    ) in said_of(plan(PREPROD, PILOT, WINDOW, WATCH), now=early)


def test_no_time_is_told_for_what_comes_after_people_or_after_a_queue() -> None:
    approved = {**PILOT, "before": {"approval": "required"}}
    unknown = "   waits      for its window: weekdays 08:00-17:00 Europe/Berlin; when it would come to it is not known"
    said = said_of(plan(PREPROD, approved, WINDOW, WATCH))
    assert "   waits      for an operator's approval, however long that takes" in said
    assert unknown in said
    assert said[-1] == "Not in it: the approval before pilot."
    assert unknown in said_of(plan(PREPROD, PILOT, WINDOW, WATCH), at_noon(queued(1), started(1)))


def test_how_long_past_approvals_took_is_told() -> None:
    approved = plan(PREPROD, {**PILOT, "before": {"approval": "required"}}, WAVE, WATCH)
    history = told(
        ("08:00:00", queued(1)),
        ("08:00:00", started(1, approved)),
        ("08:00:00", granted(1, "preprod")),
        ("08:01:00", passed(1, "preprod")),
        ("08:01:00", entered(1)),
        ("10:16:00", granted(1, "pilot")),
        ("10:50:00", passed(1, "pilot")),
        ("10:50:00", completed(1)),
    )
    assert (
        "   waits      for an operator's approval, however long that takes; past ones took 2h 15m, as the one past release through"
        " this very stage"
    ) in said_of(approved, history)


def test_a_region_that_nobody_serves_is_named() -> None:
    wider = plan({**WAVE, "regions": ["eu-west", "mars"]}, WATCH)
    assert said_of(wider, told())[0] == (
        "No deployer has registered mars: the plan is refused until one does."
    )


@pytest.mark.parametrize(
    ("strategy", "least", "gates"),
    [
        (
            {"canary": ["25%", "50%", "100%"], "wait": "5m"},
            40,
            ["no incident is blamed on it for 5m after each step"],
        ),
        (
            {"canary": ["25%", "50%", "100%"], "wait": "5m", "verify": "20m", "soak": "10m"},
            60,
            [
                "at 25%, 50% the clone is compared with the production beside it for 20m at most (margins: errors 1.5, latency 20%)"
            ],
        ),
        (
            {"blue-green": {"keep": "15m", "requests": [{"get": "/healthz"}, {"get": "/pay"}]}},
            40,
            [
                "each of 2 requests is answered by the green side as the plan expects",
                "no incident is blamed on it for 15m after the switch",
            ],
        ),
    ],
)
def test_the_waits_of_a_strategy_count_for_each_region_after_the_other(
    strategy: dict[str, Any], least: int, gates: Sequence[str]
) -> None:
    """Two regions, one at a time, and ten minutes of bake time."""
    routed = {"deployment": APP, "container": "app", "service": APP, "route": APP}
    found = foreseen(plan({**WAVE, "strategy": strategy}, WATCH, workload=routed))
    assert found.stages[0].time.least == least * 60
    assert list(found.stages[0].gates[: len(gates)]) == gates


def test_regions_that_are_changed_at_the_same_time_wait_at_the_same_time() -> None:
    canary = {**WAVE, "strategy": {"canary": ["25%"], "wait": "5m"}, "max-parallel": 2}
    assert foreseen(plan(canary, WATCH)).stages[0].time.least == (5 + 10) * 60


def test_requests_that_are_sent_often_are_told_with_how_many_may_fail_and_what_follows_else() -> None:
    often = {**PREPROD, "requests": [{"get": "/healthz"}, {"get": "/pay", "times": 500}], "failures": "2%"}
    stage = foreseen(plan(often, WAVE, WATCH)).stages[0]
    assert stage.gates == (
        "its request is answered as the plan expects",
        "at most 2% of the 500 that are sent of repeated requests fail",
    )
    assert stage.undecided == "the release fails"


def test_what_follows_a_comparison_that_decides_nothing_is_told() -> None:
    longer = {**PILOT, "after": {"verify": "60m", "on-inconclusive": {"extend": "30m", "then": "hold"}}}
    verified = {**WATCH, "verify": {"on-inconclusive": "pass"}}
    stages = foreseen(plan(PREPROD, longer, WAVE, verified)).stages
    assert [stage.undecided for stage in stages] == [
        None,
        "it is measured 30m longer, then it stays as it is until an operator says what follows",
        None,
        "the stage passes",
    ]


def test_what_provenance_is_demanded_is_told_before_the_queue() -> None:
    signer = {"identity": "release@acme.example", "issuer": "https://accounts.example"}
    assert said_of(plan(*ORDINARY, provenance={"signers": [signer]}), told())[:2] == [
        "Before it is queued, it must be signed by release@acme.example of https://accounts.example.",
        "Now: the next artifact of payments starts at once: no other release of payments is under way.",
    ]


def test_events_of_other_applications_are_no_matter() -> None:
    history = told(("12:00:00", queued(1)), ("12:00:00", started(1)), key="billing")
    assert "starts at once" in said_of(plan(*ORDINARY), history)[0]


def test_the_newest_plan_that_was_accepted_is_known_with_when_it_was_first() -> None:
    old, new = plan(WAVE, WATCH), plan(*ORDINARY)
    history = told(
        ("09:00:00", PlanAccepted(application=APP, version=1, plan=old)),
        ("10:00:00", PlanAccepted(application=APP, version=2, plan=new)),
        ("11:00:00", PlanAccepted(application=APP, version=2, plan=new)),
    )
    assert history.newest is not None
    assert (history.newest.version, history.newest.plan, history.accepted) == (
        2,
        new,
        "2026-11-24T10:00:00.000Z",
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (89.4, "89s"),
        (90, "2m"),
        (3540, "59m"),
        (3600, "1h"),
        (12_000, "3h 20m"),
        (2 * 86_400, "2d"),
        (3 * 86_400 + 4 * 3600, "3d 4h"),
    ],
)
def test_a_length_of_time_is_as_exact_as_one_cares_for(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_programs_are_told_the_same_in_seconds() -> None:
    history = told(("07:59:59", queued(1)), *one_release(1, *FIRST))
    told_ = json.loads(json.dumps(as_json(foreseen(plan(*ORDINARY), history))))
    assert told_["queue"]["starts"] is True
    assert (told_["seconds"], told_["by_the_plan_alone"]) == (60 + 1920 + 1020 + 7200, [])
    assert told_["stages"][1] == {
        "name": "pilot",
        "kind": "pilot",
        "regions": ["eu-west"],
        "approval": False,
        "window": [],
        "comes": "2026-11-24T15:31:00+00:00",
        "opens": "2026-11-24T15:31:00+00:00",
        "gates": [
            "the pilot is compared with the production beside it for 1h at most (margins: errors 1.5, latency 20%)"
        ],
        "undecided": "the release fails",
        "at_least": 1800,
        "past": {"releases": 1, "least": 1920, "median": 1920, "most": 1920},
    }


def test_programs_are_told_that_nobody_was_asked() -> None:
    assert as_json(foreseen(plan(*ORDINARY)))["queue"] is None
