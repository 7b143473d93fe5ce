"""A clone is called by what it was made for, and a release goes on with the one that it has, whatever that is called."""

import pytest

from lockgate.deployer.reports import Deployed, Piloted, RolledBack
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Kind
from lockgate.deployer.strategies.names import (
    Role,
    clone_name,
    role_of,
    service_of_clone,
)
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from lockgate.verifier.core.measure import Pods
from tests.support.deployer import NEW, OLD, ROUTELESS, WORKLOAD, target
from tests.support.deployer_cluster import Held, Strategy

AT_REST = ["Deployment payments", "HTTPRoute payments", "Service payments"]
EACH = pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])


def clones(held: Held) -> list[str]:
    return [name for kind, name in held.objects if kind is Kind.DEPLOYMENT and name != "payments"]


@pytest.mark.parametrize(
    ("strategy", "name"),
    [(pilot, "payments-pilot-7"), (canary, "payments-canary-7"), (green, "payments-green-7")],
)
def test_a_clone_and_its_service_are_called_by_what_they_were_made_for(strategy: Strategy, name: str) -> None:
    held = Held()
    held.carry_out(strategy, target(share=0.25))
    assert clones(held) == [name]
    assert held.objects[Kind.DEPLOYMENT, name]["spec"]["selector"] == {
        "matchLabels": {"lockgate.dev/clone": name}
    }
    assert held.objects[Kind.SERVICE, name]["spec"]["selector"] == {"lockgate.dev/clone": name}


@EACH
def test_a_canary_goes_on_with_the_pilots_clone_under_its_name(workload: Workload) -> None:
    held = Held()
    held.carry_out(pilot, target("7.0.1", workload=workload, share=0.25))
    made = held.made
    answer = held.carry_out(canary, target("7.0.2", workload=workload, share=0.5))
    assert isinstance(answer, Piloted)
    assert answer.pilot_pods == "payments-pilot-7-"
    assert (clones(held), held.made) == (["payments-pilot-7"], made)


def test_a_green_side_that_an_older_version_called_a_pilot_gets_the_traffic() -> None:
    held = Held()
    held.carry_out(pilot, target("7.0.1", share=1.0))  # behind a route it is what that version made
    held.carry_out(green, target("7.0.2"))
    assert isinstance(held.carry_out(switch, target("7.0.3", share=1.0)), Piloted)
    assert held.weights == [("payments", 0), ("payments-pilot-7", 1000)]


ENDS: list[tuple[Strategy, str, type[object]]] = [(rolling, NEW, Deployed), (rollback, OLD, RolledBack)]


@EACH
@pytest.mark.parametrize("made_by", [pilot, canary, green])
@pytest.mark.parametrize(("end", "digest", "answer"), ENDS)
def test_whatever_a_clone_is_called_it_goes_in_the_end(
    workload: Workload, made_by: Strategy, end: Strategy, digest: str, answer: type[object]
) -> None:
    held = Held()
    held.carry_out(made_by, target("7.0.1", workload=workload, share=0.5))
    wanted = target("7.1.2", workload=workload, digest=digest, bad=NEW, touched=True)
    assert isinstance(held.carry_out(end, wanted), answer)
    assert held.names == AT_REST
    assert held.weights == [("payments", 1)]


def test_a_clone_that_cannot_be_gone_on_with_is_followed_by_one_with_the_steps_own_name() -> None:
    held = Held()
    held.carry_out(pilot, target("7.0.1", workload=ROUTELESS, share=0.25))
    held.carry_out(green, target("7.0.2", workload=ROUTELESS))
    assert clones(held) == ["payments-green-7"]


@pytest.mark.parametrize("role", Role)
def test_a_service_is_called_as_its_clone_and_known_again(role: Role) -> None:
    clone = clone_name("pay.ments-pilot-1", role, 12)
    assert clone == f"pay.ments-pilot-1-{role}-12"
    assert role_of(clone) is role
    assert service_of_clone("web", clone) == f"web-{role}-12"


@pytest.mark.parametrize("role", Role)
def test_the_verifier_finds_a_clones_service_by_the_name_of_its_pods(role: Role) -> None:
    clone = clone_name("pay.ments", role, 12)
    pods = Pods(namespace="shop", pilot=f"{clone}-", baseline="pay.ments-6d4f-", service="web", route=None)
    assert pods.pilot_service == service_of_clone("web", clone)
