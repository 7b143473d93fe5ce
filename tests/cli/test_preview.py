"""What a plan would do to an artifact: stages, waits, gates and times, line by line as a person reads them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.cli.preview.telling import as_json, lasting
from lockgate.messages.verdicts import WaitingFor
from tests.support.previews import (
    APP,
    FIRST,
    ORDINARY,
    PILOT,
    PREPROD,
    SECOND,
    WATCH,
    WAVE,
    at_noon,
    completed,
    entered,
    foreseen,
    granted,
    one_release,
    passed,
    plan,
    queued,
    said_of,
    started,
    told,
    waits,
)


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
    assert said[-2:] == [
        "Not in it: the approval before pilot.",
        "Not in it: what it waits for the window of all.",
    ]
    assert unknown in said_of(plan(PREPROD, PILOT, WINDOW, WATCH), at_noon(queued(1), started(1)))


def test_a_watch_that_is_compared_with_the_time_before_takes_whole_scrapes_and_allows_twice_as_much() -> None:
    watch = {
        "name": "watch",
        "kind": "watch",
        "for": "90s",
        "verify": {"margins": {"errors": 1.5, "latency": "20%"}},
    }
    said = said_of(plan(WAVE, watch))
    assert (
        "   gate       each region is compared with its own time before the release (margins: errors 2, latency 50%)"
        in said
    )
    assert foreseen(plan(WAVE, watch)).stages[-1].time.least == 150


def test_what_goes_forward_only_stays_where_it_is_if_it_is_blamed() -> None:
    said = said_of(plan(*ORDINARY), None, f"pkg:oci/payments@sha256%3A{7:064x}?rollback=unsafe")
    assert said[-2].startswith("If it is blamed in production, it stays as it is, halted")


def test_how_long_past_approvals_took_is_told_without_pauses_and_windows() -> None:
    gate = {"approval": "required", "window": "weekdays 08:00-17:00 Europe/Berlin"}
    approved = plan(PREPROD, {**PILOT, "before": gate}, WAVE, WATCH)
    history = told(
        ("03:00:00", queued(1)),
        ("03:00:00", started(1, approved)),
        ("03:00:00", granted(1, "preprod")),
        ("03:01:00", passed(1, "preprod")),
        ("03:01:00", entered(1)),
        ("03:01:00", waits(1, "pilot", WaitingFor.APPROVAL)),
        ("03:11:00", waits(1, "pilot", WaitingFor.PAUSE)),
        ("04:00:00", waits(1, "pilot", WaitingFor.APPROVAL)),
        ("04:15:00", waits(1, "pilot", WaitingFor.WINDOW)),
        ("07:00:00", granted(1, "pilot")),
        ("07:34:00", passed(1, "pilot")),
        ("07:34:00", completed(1)),
    )
    assert (
        "   waits      for an operator's approval, however long that takes; past ones took 25m, as the one past release through"
        " this very stage"
    ) in said_of(approved, history)
    assert as_json(foreseen(approved, history))["stages"][1]["approving"] == {
        "releases": 1,
        "least": 1500,
        "median": 1500,
        "most": 1500,
    }


def test_each_release_counts_what_it_waited_for_the_approval_of_the_very_stage() -> None:
    both = {"before": {"approval": "required"}}
    approved = plan(PREPROD, {**PILOT, **both}, {**WAVE, **both}, WATCH)
    history = told(
        ("08:00:00", queued(1)),
        ("08:00:00", started(1, approved)),
        ("08:00:00", granted(1, "preprod")),
        ("08:01:00", passed(1, "preprod")),
        ("08:01:00", waits(1, "pilot", WaitingFor.APPROVAL)),
        ("08:06:00", granted(1, "pilot")),
        ("08:40:00", passed(1, "pilot")),
        ("08:40:00", waits(1, "all", WaitingFor.APPROVAL)),
        ("09:40:00", granted(1, "all")),
        ("09:50:00", passed(1, "all")),
    )
    times = [each.approved for each in foreseen(approved, history).stages]
    assert [past and past.middle for past in times] == [None, 300, 3600, None]


def test_flags_come_first_for_what_goes_forward_only_too() -> None:
    flagged = plan(*ORDINARY, remediation={"flags": [{"flag": "new-checkout"}]})
    said = said_of(flagged, None, f"pkg:oci/payments@sha256%3A{7:064x}?rollback=unsafe")
    assert said[-2] == (
        "If it is blamed in production, for what was measured, a failed check or an incident new-checkout is switched off first; if that"
        " does not help, or for anything else, it stays as it is, halted, until an operator says what follows: it says of"
        " itself that it goes forward only."
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
        "approving": None,
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


def test_programs_are_told_what_follows_a_failure_and_what_provenance_is_demanded() -> None:
    signer = {"identity": "release@acme.example", "issuer": "https://accounts.example"}
    strict = plan(
        *ORDINARY,
        provenance={"signers": [signer]},
        remediation={
            "flags": [{"flag": "new-checkout", "wait": "5m"}],
            "to": "good",
            "recovers-within": "15m",
        },
    )
    found = json.loads(json.dumps(as_json(foreseen(strict))))
    assert found["provenance"]["signers"] == [{**found["provenance"]["signers"][0], **signer}]
    assert found["remediation"]["flags"][0]["flag"] == "new-checkout"
    assert (found["remediation"]["then"], found["remediation"]["to"]) == ("rollback", "good")
    assert found["remediation"]["recovers-within"] == 900
    assert found["remediation"]["forward-only"] is False


def test_programs_are_told_that_no_provenance_is_demanded_and_that_it_goes_forward_only() -> None:
    unsafe = f"pkg:oci/payments@sha256%3A{7:064x}?rollback=unsafe"
    found = json.loads(json.dumps(as_json(foreseen(plan(*ORDINARY), None, unsafe))))
    assert found["provenance"] is None
    assert found["remediation"]["forward-only"] is True


def test_programs_are_told_that_nobody_was_asked() -> None:
    assert as_json(foreseen(plan(*ORDINARY)))["queue"] is None
