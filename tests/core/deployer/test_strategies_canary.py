"""Steps of a canary: the release's one clone is taken over, grows before its share, and never has more than the step's."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.deployer.objects import may_miss
from lockgate.deployer.reports import Deployed, Failed, Fenced, Piloted
from lockgate.deployer.strategies.beside import no_share
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Create, Delete, Kind, Patch, Stuck, Wait
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from tests.support.deployer import NEW, OLD, OTHER, ROUTELESS, deployment, target
from tests.support.deployer_cluster import Held

CLONE, PILOT = (Kind.DEPLOYMENT, "payments-canary-7"), (Kind.DEPLOYMENT, "payments-pilot-7")


def step(at: str, share: float, **changes: Any) -> Any:
    return target(at, share=share, **changes)


def replicas(held: Held) -> int:
    return int(held.objects[CLONE]["spec"]["replicas"])


def ran(*shares: float, **changes: Any) -> Held:
    """A canary that came so far, step by step, undisturbed."""
    held = Held()
    for number, share in enumerate(shares, start=1):
        assert isinstance(held.carry_out(canary, step(f"7.0.{number}", share, **changes)), Piloted)
    return held


def test_each_step_goes_on_with_the_same_clone_and_gives_it_the_steps_share() -> None:
    held = ran(0.25)
    first = held.objects[CLONE]["metadata"]["uid"]
    assert held.weights == [("payments", 750), ("payments-canary-7", 250)]
    held.carry_out(canary, step("7.0.2", 0.5))
    assert held.weights == [("payments", 500), ("payments-canary-7", 500)]
    answer = held.carry_out(canary, step("7.0.3", 1.0))
    assert answer == Piloted(share=1.0, pilot_pods="payments-canary-7-", baseline_pods="payments-")
    assert held.weights == [("payments", 0), ("payments-canary-7", 1000)]
    assert (held.objects[CLONE]["metadata"]["uid"], replicas(held)) == (first, 4)
    assert held.image == f"registry.example/payments@{OLD}"


def test_the_clone_grows_before_its_share_does() -> None:
    held = ran(0.25)
    said = []
    while not isinstance(found := canary(step("7.0.2", 0.5), held.live()), Piloted):
        assert isinstance(found, Patch)
        paths = [str(each["path"]) for each in found.operations if each["op"] == "replace"]
        said.append(f"{found.kind} {found.name}{''.join(f' {path}' for path in paths)}")
        assert held.do(found)
    assert said == [
        "Deployment payments-canary-7",
        "Service payments-canary-7",
        "Deployment payments",
        "HTTPRoute payments",
        "Deployment payments-canary-7 /spec/replicas",
        "HTTPRoute payments /spec/rules/0/backendRefs",
    ]


def test_a_clone_that_is_not_ready_at_its_new_size_keeps_the_share_of_before() -> None:
    held = ran(0.25)
    for _ in range(5):
        held.do(canary(step("7.0.2", 0.5), held.live()))
    held.objects[CLONE]["status"]["availableReplicas"] = 1
    assert isinstance(canary(step("7.0.2", 0.5), held.live()), Wait)
    assert held.weights == [("payments", 750), ("payments-canary-7", 250)]


def test_the_same_step_again_writes_nothing_at_any_share() -> None:
    for share in (0.25, 1.0):
        assert isinstance(canary(step("7.0.1", share), ran(share).live()), Piloted)


def test_the_pilots_clone_is_taken_over_with_its_traffic() -> None:
    held = Held()
    held.carry_out(pilot, step("7.0.1", 0.5))
    uid = held.objects[PILOT]["metadata"]["uid"]
    held.carry_out(canary, step("7.0.2", 0.25))
    assert held.objects[PILOT]["metadata"]["uid"] == uid
    assert (
        held.objects[PILOT]["spec"]["replicas"] == 2
    )  # it may serve half of the traffic when it is looked at
    assert held.weights == [("payments", 750), ("payments-pilot-7", 250)]
    assert CLONE not in held.objects


@pytest.mark.parametrize("harm", ["another digest", "given up", "going"])
def test_a_clone_that_is_not_sound_is_made_anew(harm: str) -> None:
    held = ran(0.25)
    clone, uid, at = held.objects[CLONE], held.objects[CLONE]["metadata"]["uid"], "7.0.2"
    match harm:
        case "another digest":
            clone["spec"]["template"]["spec"]["containers"][1]["image"] = f"payments@{OTHER}"
            assert isinstance(
                held.carry_out(canary, step(at, 0.5)), Failed
            )  # somebody did that: it is said once
            at = "7.0.3"
        case "given up":
            clone["status"]["conditions"] = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
        case _:
            clone["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
            waiting = [canary(step("7.0.2", 0.5), held.live())]
            while not isinstance(waiting[-1], Wait):
                assert held.do(waiting[-1])
                waiting.append(canary(step("7.0.2", 0.5), held.live()))
            del held.objects[CLONE]
    assert isinstance(held.carry_out(canary, step(at, 0.5)), Piloted)
    assert held.objects[CLONE]["metadata"]["uid"] != uid
    assert held.weights == [("payments", 500), ("payments-canary-7", 500)]


def test_another_attempt_lowers_the_share_before_it_waits_for_the_clone() -> None:
    held = ran(0.25, 1.0)
    held.objects[CLONE]["status"]["availableReplicas"] = 0
    again = step("7.0.3", 0.25)
    while isinstance(found := canary(again, held.live()), Patch):
        assert held.do(found)
    assert isinstance(found, Wait)
    assert held.weights == [("payments", 750), ("payments-canary-7", 250)]


@pytest.mark.parametrize("harm", ["gone", "given up", "another digest"])
def test_a_clone_that_cannot_serve_has_no_share_while_another_is_made(harm: str) -> None:
    held, at = ran(0.25), "7.0.2"
    harmed = held.objects[CLONE]
    if harm == "gone":
        del held.objects[CLONE]
    if harm == "given up":
        harmed["status"]["conditions"] = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
    if harm == "another digest":
        harmed["spec"]["template"]["spec"]["containers"][1]["image"] = f"payments@{OTHER}"
        assert isinstance(held.carry_out(canary, step(at, 0.5)), Failed)  # somebody did that: it is said once
        at = "7.0.3"
    made = []
    while isinstance(found := canary(step(at, 0.5), held.live()), Patch | Create | Delete):
        if isinstance(found, Create | Delete):
            made.append(held.weights)
        assert held.do(found)
    assert isinstance(found, Piloted)
    assert made
    assert all(weights == [("payments", 1)] for weights in made)
    assert held.weights == [("payments", 500), ("payments-canary-7", 500)]


@pytest.mark.parametrize("harm", ["gone", "another digest", "going"])
def test_the_same_step_again_takes_the_share_from_a_clone_that_was_harmed(harm: str) -> None:
    held = ran(0.25)
    if harm == "gone":
        del held.objects[CLONE]
    if harm == "another digest":
        held.objects[CLONE]["spec"]["template"]["spec"]["containers"][1]["image"] = f"payments@{OTHER}"
    if harm == "going":
        held.objects[CLONE]["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
    first = canary(step("7.0.1", 0.25), held.live())
    assert isinstance(first, Patch)
    assert held.do(first)
    assert held.weights == [("payments", 1)]


def test_the_clone_of_another_release_goes_first() -> None:
    held = ran(0.25)
    held.carry_out(canary, step("8.0.1", 0.5, release="release-8", digest=OTHER))
    assert held.weights == [("payments", 500), ("payments-canary-8", 500)]
    assert CLONE not in held.objects


def test_a_clone_that_kubernetes_gives_up_is_stuck_and_loses_its_share() -> None:
    held = ran(0.25)
    held.objects[CLONE]["status"]["conditions"] = [
        {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}
    ]
    stuck = canary(step("7.0.1", 0.25), held.live())
    assert isinstance(stuck, Stuck)
    assert "canary's clone payments-canary-7 in eu-west did not become ready" in stuck.reason
    undo = no_share(step("7.0.1", 0.25), held.live())
    assert undo is not None
    assert held.do(undo)
    assert held.weights == [("payments", 1)]


def test_production_rolls_beside_the_clone_that_serves_and_then_the_clone_goes() -> None:
    held = ran(0.25, 1.0)
    assert held.carry_out(rolling, target("7.0.3")) == Deployed()
    assert held.image == f"registry.example/payments@{NEW}"
    assert held.weights == [("payments", 1)]
    assert held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]


@pytest.mark.parametrize("shares", [(0.25,), (0.25, 0.5), (0.25, 0.5, 1.0)])
def test_a_rollback_at_any_step_leaves_all_old_and_no_clone(shares: tuple[float, ...]) -> None:
    held = ran(*shares)
    held.carry_out(rollback, target("7.2.1", digest=OLD, bad=NEW))
    assert held.image == f"registry.example/payments@{OLD}"
    assert held.weights == [("payments", 1)]
    assert held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]


def test_a_late_step_withdraws_the_clone_that_it_made_after_a_newer_one() -> None:
    held = ran(0.25)
    late = canary(step("7.0.1", 0.25), Held().live())
    assert isinstance(late, Patch)
    held.carry_out(rollback, target("7.2.1", digest=OLD, bad=NEW))
    assert not held.do(late)
    assert isinstance(canary(step("7.0.2", 0.5), held.live()), Fenced)


# --- by share of replicas -------------------------------------------------------------------------------------


def test_without_a_route_the_clone_has_exactly_the_pods_of_the_steps_share() -> None:
    held = Held()
    held.objects[Kind.DEPLOYMENT, "payments"] = deployment(replicas=6)
    sizes = []
    for number, share in enumerate((0.15, 0.3, 0.5), start=1):
        answer = held.carry_out(canary, step(f"7.0.{number}", share, workload=ROUTELESS))
        assert isinstance(answer, Piloted)
        assert answer.share <= share
        sizes.append(replicas(held))
    assert sizes == [1, 2, 6]
    assert (Kind.SERVICE, "payments-canary-7") not in held.objects


def test_without_a_route_a_smaller_share_is_fewer_pods_again() -> None:
    held = Held()
    held.carry_out(pilot, step("7.0.1", 0.5, workload=ROUTELESS))
    held.carry_out(canary, step("7.0.2", 0.25, workload=ROUTELESS))
    assert held.objects[PILOT]["spec"]["replicas"] == 1


# --- sizes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pods", "strategy", "missing"),
    [
        (4, {}, 1),
        (3, {}, 0),
        (10, {"rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}, 2),
        (10, {"rollingUpdate": {"maxUnavailable": 3}}, 3),
        (2, {"rollingUpdate": {"maxUnavailable": 3}}, 2),
        (10, {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}, 0),
        (4, {"rollingUpdate": {"maxUnavailable": "10%", "maxSurge": 0}}, 1),
        (4, {"type": "Recreate"}, 4),
    ],
)
def test_what_a_roll_out_may_take_away_is_counted_as_kubernetes_does(
    pods: int, strategy: dict[str, Any], missing: int
) -> None:
    assert may_miss(deployment(replicas=pods, strategy=strategy)) == missing


def test_a_canarys_clone_makes_up_for_what_productions_own_roll_out_takes_away() -> None:
    held = Held()
    held.objects[Kind.DEPLOYMENT, "payments"] = deployment(
        replicas=10, strategy={"rollingUpdate": {"maxUnavailable": "50%"}}
    )
    held.carry_out(canary, step("7.0.1", 0.1))
    assert replicas(held) == 5
    assert held.weights == [("payments", 900), ("payments-canary-7", 100)]


@settings(max_examples=60, deadline=None)
@given(
    pods=st.integers(1, 12),
    shares=st.lists(st.integers(1, 100), min_size=1, max_size=5, unique=True).map(sorted),
    routed=st.booleans(),
    again=st.lists(st.integers(0, 8), max_size=6),
)
def test_no_share_is_ever_above_the_steps_however_often_a_step_is_begun_again(
    pods: int, shares: list[int], routed: bool, again: list[int]
) -> None:
    held = Held()
    held.objects[Kind.DEPLOYMENT, "payments"] = deployment(replicas=pods)
    changes = {} if routed else {"workload": ROUTELESS}
    for number, percent in enumerate(shares, start=1):
        wanted = step(f"7.0.{number}", percent / 100, **changes)
        for count in again:  # a run that ended after so many writes
            for _ in range(count):
                match canary(wanted, held.live()):
                    case Patch() | Create() as write:
                        assert held.do(write)
                        assert share_of(held, pods, routed=routed) <= max(
                            percent / 100, least(pods, routed=routed)
                        )
                    case _:
                        break
        assert isinstance(held.carry_out(canary, wanted), Piloted)
        assert share_of(held, pods, routed=routed) <= max(percent / 100, least(pods, routed=routed))
    assert isinstance(held.carry_out(rolling, target("7.0.9", **changes)), Deployed)
    assert held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]


def least(pods: int, *, routed: bool) -> float:
    """The smallest share there is: a weight of 1, or one pod."""
    return 0.001 if routed else 1 / (pods + 1)


def share_of(held: Held, pods: int, *, routed: bool) -> float:
    if not routed:
        cloned = replicas(held) if CLONE in held.objects else 0
        return cloned / (pods + cloned)
    weights = dict(held.weights)
    return weights.get("payments-canary-7", 0) / sum(weights.values())


def test_a_region_that_cannot_have_a_clone_says_so_before_anything_is_written() -> None:
    held = Held()
    del held.objects[Kind.ROUTE, "payments"]
    refused = canary(step("7.0.1", 0.25), held.live())
    assert isinstance(refused, Failed)
    assert "There is no HTTPRoute payments" in refused.reason
