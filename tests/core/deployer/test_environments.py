"""An environment comes into being and goes, one thing after the other, and nothing else is written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lockgate.deployer.environments.leaving import departures, gone, is_over
from lockgate.deployer.environments.making import Making
from lockgate.deployer.environments.region import tried
from lockgate.deployer.objects import name_of
from lockgate.deployer.reports import Failed, Fenced, Prepared, Untouched
from lockgate.deployer.strategies.given import Create, Delete, Kind, Next, Region, Stuck, Target, Wait
from lockgate.messages.environments import Environment
from tests.support.deployer import NEW, OLD, deployment, fence, service, target

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ASKED = Environment.model_validate(
    {
        "replicas": 2,
        "egress": [{"cidr": "10.20.0.0/16", "ports": [443]}, {"namespace": "test-db", "ports": [5432]}],
    }
)
MAKING = Making(ASKED, "shop", NOON)
TRIED = tried(target("7.0.1"))
NAME, SERVICE = "payments-env-7", "payments-env-7"


def live(**more: Any) -> Region:
    return Region(deployment(), service(), **more)


def made(create: Next, **status: Any) -> dict[str, Any]:
    assert isinstance(create, Create)
    metadata = {
        **create.body["metadata"],
        "uid": f"uid-{create.kind}",
        "resourceVersion": "1",
        "generation": 1,
    }
    return {**create.body, "metadata": metadata, "status": status}


def built(at: Target = TRIED) -> Region:
    """What is there when all of it was made."""
    region = live()
    region = live(policies=(made(MAKING(at, region)),))
    region = live(policies=region.policies, clone_services=(made(MAKING(at, region)),))
    ready = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 2)
    clone = made(MAKING(at, region), observedGeneration=1, **ready)
    return live(policies=region.policies, clone_services=region.clone_services, clones=(clone,))


def test_the_policy_comes_first_then_the_service_then_the_pods() -> None:
    whole = built()
    assert MAKING(TRIED, whole) == Prepared()
    assert [name_of(each) for each in (*whole.policies, *whole.clone_services, *whole.clones)] == [
        NAME,
        SERVICE,
        NAME,
    ]
    for each in (*whole.policies, *whole.clone_services, *whole.clones):
        assert each["metadata"]["annotations"] == {
            "lockgate.dev/fence": "7.0.1",
            "lockgate.dev/application": "payments",
            "lockgate.dev/release": "release-7",
            "lockgate.dev/until": "2026-11-30T12:00:00+00:00",
        }
        assert each["metadata"]["labels"]["lockgate.dev/clone"] == NAME


def test_nobody_is_talked_to_but_dns_and_whom_the_plan_names() -> None:
    spec = built().policies[0]["spec"]
    assert spec["podSelector"] == {"matchLabels": {"lockgate.dev/clone": NAME}}
    assert spec["policyTypes"] == ["Egress"]
    named = [
        (rule["to"], [(each["protocol"], each["port"]) for each in rule["ports"]]) for rule in spec["egress"]
    ]
    label = "kubernetes.io/metadata.name"
    assert named == [
        ([{"namespaceSelector": {"matchLabels": {label: "kube-system"}}}], [("UDP", 53), ("TCP", 53)]),
        ([{"ipBlock": {"cidr": "10.20.0.0/16"}}], [("TCP", 443), ("UDP", 443)]),
        ([{"namespaceSelector": {"matchLabels": {label: "test-db"}}}], [("TCP", 5432), ("UDP", 5432)]),
    ]


def test_the_clone_is_small_and_runs_the_candidate_by_its_digest() -> None:
    clone = built().clones[0]["spec"]
    assert clone["replicas"] == 2
    assert clone["selector"] == {"matchLabels": {"lockgate.dev/clone": NAME}}
    assert [each["image"] for each in clone["template"]["spec"]["containers"]] == [
        "log:1",
        f"registry.example/payments@{NEW}",
    ]


def test_nothing_of_the_live_pods_metadata_comes_with_them() -> None:
    workload = deployment()
    workload["spec"]["template"]["metadata"] |= {
        "annotations": {"k8s.v1.cni.cncf.io/networks": "shop/storage-net"},
        "finalizers": ["example.com/kept"],
    }
    whole = built()
    region = Region(workload, service(), policies=whole.policies, clone_services=whole.clone_services)
    clone = MAKING(TRIED, region)
    assert isinstance(clone, Create)
    assert clone.body["spec"]["template"]["metadata"] == {
        "labels": {
            "lockgate.dev/application": "payments",
            "lockgate.dev/clone": NAME,
            "app.kubernetes.io/managed-by": "lockgate",
        }
    }


def test_pods_are_waited_for_and_those_that_do_not_come_are_said() -> None:
    whole = built()
    coming = {**whole.clones[0], "status": {"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2}}
    assert isinstance(MAKING(TRIED, live(**parts(whole, coming))), Wait)
    condition = {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}
    late = {**coming, "status": {**coming["status"], "conditions": [condition]}}
    assert isinstance(MAKING(TRIED, live(**parts(whole, late))), Stuck)


def parts(whole: Region, clone: dict[str, Any]) -> dict[str, Any]:
    return {"policies": whole.policies, "clone_services": whole.clone_services, "clones": (clone,)}


@pytest.mark.parametrize(
    ("region", "said"),
    [
        (Region(None, service()), "There is no Deployment payments"),
        (Region(deployment(), None), "There is no Service payments in the namespace shop"),
        (
            Region(deployment(), {**service(), "spec": {"selector": {"app": "other"}, "ports": []}}),
            "does not select the Deployment's pods",
        ),
        (
            Region(deployment(marks={"lockgate.dev/fence": "seven"}), service()),
            "is 'seven' and no fence",
        ),
    ],
)
def test_what_cannot_be_cloned_is_refused_before_anything_is_written(region: Region, said: str) -> None:
    answer = MAKING(TRIED, region)
    assert isinstance(answer, Failed)
    assert said in answer.reason


def test_a_reference_without_an_override_is_refused_before_anything_is_written() -> None:
    workload = deployment()
    workload["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "keys"}}]
    answer = MAKING(TRIED, Region(workload, service()))
    assert isinstance(answer, Failed)
    assert "No environment can be made from payments in the namespace shop" in answer.reason
    assert "write overrides: {secrets: {keys: ITS-NAME}} into the stage" in answer.reason


def test_an_environment_never_talks_to_where_the_live_workload_runs() -> None:
    asked = Environment.model_validate({"egress": [{"namespace": "shop", "ports": [80]}]})
    answer = Making(asked, "shop", NOON)(TRIED, live())
    assert isinstance(answer, Failed)
    assert "lets the environment talk to the namespace shop" in answer.reason


def test_names_that_are_too_long_are_refused() -> None:
    workload = TRIED.workload.model_copy(update={"deployment": "d" * 60})
    long = deployment()
    long["metadata"]["name"] = "d" * 60
    answer = MAKING(tried(target(workload=workload)), Region(long, service()))
    assert isinstance(answer, Failed)
    assert "63 is the most" in answer.reason


def test_an_earlier_environment_goes_before_a_new_one_is_made() -> None:
    left = built(tried(target("6.0.1")))
    first = MAKING(TRIED, left)
    assert isinstance(first, Delete)
    assert (first.kind, first.name) == (Kind.DEPLOYMENT, "payments-env-6")


def test_another_attempt_of_the_release_begins_with_an_environment_of_its_own() -> None:
    assert isinstance(MAKING(tried(target("7.0.2")), built()), Delete)


def test_a_step_that_is_outdated_writes_nothing() -> None:
    answer = MAKING(tried(target("6.0.9")), built())
    assert isinstance(answer, Fenced)
    assert answer.live == fence("7.0.1")


@pytest.mark.parametrize("left", ["pods", "replicasets"])
def test_pods_and_what_makes_them_go_before_the_policy_that_holds_them_back(left: str) -> None:
    whole = built()
    order: list[tuple[Kind, str, str]] = []
    owned: dict[str, Any] = {left: ({"metadata": {"name": "p", "labels": {"lockgate.dev/clone": NAME}}},)}
    region = live(clones=whole.clones, clone_services=whole.clone_services, policies=whole.policies, **owned)
    for _ in range(10):
        match gone(TRIED, region):
            case Delete(kind=kind, name=name, uid=uid):
                order.append((kind, name, uid))
                region = Region(
                    None,
                    clones=region.clones if kind is not Kind.DEPLOYMENT else (),
                    clone_services=region.clone_services if kind is not Kind.SERVICE else (),
                    policies=region.policies if kind is not Kind.NETWORK_POLICY else (),
                    **owned,
                )
            case Wait():
                assert [kind for kind, _, _ in order] == [Kind.DEPLOYMENT, Kind.SERVICE]
                region = Region(None, policies=region.policies)  # they have ended
            case answer:
                assert isinstance(answer, Untouched)
                break
    assert order == [
        (Kind.DEPLOYMENT, NAME, "uid-Deployment"),
        (Kind.SERVICE, SERVICE, "uid-Service"),
        (Kind.NETWORK_POLICY, NAME, "uid-NetworkPolicy"),
    ]


def test_an_order_takes_what_is_at_or_below_its_fence_and_no_newer_environment() -> None:
    newer = built(tried(target("8.0.1")))
    assert isinstance(gone(tried(target("7.2.1")), newer), Untouched)
    assert isinstance(gone(tried(target("8.2.1", digest=OLD)), newer), Delete)


def test_what_nobody_needs_any_more_goes_whoever_died() -> None:
    whole = built()
    late, early = NOON + timedelta(seconds=1), NOON - timedelta(seconds=1)
    assert not list(departures(whole, lambda obj: is_over(obj, early)))
    swept = [each.kind for each in departures(whole, lambda obj: is_over(obj, late))]
    assert swept == [Kind.DEPLOYMENT, Kind.SERVICE]  # the policy goes with the next sweep, after its pods


@pytest.mark.parametrize(("until", "over"), [(None, False), ("soon", True), ("2026-11-30T11:00:00", True)])
def test_what_says_no_time_is_no_environments_and_what_says_a_wrong_one_is_nobodys(
    until: str | None, over: bool
) -> None:
    marks = {} if until is None else {"lockgate.dev/until": until}
    assert is_over(deployment(marks=marks), NOON) is over
