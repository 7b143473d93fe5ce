"""What is no fix, or none now, and why; and what CI says of it."""

import pytest

from lockgate.intake.rows import Lane, Release
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.operations import Abort, Fix, Pause
from lockgate.messages.releases import ReleasePreempted, ReleaseQueued, ReleaseStarted, ReleaseSuperseded
from tests.support.fixes import fixed, in_production, refused, send
from tests.support.intake import (
    APP,
    PRODUCTION,
    announce,
    announced,
    desk,
    digest,
    marked,
    names,
    published,
    purl,
    settled,
    watched,
)
from tests.support.operators import WHY, answer, asked, give

# --- refusals ---------------------------------------------------------------------------------------------------


def test_the_same_artifact_again_is_refused_wherever_it_is() -> None:
    at_desk, _running = in_production()
    fix = fixed(at_desk, 2)
    code, reason = refused(at_desk, purl(1))
    assert (code, reason) == (
        "being-taken-back",
        f"v1 itself is on its way out: ann sent the fix v2: {WHY}; send it again once that is settled",
    )
    code, reason = refused(at_desk, purl(2))
    assert (code, reason) == ("already-first", "v2 is the next already: it starts once v1 is settled")
    at_desk.give(settled(_running))
    code, reason = refused(at_desk, purl(2))
    assert (code, reason) == (
        "already-first",
        f"v2 is under way already as the release {fix}: nothing goes before it",
    )


def test_an_artifact_that_is_under_way_without_being_a_fix_goes_on() -> None:
    at_desk, running = in_production()
    assert refused(at_desk, purl(1))[0] == "already-first"
    assert names(at_desk.give(watched(running))) == ["ReleaseCompleted"]


def test_a_bad_version_is_no_fix() -> None:
    at_desk, _running = in_production()
    at_desk.give(marked(2))
    code, reason = refused(at_desk, purl(2))
    assert code == "known-bad"
    assert reason.startswith("v2 is marked bad: send another one, or mark it good first; it is bad because: ")


@pytest.mark.parametrize(
    ("artifact", "why"),
    [
        (purl(2, "pkg:oci/orders"), "is none of pkg:oci/payments, which the plan names"),
        ("pkg:oci/payments?tag=v2", "names no image by its digest"),
        ("pkg:oci/payments@v2", "names no image by its digest"),
        ("v2", "is none of pkg:oci/payments"),
        ("sha256:12", "is none of pkg:oci/payments"),
        ("x" * 1024, "is none of pkg:oci/payments"),
    ],
)
def test_what_names_no_image_of_the_application_is_refused(artifact: str, why: str) -> None:
    at_desk, running = in_production()
    code, reason = refused(at_desk, artifact)
    assert code == "no-artifact"
    assert why in reason
    assert at_desk.row(Lane, APP).under_way == (running,)
    assert names(at_desk.give(watched(running))) == ["ReleaseCompleted"]


def test_one_that_waits_and_whose_package_the_plan_gave_up_is_refused() -> None:
    at_desk, _running = in_production()
    announce(at_desk, 2)
    at_desk.give(published(artifact="pkg:oci/payments-next"))
    code, reason = refused(at_desk, f"pkg:oci/payments-next@sha256%3A{2:064x}")
    assert code == "no-artifact"
    assert reason.startswith(
        "v2 waited, and meanwhile the plan of payments was given the package pkg:oci/payments-next: announce it "
    )


def test_an_application_without_a_plan_is_unknown() -> None:
    assert answer(desk(), asked(Fix, "billing", artifact=purl(2))).code == "unknown-application"


def test_a_digest_alone_is_one_of_the_package_that_the_plan_names() -> None:
    queued = give(desk(), asked(Fix, artifact=digest(2)))[0]
    assert isinstance(queued, ReleaseQueued)
    assert queued.artifact.purl == f"pkg:oci/payments@sha256%3A{2:064x}"


# --- what CI says of it -----------------------------------------------------------------------------------------


def says_that_it_fixes(n: int, what: str) -> ArtifactPublished:
    return ArtifactPublished(purl=f"{purl(n)}&fixes={what}", user="build-bot")


@pytest.mark.parametrize("what", ["v1", "v0,v1", f"sha256%3A{1:064x}"])
def test_an_artifact_that_says_what_it_fixes_goes_first_if_that_is_under_way(what: str) -> None:
    at_desk, running = in_production()
    announce(at_desk, 3)
    queued, superseded, preempted = at_desk.give(says_that_it_fixes(2, what), writer="ci")
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(superseded, ReleaseSuperseded)
    assert isinstance(preempted, ReleasePreempted)
    assert (preempted.release, preempted.by, preempted.who) == (running, queued.release, "/ci")
    assert preempted.reason == "v2 fixes v1, as /ci announced it"
    at_desk.give(settled(running))
    assert at_desk.row(Lane, APP).under_way == (queued.release,)


@pytest.mark.parametrize("what", ["v7", "", "v"])
def test_one_that_fixes_something_else_queues_like_any_other(what: str) -> None:
    at_desk, running = in_production()
    assert names(at_desk.give(says_that_it_fixes(2, what))) == ["ReleaseQueued"]
    assert names(at_desk.give(watched(running)))[0] == "ReleaseCompleted"


def test_where_the_plan_leaves_it_to_operators_what_ci_calls_a_fix_queues_and_that_is_said() -> None:
    at_desk = desk(stages=PRODUCTION, queue={"fixes": "operators"})
    running = announce(at_desk, 1)
    (queued,) = at_desk.give(says_that_it_fixes(2, "v1"))
    assert isinstance(queued, ReleaseQueued)
    assert queued.reason == (
        "v2 waits for v1 of payments, which is under way; CI calls it a fix, which the plan leaves to operators to say: "
        f"`lockgate fix payments --artifact {digest(2)}` lets it go first"
    )
    assert at_desk.row(Lane, APP).under_way == (running,)
    sent = give(at_desk, asked(Fix, artifact=digest(2)))
    assert names(sent) == ["ReleasePreempted", "OperationAnswered"]


def test_in_a_pause_an_artifact_that_says_what_it_fixes_queues_like_any_other() -> None:
    at_desk, _running = in_production()
    give(at_desk, asked(Pause))
    assert names(at_desk.give(says_that_it_fixes(2, "v1"))) == ["ReleaseQueued"]


def test_behind_a_fix_that_an_operator_sent_an_artifact_that_fixes_the_same_waits_and_takes_no_place_of_it() -> (
    None
):
    at_desk, running = in_production()
    fix = fixed(at_desk, 2)
    assert names(at_desk.give(says_that_it_fixes(3, "v1"))) == ["ReleaseQueued"]
    at_desk.give(settled(running))
    assert at_desk.row(Lane, APP).under_way == (fix,)


def test_what_is_on_its_way_out_already_is_mended_by_no_announcement() -> None:
    at_desk, _running = in_production()
    announce(at_desk, 3)
    give(at_desk, asked(Abort))
    assert names(at_desk.give(says_that_it_fixes(2, "v1"))) == ["ReleaseQueued", "ReleaseSuperseded"]
    assert not at_desk.row(Release, APP, at_desk.row(Lane, APP).waiting[0]).fix


def test_who_sends_one_that_waits_may_say_that_it_goes_forward_only() -> None:
    at_desk, running = in_production()
    waits = announce(at_desk, 2)
    answer(at_desk, asked(Fix, artifact=f"{purl(2)}&rollback=unsafe"))
    started = next(event for event in at_desk.give(settled(running)) if isinstance(event, ReleaseStarted))
    assert (started.release, started.artifact.forward_only) == (waits, True)


def test_one_that_was_announced_as_one_that_goes_forward_only_does_so_by_its_digest_alone() -> None:
    at_desk, running = in_production()
    at_desk.give(ArtifactPublished(purl=f"{purl(2)}&rollback=unsafe"), writer="ci")
    answer(at_desk, asked(Fix, artifact=digest(2)))
    started = next(event for event in at_desk.give(settled(running)) if isinstance(event, ReleaseStarted))
    assert started.artifact.forward_only


def test_a_bad_version_stays_out_whatever_it_says_that_it_fixes() -> None:
    at_desk, _running = in_production()
    at_desk.give(marked(2))
    assert names(at_desk.give(says_that_it_fixes(2, "v1"))) == ["ArtifactRefused"]


def test_ci_announces_a_fix_that_waits_and_that_is_a_duplicate() -> None:
    at_desk, _running = in_production()
    send(at_desk, 2)
    assert names(at_desk.give(announced(2))) == ["ArtifactRefused"]
