"""What a person sees of releases: folded from hand-written histories, drawn as a tree, and told as lines."""

import io
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from rich.console import Console

from lockgate.cli.view.fold import KEPT, View
from lockgate.cli.view.lines import line
from lockgate.cli.view.model import Mark, RegionView, State
from lockgate.cli.view.tree import release_tree
from lockgate.cli.watch import drawn, told
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.values import Artifact
from lockgate.messages.verdicts import WaitingFor
from tests.support import history as h


def seen(*bodies: Payload) -> View:
    """The view after events that were said one second after the other."""
    return fold(h.messages(bodies))


def fold(messages: Iterable[Message[Payload]]) -> View:
    view = View()
    for message in messages:
        view.see(message)
    return view


def text(renderable: object, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(renderable)
    return out.getvalue()


def test_a_good_release_has_every_stage_done_and_is_completed() -> None:
    release = seen(*h.good()).releases["r2"]
    assert release.state is State.COMPLETED
    assert release.over
    assert {name: stage.mark for name, stage in release.stages.items()} == {
        "preprod": Mark.DONE,
        "pilot": Mark.DONE,
        "all": Mark.DONE,
        "watch": Mark.DONE,
    }
    assert release.stages["preprod"].regions == {
        "eu-preprod": RegionView(Mark.DONE, "1 of 1 requests passed")
    }
    assert release.stages["pilot"].regions == {
        "eu-west": RegionView(Mark.DONE, "pilot has 10% of the traffic")
    }
    assert release.stages["all"].regions["us-east"] == RegionView(Mark.DONE, "deployed")
    assert release.back == {}


def test_a_queued_release_waits_with_its_reason_and_has_no_stages_yet() -> None:
    release = seen(h.queued()).releases["r2"]
    assert (release.state, release.says, release.stages) == (State.QUEUED, "v2 starts at once", {})


def test_a_release_that_fails_in_its_pilot_says_why_and_runs_nowhere_in_the_end() -> None:
    view = seen(
        *h.until_pilot(),
        h.failed("pilot", "5 of 100 fail"),
        h.waiting("pilot", "the coordinator takes it back"),
        h.halted("5 of 100 fail"),
        h.ordered("eu-west"),
        h.ordered("us-east"),
        h.back("eu-west"),
        h.untouched("us-east"),
        h.settled(),
        h.closed("v2 was taken back"),
    )
    release = view.releases["r2"]
    assert (release.state, release.says) == (State.CLOSED, "v2 was taken back")
    assert (release.stages["pilot"].mark, release.stages["pilot"].says) == (Mark.FAILED, "5 of 100 fail")
    assert release.stages["all"].mark is Mark.AHEAD
    assert release.back == {
        "eu-west": RegionView(Mark.BACK, "runs 010101010101 again"),
        "us-east": RegionView(Mark.DONE, "does not run it"),
    }
    assert release.stages["pilot"].regions["eu-west"] == RegionView(Mark.BACK, "taken back")
    assert "went back: 1 of 2 regions" in text(release_tree(release))


def test_a_release_that_is_being_taken_back_says_what_is_ordered() -> None:
    release = seen(*h.until_pilot(), h.halted("too slow"), h.ordered("eu-west")).releases["r2"]
    assert (release.state, release.says, release.over) == (State.RETURNING, "too slow", False)
    assert release.back == {"eu-west": RegionView(Mark.RUNNING, "ordered back to 010101010101")}
    assert "going back: 0 of 1 region" in text(release_tree(release))


def test_a_release_whose_flags_are_switched_off_goes_on_at_the_same_stage() -> None:
    switching = [
        *h.until_pilot(),
        h.failed("pilot", "5 of 100 fail"),
        h.halted("5 of 100 fail"),
        h.flags_ordered("eu-west", "new-checkout"),
    ]
    assert seen(*switching).releases["r2"].state is State.FLAGS
    on = [*switching, h.flags_switched("eu-west", "new-checkout"), h.resumed("new-checkout is off.")]
    release = seen(*on, h.waiting("pilot", "left alone for 120 s")).releases["r2"]
    assert (release.state, release.says) == (State.PRODUCTION, "new-checkout is off.")
    assert (release.stages["pilot"].mark, release.stages["pilot"].says) == (
        Mark.RUNNING,
        "left alone for 120 s",
    )


def test_a_release_that_is_held_says_so() -> None:
    release = seen(*h.until_pilot(), h.halted("too slow"), h.held("v2 is held by its plan.")).releases["r2"]
    assert (release.state, release.says) == (State.HELD, "v2 is held by its plan.")


def test_what_was_completed_and_is_taken_back_is_a_release_of_its_own() -> None:
    view = seen(*h.recovering())
    assert {name: each.state for name, each in view.releases.items()} == {
        "r2": State.COMPLETED,
        "r3": State.RETURNING,
    }
    assert view.releases["r3"].says == "ann took it back: customers are charged twice"
    assert [line(body) for body in h.recovering()[-3:]] == [
        "releases    v2, which was completed, is taken back: no release of payments is under way",
        f"releases    {h.NEW[7:19]} is taken back (fence number 5)",
        None,
    ]


def test_each_step_of_the_ladder_is_a_line() -> None:
    said = (
        h.flags_ordered("eu-west", "new-checkout"),
        h.flags_switched("eu-west", "new-checkout"),
        h.resumed("it is off."),
        h.held("v2 is held by its plan."),
    )
    assert [line(body) for body in said] == [
        "rollbacks   eu-west ordered to switch off new-checkout",
        "deployments eu-west: new-checkout switched off",
        "rollbacks   goes on. it is off.",
        "rollbacks   held. v2 is held by its plan.",
    ]


def test_a_region_that_failed_is_running_again_with_its_next_attempt() -> None:
    failing = [*h.until_wave(), h.granted("all", "us-east"), h.broken("all", "us-east", "no such image")]
    assert seen(*failing).releases["r2"].stages["all"].regions["us-east"] == RegionView(
        Mark.FAILED, "no such image"
    )
    again = [*failing, h.granted("all", "us-east", attempt=2)]
    assert seen(*again).releases["r2"].stages["all"].regions["us-east"] == RegionView(
        Mark.RUNNING, "roll-out granted, attempt 2", "attempt 1: no such image"
    )
    done = seen(*again, h.progressed("all", "us-east"), h.deployed("all", "us-east")).releases["r2"]
    assert done.stages["all"].regions["us-east"].says == "deployed"


def test_what_is_not_answered_yet_says_since_when_and_until_when() -> None:
    view = seen(*h.until_wave(), h.granted("all", "us-east"))
    at = datetime.fromisoformat(h.messages([*h.until_wave(), h.settled()])[-1].at)  # of the grant
    row = "▶ us-east      roll-out granted 34 s ago; not answered yet, 86 s left"
    assert row in text(release_tree(view.releases["r2"], at + timedelta(seconds=34)))
    late = text(release_tree(view.releases["r2"], at + timedelta(seconds=130)))
    assert "130 s ago; not answered yet, 10 s beyond its deadline" in late
    begun = seen(*h.until_wave(), h.granted("all", "us-east"), h.progressed("all", "us-east"))
    assert re.search(r"us-east      1 of 4 pods *\n", text(release_tree(begun.releases["r2"], at)))


def test_the_first_cause_of_a_failure_stays_and_what_comes_late_is_told_below_it() -> None:
    failing = [*h.until_wave(), h.granted("all", "us-east"), h.unreachable("all", "us-east", "no answer")]
    late = h.refused("all", "us-east", "the grant is 71 s old")
    release = seen(*failing, late).releases["r2"]
    assert release.stages["all"].regions["us-east"] == RegionView(
        Mark.FAILED, "no answer", "the grant is 71 s old"
    )
    assert re.search(r"✘ us-east      no answer *\n.* {15}the grant is 71 s old", text(release_tree(release)))
    again = [*failing, h.granted("all", "us-east", attempt=2, fence=h.NEXT)]
    running = RegionView(Mark.RUNNING, "roll-out granted, attempt 2", "attempt 1: no answer")
    assert seen(*again).releases["r2"].stages["all"].regions["us-east"] == running
    told = seen(*again, late).releases["r2"].stages["all"].regions["us-east"]
    assert (told.mark, told.says, told.more) == (Mark.RUNNING, running.says, "the grant is 71 s old")


def test_a_rollback_with_a_debt_names_the_region_that_may_still_run_the_release() -> None:
    release = seen(
        *h.until_pilot(),
        h.halted("bad"),
        h.ordered("eu-west"),
        h.settled(debts=("eu-west",)),
        h.closed("taken back, but for eu-west"),
    ).releases["r2"]
    assert release.back == {"eu-west": RegionView(Mark.FAILED, "a debt: it may still run this release")}


def test_a_superseded_release_is_over_and_the_newer_one_is_not() -> None:
    view = seen(h.queued("r2"), h.queued("r3", "v3"), h.superseded("r2", by="r3"))
    assert view.releases["r2"].state is State.SUPERSEDED
    assert [release.release for release in view.of("payments") if not release.over] == ["r3"]


def test_topics_that_are_read_in_another_order_show_the_same() -> None:
    """The last deployments before the first releases, as when a consumer reads topic by topic."""
    history = h.messages(h.good())
    by_topic = sorted(history, key=lambda message: message.body.topic)
    assert by_topic != history
    assert fold(by_topic).releases == fold(history).releases
    assert fold(reversed(history)).releases == fold(history).releases


def test_events_of_a_release_that_was_queued_before_what_is_read_show_nothing() -> None:
    assert seen(*h.good()[1:]).releases == {}


def test_the_releases_that_ended_long_ago_are_forgotten_and_those_under_way_are_not() -> None:
    ended = [body for n in range(KEPT + 5) for body in (h.queued(f"o{n}"), h.superseded(f"o{n}", by="r"))]
    view = seen(h.queued("first"), *ended)
    assert len(view.releases) == KEPT + 1
    assert "first" in view.releases
    assert "o4" not in view.releases
    assert "o5" in view.releases


def test_versions_are_named_as_people_call_them() -> None:
    view = seen(h.queued("r1", "v1", digest=h.OLD), *h.until_pilot(), h.ordered("eu-west"), h.back("eu-west"))
    assert "eu-west      runs v1 again" in text(release_tree(view.releases["r2"]))


def test_a_digest_in_a_sentence_is_named_as_a_whole_or_not_at_all() -> None:
    view = seen(h.queued())
    assert (
        view.names.told(f"{h.NEW} is queued, and 020202020202.")
        == "v2 (sha256:020202020202…) is queued, and v2."
    )
    other = [f"sha256:{'02' * 31}0a", f"pkg:oci/payments@{h.NEW}", f"sha256:{'02' * 33}", "02" * 32,
             "f81d4fae-7dec-11d0-a765-020202020202", h.OLD]  # fmt: skip
    assert [view.names.told(f"{text} is told") for text in other] == [f"{text} is told" for text in other]


def test_versions_that_share_a_tag_are_told_with_their_digests_and_another_applications_are_not() -> None:
    view = seen(h.queued("r2"), h.queued("r3", digest="sha256:" + "03" * 32))
    assert text(release_tree(view.releases["r2"])).startswith("payments v2 (020202020202)  queued")
    assert view.names.told("eu-west runs 030303030303 again") == "eu-west runs v2 (030303030303) again"
    view = seen(h.queued("r2"))
    view.names.learn("orders", Artifact(purl="pkg:oci/orders", digest=h.OLD, tag="v2"))
    assert view.names.told("020202020202 and 010101010101") == "v2 and v2"


# --- the tree ---------------------------------------------------------------------------------------------


def test_the_tree_shows_stages_regions_and_reasons() -> None:
    shown = text(release_tree(seen(*h.until_wave(), h.granted("all", "us-east")).releases["r2"]))
    assert shown.splitlines()[0].rstrip() == "payments v2  in production"
    assert "✔ eu-west      pilot has 10% of the traffic" in shown
    assert "▶ us-east      roll-out granted" in shown
    assert "· watch" in shown


HOSTILE = "[red]bold[/red] [link=http://x]y[/link] \x1b[2J\x1b]8;;http://x\x07z\nnext\r\u202eback \x9b31m"
SHOWN = r"[red]bold[/red] [link=http://x]y[/link] \x1b[2J\x1b]8;;http://x\x07z\nnext\r\u202eback \x9b31m"


def test_text_from_events_reaches_a_terminal_as_text_in_the_tree() -> None:
    view = seen(
        h.queued(tag=HOSTILE),
        *h.until_pilot()[1:],
        h.failed("pilot", HOSTILE),
        h.broken("pilot", "eu-west", HOSTILE),
        h.closed(HOSTILE),
    )
    out = text(release_tree(view.releases["r2"]), width=400)
    assert out.count(SHOWN) == 4, "the label, the release's, the stage's and the region's"
    assert not set(out) & set("\x1b\r\x07\x9b\u202e")


def test_text_from_events_reaches_a_terminal_as_text_in_a_line() -> None:
    says = line(h.waiting("pilot", HOSTILE))
    assert says == f"verdicts    pilot: waiting. {SHOWN}"


def test_a_key_and_a_tag_from_elsewhere_are_text_in_the_lines_of_watch() -> None:
    view = seen(h.queued(tag="v2\x1b[31m"), h.started())
    message = h.messages([h.ordered("eu-west", to=h.NEW)])[0]
    odd = Message(message.body, "1", "/x", "a\x1b[1m", message.at, "rollback", 9)
    says = told(odd, view)
    assert says is not None
    assert "\x1b" not in says
    assert r"ordered to stay with v2\x1b[31m" in says


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (h.queued(), "releases    v2 starts at once"),
        (h.granted("all", "us-east", attempt=2), "verdicts    all: deploy granted to us-east (fence 4.0.2, attempt 2)"),
        (h.failed("pilot", "bad"), "verdicts    pilot: FAIL. bad"),
        (h.waiting("pilot", "10 s"), "verdicts    pilot: waiting. 10 s"),
        (h.waiting("pilot", "it failed", WaitingFor.COORDINATOR), "verdicts    pilot: it failed"),
        (h.halted("5 of 100 fail"), "rollbacks   halted in eu-west, us-east"),
        (h.passed("pilot", "pilot"), "verdicts    pilot: passed"),
        (h.passed("watch", "watch"), None),
        (h.deployed("all", "us-east"), "deployments us-east runs 020202020202"),
        (h.ordered("us-east"), "rollbacks   us-east ordered back to 010101010101"),
        (h.ordered("us-east", to=None), "rollbacks   us-east ordered: clones go"),
        (h.settled(), "rollbacks   settled. v2 was taken back"),
        (h.progressed("all", "us-east"), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Payload) else "",
)  # fmt: skip
def test_an_event_is_one_line_with_its_topic_in_front_or_none_if_it_says_nothing_new(
    body: Payload, says: str | None
) -> None:
    assert line(body) == says


# --- watch ------------------------------------------------------------------------------------------------


def test_watch_says_what_to_do_where_there_is_no_release_yet() -> None:
    assert "no release yet; announce an artifact with `lockgate publish`" in text(drawn(View(), None))
    assert "no release of payments yet" in text(drawn(View(), "payments"))


def test_watch_shows_what_is_under_way_and_below_it_what_ended_last_and_was_superseded_since() -> None:
    view = seen(
        h.queued("r1", "v1"),
        h.queued("r2", "v2"),
        h.queued("r3", "v3"),
        h.queued("r4", "v4"),
        h.superseded("r3", by="r4"),
        h.superseded("r1", by="r4"),
    )
    titles = [row.strip() for row in text(drawn(view, "payments")).splitlines() if row.startswith("payments")]
    assert titles == [
        "payments v2  queued",
        "payments v4  queued",
        "payments v3  superseded",
        "payments v1  superseded",
    ]
    assert "v4 took its place in the queue" in text(drawn(view, "payments"))
    assert "no release of other yet" in text(drawn(view, "other"))


@pytest.mark.parametrize("width", [20, 40])
def test_nothing_is_wider_than_a_narrow_terminal(width: int) -> None:
    shown = text(drawn(seen(*h.good()), None), width=width)
    assert max(len(row.rstrip()) for row in shown.splitlines()) <= width
    assert "eu-preprod" in shown
