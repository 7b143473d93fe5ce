"""The Deployment controller's pure core: rollouts without asyncio, time as an argument."""

from hypothesis import given
from hypothesis import strategies as st

from lockgate.sandbox.objects import is_ready, with_metadata
from lockgate.sandbox.rollout import REVISION
from tests.support.rollouts import World, deployment

NOW = 1_800_000_000.0


def running(replicas: int, **spec: object) -> World:
    """A deployment whose first version is rolled out."""
    world = World(deployment(replicas, **spec))
    world.settle(NOW)
    world.make_ready(NOW)
    world.settle(NOW)
    world.most_pods, world.fewest_ready = 0, 1_000_000
    return world


def rolling(surge: object, unavailable: object) -> dict[str, object]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def test_a_new_deployment_is_complete_once_its_pods_are_ready() -> None:
    world = World(deployment(3))
    world.settle(NOW)
    assert world.progressing() == ("True", "ReplicaSetUpdated")
    assert world.deployment["status"]["unavailableReplicas"] == 3
    world.make_ready(NOW)
    world.settle(NOW)
    assert world.progressing() == ("True", "NewReplicaSetAvailable")
    status = world.deployment["status"]
    assert {
        key: status[key] for key in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    } == {
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
    }
    assert "unavailableReplicas" not in status


def test_an_update_of_four_first_adds_one_and_takes_one_away() -> None:
    # 25 % of 4 is 1 both ways: at most 5 pods, at least 3 ready.
    world = running(4)
    world.new_image("app:v2")
    world.settle(NOW)
    assert world.images() == ["app:v1"] * 3 + ["app:v2"] * 2
    world.make_ready(NOW, "app:v2", most=1)
    world.settle(NOW)
    assert world.images() == ["app:v1"] * 2 + ["app:v2"] * 3


def test_percentages_round_surge_up_and_unavailable_down() -> None:
    # 25 % of 3 is 0.75: one more pod is allowed, none may be missing.
    world = running(3)
    world.new_image("app:v2")
    world.settle(NOW)
    assert world.images() == ["app:v1"] * 3 + ["app:v2"]


def test_a_finished_update_leaves_one_version_and_counts_a_revision() -> None:
    world = running(4)
    world.new_image("app:v2")
    for _ in range(10):
        world.settle(NOW)
        world.make_ready(NOW)
    assert world.images() == ["app:v2"] * 4
    assert world.progressing() == ("True", "NewReplicaSetAvailable")
    assert world.deployment["metadata"]["annotations"][REVISION] == "2"


def test_going_back_reuses_the_old_replica_set_under_a_new_revision() -> None:
    world = running(2)
    world.new_image("app:v2")
    for _ in range(5):
        world.settle(NOW)
        world.make_ready(NOW)
    world.new_image("app:v1")
    for _ in range(5):
        world.settle(NOW)
        world.make_ready(NOW)
    assert len(world.sets) == 2
    assert world.images() == ["app:v1"] * 2
    assert world.deployment["metadata"]["annotations"][REVISION] == "3"


def test_a_version_that_never_gets_ready_times_out_while_the_old_one_serves() -> None:
    world = running(4, progressDeadlineSeconds=10)
    world.new_image("app:v2")
    world.settle(NOW + 1)
    assert world.due == NOW + 11
    world.settle(NOW + 10.9)
    assert world.progressing() == ("True", "ReplicaSetUpdated")
    world.settle(NOW + 11)
    assert world.progressing() == ("False", "ProgressDeadlineExceeded")
    assert world.images().count("app:v1") == 3
    assert world.ready() == 3


def test_progress_starts_the_deadline_anew() -> None:
    world = running(4, progressDeadlineSeconds=10)
    world.new_image("app:v2")
    world.settle(NOW)
    world.make_ready(NOW + 9, "app:v2", most=1)
    world.settle(NOW + 9)
    world.settle(NOW + 18)
    assert world.progressing() == ("True", "ReplicaSetUpdated")
    world.settle(NOW + 19)
    assert world.progressing() == ("False", "ProgressDeadlineExceeded")


def test_a_ready_pod_counts_as_available_only_after_min_ready_seconds() -> None:
    world = World(deployment(1, minReadySeconds=5))
    world.settle(NOW)
    world.make_ready(NOW)
    world.settle(NOW + 4)
    assert world.deployment["status"].get("availableReplicas", 0) == 0
    world.settle(NOW + 5)
    assert world.deployment["status"]["availableReplicas"] == 1


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    world = running(2)
    world.change(paused=True)
    world.new_image("app:v2")
    world.change(replicas=4)
    world.settle(NOW)
    assert world.images() == ["app:v1"] * 4
    assert world.progressing() == ("Unknown", "DeploymentPaused")
    world.change(paused=False)
    world.settle(NOW)
    assert "app:v2" in world.images()


def test_recreate_waits_until_every_old_pod_is_gone() -> None:
    world = running(3, strategy={"type": "Recreate"})
    world.new_image("app:v2")
    world.settle(NOW)
    assert world.images() == ["app:v2"] * 3
    assert world.most_pods == 3


def test_scaling_in_the_middle_of_a_rollout_keeps_the_proportions() -> None:
    world = running(10, strategy=rolling(3, 2))
    world.new_image("app:v2")
    world.settle(NOW)
    # 13 pods at most and 8 ready at least: 8 old and 5 new.
    assert (world.images().count("app:v1"), world.images().count("app:v2")) == (8, 5)
    world.change(replicas=15)
    world.settle(NOW)
    # 18 allowed, 5 more: of 8 and 5 in 13 that is 3.08 and 1.92.
    assert (world.images().count("app:v1"), world.images().count("app:v2")) == (11, 7)


def test_old_empty_replica_sets_beyond_the_history_limit_are_deleted() -> None:
    world = running(1, revisionHistoryLimit=1)
    for number in range(2, 6):
        world.new_image(f"app:v{number}")
        for _ in range(4):
            world.settle(NOW)
            world.make_ready(NOW)
    assert len(world.sets) == 2


@given(
    replicas=st.integers(1, 12),
    surge=st.integers(0, 4),
    unavailable=st.integers(0, 4),
    at_once=st.integers(1, 5),
)
def test_no_rollout_leaves_its_limits(replicas: int, surge: int, unavailable: int, at_once: int) -> None:
    world = running(replicas, strategy=rolling(surge, unavailable))
    world.new_image("app:v2")
    for _ in range(2 * replicas + 4):
        world.settle(NOW)
        world.make_ready(NOW, most=at_once)
    world.settle(NOW)
    allowed = max(unavailable, 1 if surge == 0 else 0)
    assert world.images() == ["app:v2"] * replicas
    assert world.most_pods <= replicas + surge
    assert world.fewest_ready >= replicas - allowed


def test_recreate_starts_nothing_while_an_old_pod_still_ends() -> None:
    world = running(2, strategy={"type": "Recreate"})
    world.new_image("app:v2")
    for name, pod in world.pods.items():
        world.pods[name] = with_metadata(pod, deletionTimestamp="2027-01-15T08:00:30Z")
    world.settle(NOW)
    assert world.images() == ["app:v1"] * 2
    world.pods.clear()
    world.settle(NOW)
    assert world.images() == ["app:v2"] * 2


def test_a_shrinking_replica_set_gives_up_pods_that_are_not_ready_first() -> None:
    world = World(deployment(3))
    world.settle(NOW)
    world.make_ready(NOW, most=1)
    (serving,) = [name for name, pod in world.pods.items() if is_ready(pod)]
    world.change(replicas=1)
    world.settle(NOW)
    assert list(world.pods) == [serving]
