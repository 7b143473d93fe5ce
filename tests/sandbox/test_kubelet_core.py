"""A pod's container by the pure kubelet core: start, crash, back-off, a missing image."""

from lockgate.sandbox.behaviour import HEALTHY, Behaviour, digest_of
from lockgate.sandbox.kubelet import Run, advance, is_up, pod_status, serves

NOW = 1_800_000_000.0
POD = {
    "metadata": {"uid": "01234567-0000-0000-0000-000000000000", "name": "web-1", "namespace": "shop"},
    "spec": {"containers": [{"name": "app", "image": "registry.example/web@sha256:" + "a" * 64}]},
}


def test_a_container_serves_after_its_start_time_and_says_when() -> None:
    slow = Behaviour(start_seconds=3)
    run, due = advance(Run(NOW), slow, 10, NOW + 1)
    assert (due, serves(run, slow, NOW + 1), serves(run, slow, NOW + 3)) == (NOW + 3, False, True)
    assert advance(run, slow, 10, NOW + 3)[1] is None


def test_back_off_doubles_with_every_crash() -> None:
    crashing = Behaviour(crash_after_seconds=1)
    run, due = advance(Run(NOW), crashing, 10, NOW + 1)
    assert (run.restarts, due) == (0, NOW + 11)
    run, due = advance(run, crashing, 10, NOW + 11)
    assert (run.restarts, is_up(run, crashing), due) == (1, True, NOW + 12)
    run, due = advance(run, crashing, 10, NOW + 12)
    assert (is_up(run, crashing), due) == (False, NOW + 32)


def test_a_long_look_away_counts_every_restart() -> None:
    # Crashes at 1, 12, 33 and 74; the last leaves it down until 154.
    run, due = advance(Run(NOW), Behaviour(crash_after_seconds=1), 10, NOW + 100)
    assert (run.restarts, due) == (3, NOW + 154)


def test_the_status_names_the_reason_to_wait() -> None:
    crashing = Behaviour(crash_after_seconds=0)
    run, _ = advance(Run(NOW), crashing, 10, NOW)
    state = pod_status(POD, run, crashing, NOW)["containerStatuses"][0]["state"]
    assert state["waiting"]["reason"] == "CrashLoopBackOff"
    missing = pod_status(POD, Run(NOW), Behaviour(missing=True), NOW)
    assert missing["phase"] == "Pending"
    assert missing["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert "podIP" not in missing


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    first = pod_status(POD, Run(NOW), HEALTHY, NOW)
    later = pod_status({**POD, "status": first}, Run(NOW), HEALTHY, NOW + 50)
    assert later == first


def test_a_digest_is_taken_from_the_image_reference() -> None:
    digest = "sha256:" + "b" * 64
    assert digest_of(f"registry.example/team/web:1.2@{digest}") == digest
    assert digest_of("web:1.2") == "web:1.2"
