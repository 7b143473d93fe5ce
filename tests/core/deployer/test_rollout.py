"""Why a roll-out does not go on: what its pods say, and what Kubernetes says of pods that it could not make."""

from typing import Any

from lockgate.deployer.rollout import Rolling, rollout_status, waiting_reasons
from tests.support.deployer import deployment

QUOTA = 'pods "payments-7d4f-x2" is forbidden: exceeded quota: shop, requested: pods=1, used: pods=6, limited: pods=6'
REFUSED = "Pods are not made: FailedCreate (" + QUOTA + ")."


def refused() -> dict[str, Any]:
    """Two of four pods were refused."""
    found = deployment()
    found["status"] |= {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    found["status"]["conditions"] = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA}
    ]
    return found


def pod(reason: str) -> dict[str, Any]:
    waiting = {"name": "app", "state": {"waiting": {"reason": reason, "message": "no such image"}}}
    return {
        "metadata": {"name": "payments-1", "labels": {"app": "payments", "tier": "backend"}},
        "status": {"containerStatuses": [waiting]},
    }


def test_the_progress_of_a_roll_out_says_at_once_that_pods_are_refused() -> None:
    reason = f"payments: 2 of 4 pods are of the new version. {REFUSED}"
    assert rollout_status(refused()) == Rolling(2, 4, reason)


def test_a_failure_names_refused_pods_and_those_that_wait() -> None:
    assert waiting_reasons(refused(), []) == REFUSED
    waiting = "Waiting pods: ErrImagePull in 1 pod (payments-1: no such image)."
    assert waiting_reasons(refused(), [pod("ErrImagePull")]) == f"{REFUSED} {waiting}"


def test_a_refusal_that_is_over_is_not_said() -> None:
    found = refused()
    found["status"]["conditions"][0]["status"] = "False"
    assert waiting_reasons(found, []) == ""
