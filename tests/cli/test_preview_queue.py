"""What a preview says of now: refused, at once, or behind what, from hand-written histories."""

from datetime import UTC, datetime

import pytest

from lockgate.cli.preview.telling import as_json, lines
from lockgate.messages.message import Message
from lockgate.messages.operations import OperationRefusal
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    AbortRequested,
    AllPaused,
    AllResumed,
    ApplicationPaused,
    ApplicationResumed,
    OperationAnswered,
    PlanAccepted,
    ReleaseClosed,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseSuperseded,
)
from lockgate.messages.rollbacks import Grade, ReleaseHeld, ReleaseResumed, VersionMarked
from lockgate.messages.verdicts import Outcome, VerdictReached, WaitingFor
from tests.support.previews import (
    APP,
    NOW,
    ORDINARY,
    PILOT,
    PREPROD,
    WATCH,
    WAVE,
    about,
    artifact,
    at_noon,
    completed,
    entered,
    foreseen,
    granted,
    passed,
    plan,
    queued,
    said_of,
    started,
    told,
    waits,
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


def test_what_takes_a_completed_version_back_keeps_its_place() -> None:
    on_its_way_out = AbortRequested(**about(2), who="ann", reason="ann ended it")
    bad = VersionMarked(application=APP, digest=artifact(1).digest, grade=Grade.BAD, reason="errors rose")
    history = at_noon(queued(2), started(2), on_its_way_out, bad, queued(1))
    assert said_of(plan(*ORDINARY), history)[1] == "Before it: v1."


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


def test_a_pause_that_has_an_end_is_told_with_it_and_the_stages_are_reckoned_from_there() -> None:
    sale = ApplicationPaused(application=APP, who="ann", reason="the sale", until="2026-11-24T18:00:00.000Z")
    windowed = plan(
        {**WAVE, "before": {"window": "weekdays 08:00-17:00 Europe/Berlin"}}, WATCH
    )  # 18:00 UTC is 19:00 in Berlin
    said = said_of(windowed, at_noon(sale))
    assert said[:2] == [
        "Now: the next artifact of payments waits: ann paused the releases of payments: the sale.",
        "The pause of ann ends by itself at 2026-11-24 18:00 UTC.",
    ]
    assert (
        "   waits      for its window: weekdays 08:00-17:00 Europe/Berlin; it would come to it at 2026-11-24 18:00 UTC, and that"
        " opens at 2026-11-25 07:00 UTC"
    ) in said


def test_of_two_pauses_the_later_end_counts_and_one_without_an_end_is_ended_by_hand() -> None:
    own, everybody = (
        {"reason": "the sale", "until": f"2026-11-24T{hour}:00:00.000Z"} for hour in ("18", "20")
    )
    of_one = ApplicationPaused(application=APP, who="ann", **own)
    both = foreseen(plan(*ORDINARY), at_noon(of_one, AllPaused(who="bob", **everybody)))
    assert both.stages[0].comes == datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
    by_hand = AllPaused(who="bob", reason="the audit")
    assert said_of(plan(*ORDINARY), at_noon(of_one, by_hand))[1:4] == [
        "The pause of ann ends by itself at 2026-11-24 18:00 UTC.",
        "The pause of bob ends when somebody resumes it.",
        "How long it waits for that is not known.",
    ]


def test_a_pause_whose_end_has_come_without_word_of_it_holds_up_nothing_more() -> None:
    sale = ApplicationPaused(application=APP, who="ann", reason="the sale", until="2026-11-24T13:00:00.000Z")
    assert foreseen(plan(*ORDINARY), at_noon(sale)).stages[0].comes == NOW


def test_a_pause_that_ends_lets_nothing_start_that_waits_for_a_release() -> None:
    sale = ApplicationPaused(application=APP, who="ann", reason="the sale", until="2026-11-24T18:00:00.000Z")
    found = foreseen(plan(*ORDINARY), at_noon(queued(1), started(1), sale))
    assert found.stages[0].comes is None
    assert found.queue.pauses[0].who == "ann"


HELD = ReleaseHeld(application=APP, release="r1", turn=1, reason="v1 is held by its plan. Errors rose.")


@pytest.mark.parametrize(
    ("hold", "why"),
    [
        (HELD, "v1 is held by its plan. Errors rose."),
        (
            waits(1, "pilot", WaitingFor.HELD, "The release is held: no samples."),
            "The release is held: no samples.",
        ),
    ],
)
def test_a_release_that_is_held_is_told_with_why(hold: Payload, why: str) -> None:
    history = at_noon(queued(1), started(1), hold)
    assert said_of(plan(*ORDINARY), history)[:3] == [
        "Now: the next artifact of payments waits for v1 of payments, which is under way.",
        f"v1 is held: {why}",
        "How long it waits for that is not known.",
    ]
    asked = as_json(foreseen(plan(*ORDINARY), history))["queue"]
    assert asked["held"] == [{"artifact": "v1", "reason": why}]


@pytest.mark.parametrize(
    "over",
    [
        (HELD, ReleaseResumed(application=APP, release="r1", number=1, turn=2, reason="go on")),
        (waits(1, "pilot", WaitingFor.HELD), waits(1, "pilot", WaitingFor.EVIDENCE)),
        (waits(1, "pilot", WaitingFor.HELD), passed(1, "pilot")),
        (waits(1, "pilot", WaitingFor.HELD), granted(1, "all")),
    ],
)
def test_a_hold_that_is_over_is_told_no_more(over: tuple[Payload, Payload]) -> None:
    assert foreseen(plan(*ORDINARY), at_noon(queued(1), started(1), *over)).queue.held == ()


def test_what_the_verifier_says_meanwhile_does_not_end_the_coordinators_hold() -> None:
    halted = waits(1, "pilot", WaitingFor.COORDINATOR)
    found = foreseen(plan(*ORDINARY), at_noon(queued(1), started(1), HELD, halted))
    assert found.queue.held == (("v1", HELD.reason),)


def test_a_release_that_ended_is_held_no_more() -> None:
    history = at_noon(queued(1), started(1), HELD, waits(1, "pilot", WaitingFor.HELD), completed(1))
    assert history.held("r1") is None


def test_programs_are_told_the_pauses() -> None:
    sale = ApplicationPaused(application=APP, who="ann", reason="the sale", until="2026-11-24T18:00:00.000Z")
    asked = as_json(foreseen(plan(*ORDINARY), at_noon(sale, AllPaused(who="bob", reason="the audit"))))[
        "queue"
    ]
    assert asked["pauses"] == [
        {"who": "ann", "reason": "the sale", "until": "2026-11-24T18:00:00+00:00"},
        {"who": "bob", "reason": "the audit", "until": None},
    ]


def test_an_artifact_is_meant_by_its_digest_alone_or_by_its_package_url() -> None:
    by_digest = foreseen(plan(*ORDINARY), None, artifact(7).digest)
    assert by_digest.announced == f"pkg:oci/payments@sha256%3A{7:064x}"
    assert foreseen(plan(*ORDINARY), None, artifact(7).purl).announced == artifact(7).purl


@pytest.mark.parametrize(
    ("meant", "why"),
    [
        ("pkg:oci/payments:v3", "'pkg:oci/payments:v3' names no digest, and a tag can move"),
        ("pkg:oci/payments@v3", "'pkg:oci/payments@v3' names no digest, and a tag can move"),
        (
            f"pkg:oci/other@sha256%3A{7:064x}",
            "it is no artifact of payments, whose package is pkg:oci/payments (unknown-package)",
        ),
        ("v3", "'v3' is no image"),
    ],
)
def test_what_intake_would_refuse_is_refused_offline_too_with_its_reason(meant: str, why: str) -> None:
    found = foreseen(plan(*ORDINARY), None, meant)
    assert found.queue.refused is not None
    assert found.queue.refused.startswith(why)
    assert lines(found) == [f"It would be refused: {found.queue.refused}"]


def test_a_release_that_waited_for_longer_than_topics_are_kept_is_under_way_all_the_same() -> None:
    said = said_of(plan(*ORDINARY), at_noon(started(1), entered(1)))
    assert said[0] == "Now: the next artifact of payments waits for v1 of payments, which is under way."


def test_a_recovery_that_is_under_way_is_not_pre_empted_by_a_fix() -> None:
    recovers = ReleaseEntered(**about(1), number=3, recovers="r0")
    fix = f"pkg:oci/payments@sha256%3A{7:064x}?fixes=v1"
    assert not foreseen(plan(*ORDINARY), at_noon(recovers), fix).queue.fix
    assert foreseen(plan(*ORDINARY), at_noon(started(1), entered(1)), fix).queue.fix


def test_of_bad_versions_as_many_are_remembered_as_intake_remembers() -> None:
    bad = [
        VersionMarked(application=APP, digest=artifact(n).digest, grade=Grade.BAD, reason="5xx rose")
        for n in range(1, 202)
    ]
    history = at_noon(*bad)
    assert foreseen(plan(*ORDINARY), history, artifact(1).digest).queue.refused is None
    assert foreseen(plan(*ORDINARY), history, artifact(2).digest).queue.refused is not None


def test_evidence_of_verdicts_and_what_is_of_others_is_not_kept() -> None:
    history = told(key="checkout")
    verdict = VerdictReached(
        application=APP, release="r1", stage="pilot", outcome=Outcome.PASS, reason="no worse", evidence={}
    )
    given = [verdict, passed(1, "pilot"), started(1)]
    messages = [Message(body, "id", "/x", APP, "2026-11-24T12:00:00.000Z", "x", 1) for body in given]
    assert [history.concerns(message) for message in messages] == [False, True, True]
    assert not any(
        history.concerns(Message(body, "id", "/x", "checkout", "2026-11-24T12:00:00.000Z", "x", 1))
        for body in given
    )


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


def test_a_region_that_nobody_serves_is_named() -> None:
    wider = plan({**WAVE, "regions": ["eu-west", "mars"]}, WATCH)
    assert said_of(wider, told())[0] == (
        "No deployer has registered mars: the plan is refused until one does."
    )


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
