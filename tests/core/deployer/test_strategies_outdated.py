"""A step that a newer one of its own release has overtaken: whatever it still does, what serves by then stays."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lockgate.deployer.reports import Deployed, Fenced, Piloted, Prepared
from lockgate.deployer.strategies.beside import no_share
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Create, Delete, Kind, Next, Patch, Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from tests.support.deployer import ROUTELESS, WORKLOAD, target
from tests.support.deployer_cluster import Held, Strategy, Worker

CLONE = (Kind.DEPLOYMENT, "payments-canary-7")
EACH = pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])
Story = tuple[tuple[Strategy, float], ...]
BLUE_GREEN: Story = ((green, 0.0), (switch, 1.0), (rolling, 0.0))
STORIES: tuple[Story, ...] = (
    ((canary, 0.25), (canary, 0.5), (rolling, 0.0)),
    ((pilot, 0.5), (canary, 0.25), (rolling, 0.0)),
    ((canary, 0.25), (canary, 0.25), (canary, 0.5)),
    ((pilot, 0.25), (green, 0.0), (switch, 1.0)),
    BLUE_GREEN,
)


def way(story: Story, workload: Workload) -> list[tuple[Strategy, Target]]:
    return [
        (strategy, target(f"7.0.{number}", workload=workload, share=share))
        for number, (strategy, share) in enumerate(story, start=1)
    ]


def ran(story: Story, workload: Workload, steps: int) -> Held:
    held = Held()
    for strategy, wanted in way(story, workload)[:steps]:
        held.carry_out(strategy, wanted)
    return held


def written(held: Held, strategy: Strategy, wanted: Target) -> Next:
    """All that a step writes; what it says when there is nothing left to write."""
    while isinstance(found := strategy(wanted, held.live()), Patch | Create | Delete):
        held.do(found)
    return found


def traffic_is_answered(held: Held) -> bool:
    """Whether all that gets traffic is there."""
    selector = held.objects[Kind.SERVICE, "payments"]["spec"]["selector"]
    named = {name for name, weight in held.weights if weight} - {"payments"}
    by_route = all((kind, name) in held.objects for name in named for kind in (Kind.DEPLOYMENT, Kind.SERVICE))
    clone = selector.get("lockgate.dev/clone")
    return by_route and (clone is None or (Kind.DEPLOYMENT, clone) in held.objects)


def shown(held: Held) -> str:
    """All that there is, whichever of two steps made and named the clone."""
    selector = held.objects[Kind.SERVICE, "payments"]["spec"]["selector"]
    return re.sub(
        "-(pilot|canary|green)-7", "-clone-7", repr((held.names, held.weights, held.image, selector))
    )


@EACH
@pytest.mark.parametrize("writes", range(1, 5))
def test_a_switch_that_wakes_during_the_roll_out_leaves_the_green_side_that_serves(
    workload: Workload, writes: int
) -> None:
    held = ran(BLUE_GREEN, workload, 2)
    (_, late), (_, roll_out) = way(BLUE_GREEN, workload)[1:]
    for _ in range(writes):
        planned = rolling(roll_out, held.live())
        assert isinstance(planned, Patch | Delete)
        before = dict(held.objects)
        assert isinstance(written(held, switch, late), Fenced | Piloted)
        assert traffic_is_answered(held)
        assert before == held.objects
        assert held.do(planned)


@EACH
def test_the_clone_of_the_release_before_is_left_while_it_has_all_traffic(workload: Workload) -> None:
    held = ran(BLUE_GREEN, workload, 2)
    held.do(rolling(target("8.0.1", release="release-8", workload=workload), held.live()))
    assert isinstance(written(held, switch, way(BLUE_GREEN, workload)[1][1]), Fenced)
    assert traffic_is_answered(held)


def test_what_a_failed_attempt_was_about_to_delete_is_left_to_the_next_that_took_it_over() -> None:
    held = ran(((canary, 0.5),), ROUTELESS, 1)
    planned = no_share(target("7.0.1", workload=ROUTELESS, share=0.5), held.live())
    assert isinstance(planned, Delete)
    assert isinstance(held.carry_out(canary, target("7.0.2", workload=ROUTELESS, share=0.5)), Piloted)
    assert not held.do(planned)
    assert CLONE in held.objects


@EACH
def test_a_step_that_is_taken_over_is_outdated_before_the_deployment_says_so(workload: Workload) -> None:
    held = ran(((canary, 0.25),), workload, 1)
    first = canary(target("7.0.2", workload=workload, share=0.5), held.live())
    assert isinstance(first, Patch)
    assert first.name == "payments-canary-7"
    assert held.do(first)
    assert isinstance(canary(target("7.0.1", workload=workload, share=0.25), held.live()), Fenced)
    assert CLONE in held.objects


@example(STORIES[1], 1, WORKLOAD, [False] * 9)  # a late pilot's clone beside a canary that has its share
@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(STORIES),
    st.integers(1, 2),
    st.sampled_from([WORKLOAD, ROUTELESS]),
    st.lists(st.booleans(), max_size=60),
)
def test_a_step_stands_however_the_one_before_it_is_interleaved(
    story: Story, newer: int, workload: Workload, turns: list[bool]
) -> None:
    steps = way(story, workload)
    held = ran(story, workload, newer - 1)
    late, now = (Worker(held, *steps[number]) for number in (newer - 1, newer))
    served = True
    for mine in [*turns, *([True] * 80), *([False] * 80)]:
        (now if mine else late).move()
        served = served and traffic_is_answered(held)
    assert served
    assert isinstance(now.answer, Piloted | Prepared | Deployed)
    assert isinstance(late.answer, Fenced | Piloted | Prepared | Deployed)
    alone = ran(story, workload, newer + 1)
    assert shown(held) == shown(alone)
