"""Steps of strategies that end after any of their writes: begun again it is all new at the end, ordered back all old."""

from itertools import count

import pytest

from lockgate.deployer.reports import Deployed, RolledBack, Untouched
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Create, Delete, Kind, Next, Patch, Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from tests.support.deployer import NEW, OLD, ROUTELESS, WORKLOAD, target
from tests.support.deployer_cluster import Held, Strategy

STORIES: dict[str, tuple[tuple[Strategy, float], ...]] = {
    "pilot and rolling": ((pilot, 0.25), (rolling, 0.0)),
    "canary": ((canary, 0.25), (canary, 0.5), (rolling, 0.0)),
    "pilot and canary": ((pilot, 0.5), (canary, 0.25), (canary, 0.5), (rolling, 0.0)),
    "blue-green": ((green, 0.0), (switch, 1.0), (rolling, 0.0)),
    "pilot and blue-green": ((pilot, 0.25), (green, 0.0), (switch, 1.0), (rolling, 0.0)),
}
EACH = pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])
STORY = pytest.mark.parametrize("story", STORIES)


def steps(story: str, workload: Workload) -> list[tuple[Strategy, Target]]:
    numbered = enumerate(STORIES[story], start=1)
    return [
        (strategy, target(f"7.0.{number}", workload=workload, share=share))
        for number, (strategy, share) in numbered
    ]


def one_write(held: Held, strategy: Strategy, wanted: Target) -> Next | None:
    """A run that ends after its first write; its answer, if there was nothing to write."""
    match strategy(wanted, held.live()):
        case Patch() | Create() | Delete() as write:
            assert held.do(write), write
            return None
        case answer:
            return answer


def at_rest(held: Held) -> bool:
    """No clone, no share, no switch."""
    return (
        held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]
        and held.weights == [("payments", 1)]
        and held.objects[Kind.SERVICE, "payments"]["spec"]["selector"] == {"app": "payments"}
    )


@EACH
@STORY
def test_begun_again_after_each_of_its_writes_it_is_all_new_at_the_end(
    story: str, workload: Workload
) -> None:
    held, answer = Held(), None
    for strategy, wanted in steps(story, workload):
        answer = None
        while answer is None:
            answer = one_write(held, strategy, wanted)
    assert answer == Deployed()
    assert held.image == f"registry.example/payments@{NEW}"
    assert at_rest(held)


@EACH
@STORY
def test_ordered_back_after_any_of_its_writes_it_is_all_old_at_the_end(
    story: str, workload: Workload
) -> None:
    for writes in count():
        held, ended = Held(), after(story, workload, writes)
        for strategy, wanted in ended:
            one_write(held, strategy, wanted)
        back = target("7.2.1", digest=OLD, bad=NEW, workload=workload)
        answer = None
        while answer is None:  # the order's runs end after each write as well
            answer = one_write(held, rollback, back)
        assert isinstance(answer, RolledBack | Untouched)
        assert held.image == f"registry.example/payments@{OLD}", f"after {writes} writes"
        assert at_rest(held), f"after {writes} writes"
        if len(ended) < writes:
            return


def after(story: str, workload: Workload, writes: int) -> list[tuple[Strategy, Target]]:
    """Whose turn each of the first so many writes is; fewer if the story has no more."""
    held = Held()
    turns: list[tuple[Strategy, Target]] = []
    for strategy, wanted in steps(story, workload):
        while len(turns) < writes and one_write(held, strategy, wanted) is None:
            turns.append((strategy, wanted))
    return turns
