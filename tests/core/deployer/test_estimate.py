"""How long a roll-out will take, said before it begins."""

from typing import Any

import pytest

from lockgate.deployer.estimate import Estimate, RollOut, start_of
from lockgate.deployer.estimate import estimate as estimate_of
from tests.support.deployer import deployment


def pod(made: str, ready: str, *, is_ready: bool = True, restarts: int = 0) -> dict[str, Any]:
    condition = {
        "type": "Ready",
        "status": "True" if is_ready else "False",
        "lastTransitionTime": f"2026-11-30T{ready}Z",
    }
    return {
        "metadata": {"name": "payments-1", "creationTimestamp": f"2026-11-30T{made}Z"},
        "status": {"conditions": [condition], "containerStatuses": [{"restartCount": restarts}]},
    }


def rolls(pods: int, surge: int | str, unavailable: int | str, **spec: Any) -> dict[str, Any]:
    bounds = {"maxSurge": surge, "maxUnavailable": unavailable}
    return deployment(replicas=pods, strategy={"type": "RollingUpdate", "rollingUpdate": bounds}, **spec)


def estimate(
    found: dict[str, Any], start: float, left: float, pods: int | None = None, **bounds: Any
) -> Estimate:
    return estimate_of(RollOut.of(found, start, pods), left, **bounds)


def test_a_start_is_the_median_of_the_pods_that_are_ready() -> None:
    pods = [
        pod("10:00:00", "10:00:30"),
        pod("10:00:00", "10:00:32"),
        pod("10:00:00", "10:09:00"),  # it was unready once
        pod("10:00:00", "10:20:00", restarts=1),
        pod("10:00:00", "10:00:01", is_ready=False),
    ]
    assert start_of(pods) == 32.0


def test_nobody_guesses_where_no_pod_is_ready() -> None:
    assert start_of([]) is None
    assert start_of([pod("10:00:00", "10:00:01", is_ready=False)]) is None
    assert start_of([{"metadata": {"creationTimestamp": "2026-11-30T10:00:00Z"}}]) is None


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (rolls(10, "25%", "25%"), 60.0),  # 3 more and 2 fewer: two waves of five
        (rolls(10, 1, 0), 300.0),
        (rolls(10, 0, 1), 300.0),
        (rolls(10, "100%", 0), 30.0),
        (rolls(10, 40, 0), 30.0),
        (rolls(1, "25%", "25%"), 30.0),
        (rolls(1000, "25%", "25%"), 60.0),
        (rolls(1000, 100, 0), 300.0),
        (rolls(10, "25%", "25%", minReadySeconds=10), 80.0),
        (deployment(replicas=10), 60.0),  # nothing said is 25% and 25%
        (deployment(replicas=10, strategy={"type": "Recreate"}), 30.0),
    ],
)
def test_it_takes_as_many_starts_as_there_are_waves(found: dict[str, Any], seconds: float) -> None:
    assert estimate(found, 30.0, 600.0).seconds == seconds


def test_it_is_said_in_words() -> None:
    assert estimate(rolls(10, "25%", "25%"), 30.0, 300.0).text == (
        "10 pods in 2 waves of 5, of which each takes about 30 s as running pods took: "
        "about 60 s of the 300 s that there are."
    )


def test_what_does_not_fit_gets_the_smallest_surge_that_leaves_a_sixth_of_the_time_over() -> None:
    said = estimate(rolls(100, 5, 0), 30.0, 300.0)
    assert (said.seconds, said.surge) == (240.0, 13)
    assert said.text == (
        "100 pods in 8 waves of 13, of which each takes about 30 s as running pods took: about 240 s of the 300 s that there "
        "are. With the Deployment's own maxSurge, 5, it would be about 600 s: maxSurge is 13 until the roll-out is over."
    )
    assert estimate(rolls(100, 13, 0), 30.0, 300.0).surge is None
    assert "fit" not in estimate(rolls(100, 13, 0), 30.0, 300.0).text


@pytest.mark.parametrize(
    ("found", "start", "left", "seconds", "surge"),
    [
        (rolls(100, 10, 0), 30.0, 300.0, 300.0, None),  # it fits, though with nothing to spare
        (rolls(100, "5%", 0), 30.0, 300.0, 240.0, 13),
        (rolls(100, 1, 4), 30.0, 300.0, 240.0, 9),  # what may be missing counts, and stays as it is
        (rolls(100, 0, 5), 30.0, 300.0, 600.0, None),  # its owner lets no pod run beside its own
        (
            rolls(4, 0, "10%"),
            30.0,
            60.0,
            120.0,
            None,
        ),  # without a surge Kubernetes takes one pod away: no more with one
        (rolls(100, 1, 0), 30.0, 36.0, 30.0, 100),
        (rolls(100, 1, 0), 30.0, 31.0, 30.0, 100),  # nothing to spare, but it fits
        (rolls(100, 60, 0), 30.0, 65.0, 60.0, None),
        (rolls(100, 50, 0), 30.0, 59.0, 30.0, 100),
        (rolls(100, 5, 0, minReadySeconds=10), 30.0, 300.0, 240.0, 17),
        (rolls(100, 5, 0), 30.0, 20.0, 600.0, None),
        (deployment(replicas=100, strategy={"type": "Recreate"}), 30.0, 31.0, 30.0, None),
        (rolls(1, 1, 0), 30.0, 31.0, 30.0, None),
    ],
)
def test_a_surge_is_chosen_where_one_makes_it_fit(
    found: dict[str, Any], start: float, left: float, seconds: float, surge: int | None
) -> None:
    said = estimate(found, start, left)
    assert (said.seconds, said.surge) == (seconds, surge)


def test_what_is_left_of_an_attempt_before_is_all_that_counts() -> None:
    said = estimate(rolls(100, 5, 0), 30.0, 300.0, pods=20)
    assert (said.seconds, said.surge) == (120.0, None)
    assert said.text.startswith("20 pods in 4 waves of 5,")


def test_a_surge_that_may_not_be_written_is_said_with_what_to_do() -> None:
    said = estimate(rolls(100, 5, 0), 30.0, 300.0, hindered="Argo CD owns it.")
    assert (said.seconds, said.surge) == (600.0, None)
    assert said.text.endswith(
        " That does not fit: set maxSurge of the Deployment to 10, or let it be raised. Argo CD owns it."
    )
    assert "Argo CD" not in estimate(rolls(100, 10, 0), 30.0, 300.0, hindered="Argo CD owns it.").text


def test_no_more_is_chosen_than_the_region_has_room_for() -> None:
    assert estimate(rolls(100, 5, 0), 30.0, 300.0, most=0.13).surge == 13
    assert estimate(rolls(100, 5, 0), 30.0, 300.0, most=0.12).surge == 10  # which fits, with nothing to spare
    said = estimate(rolls(100, 5, 0), 30.0, 300.0, most=0.09)
    assert (said.seconds, said.surge) == (600.0, None)
    assert said.text.endswith(
        " That does not fit: set maxSurge of the Deployment to 10, or let it be raised. The settings of the region's deployer "
        "have it raised to 9% of the pods at most."
    )
    assert estimate(rolls(100, 5, 0), 30.0, 300.0, most=0.0).surge is None


def test_no_surge_helps_where_one_pod_takes_longer_than_there_is_time() -> None:
    said = estimate(rolls(10, 1, 0), 30.0, 20.0)
    assert said.text.endswith(" That is too long for one pod: give the stage a budget of more than 30 s.")


def test_a_pod_that_was_ready_before_it_was_made_tells_nothing_for_its_nodes_clock_is_behind() -> None:
    assert start_of([pod("10:00:01", "10:00:00")]) is None
    assert start_of([pod("10:00:01", "10:00:00"), pod("10:00:00", "10:00:30")]) == 30.0


@pytest.mark.parametrize("start", [0.0, 30.0])
@pytest.mark.parametrize("budget", [-3.0, 0.0])
def test_a_deadline_that_is_over_is_no_time_and_asks_for_no_surge(start: float, budget: float) -> None:
    said = estimate(rolls(10, 1, 0), start, budget)
    assert said.seconds == 10 * start
    assert "of the 0 s that there are." in said.text
    assert "maxSurge" not in said.text
