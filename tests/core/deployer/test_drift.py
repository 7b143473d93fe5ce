"""Somebody else changes an image or a share in the middle of a release: the step says so, and the next attempt begins anew."""

from typing import Any

import pytest

from lockgate.deployer.reports import Deployed, Failed, Piloted, RolledBack
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Kind, Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from tests.support.deployer import MESHED, NEW, OLD, OTHER, ROUTELESS, WORKLOAD, destination, virtual_service
from tests.support.deployer import target as step_of
from tests.support.deployer_cluster import Held, Strategy

PRODUCTION = (Kind.DEPLOYMENT, "payments")
WHO = "find out who owns it (kubectl get --show-managed-fields), as Helm, Argo CD or Flux, and have them leave its "


def target(at: str, **changes: Any) -> Target:
    return step_of(at, **{"share": 0.25, **changes})


def somebody_sets_the_image(held: Held, of: tuple[Kind, str], image: str) -> None:
    held.objects[of]["spec"]["template"]["spec"]["containers"][1]["image"] = image


FIRST: dict[str, tuple[Strategy, ...]] = {
    "pilot": (pilot,),
    "canary": (canary,),
    "green": (green,),
    "switch": (green, switch),
}
IMAGE = (
    f"Somebody set the image of payments in eu-west to registry.example/payments@{OTHER} in the middle of this release, "
    f"which had found {OLD}: {WHO}image alone, or abort the release if it is to stay."
)


@pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])
@pytest.mark.parametrize("begun", FIRST)
@pytest.mark.parametrize(
    ("after", "more"), [(canary, ""), (switch, ""), (rolling, " The Deployment was not rolled.")]
)
def test_another_image_of_production_is_said_by_the_next_step_and_stays(
    workload: Any, begun: str, after: Strategy, more: str
) -> None:
    held = Held()
    for grant, strategy in enumerate(FIRST[begun], 1):
        held.carry_out(strategy, target(f"7.0.{grant}", workload=workload))
    somebody_sets_the_image(held, PRODUCTION, f"registry.example/payments@{OTHER}")
    told = held.carry_out(after, target("7.0.9", workload=workload))
    assert told == Failed(reason=IMAGE + more)
    assert held.image == f"registry.example/payments@{OTHER}"


def test_what_a_release_did_itself_is_no_drift() -> None:
    held = Held()
    held.carry_out(canary, target("7.0.1"))
    somebody_sets_the_image(
        held, PRODUCTION, f"registry.example/payments@{NEW}"
    )  # a roll-out that failed later
    assert isinstance(held.carry_out(canary, target("7.0.3")), Piloted)
    held.carry_out(rollback, target("7.1.1", digest=OTHER, bad=NEW, touched=True))
    assert isinstance(held.carry_out(canary, target("7.2.2")), Piloted)


def test_an_order_goes_back_from_whatever_somebody_has_set() -> None:
    held = Held()
    held.carry_out(canary, target("7.0.1"))
    somebody_sets_the_image(held, PRODUCTION, f"registry.example/payments@{OTHER}")
    back = target("7.1.1", digest=OLD, bad=NEW, touched=True)
    assert held.carry_out(rollback, back) == RolledBack(digest=OLD)
    assert held.image == f"registry.example/payments@{OLD}"


def test_what_ran_before_the_release_may_have_been_set_by_anybody() -> None:
    held = Held()
    held.carry_out(rolling, target("6.0.1", release="release-6", digest=OLD))
    somebody_sets_the_image(held, PRODUCTION, f"registry.example/payments@{OTHER}")
    assert held.carry_out(rolling, target("7.0.1")) == Deployed()


@pytest.mark.parametrize(
    ("begun", "after", "name"),
    [
        (pilot, canary, "payments-pilot-7"),
        (canary, canary, "payments-canary-7"),
        (green, switch, "payments-green-7"),
    ],
)
def test_another_image_of_a_clone_is_said_once_and_then_a_new_clone_is_made(
    begun: Strategy, after: Strategy, name: str
) -> None:
    held = Held()
    held.carry_out(begun, target("7.0.1"))
    somebody_sets_the_image(held, (Kind.DEPLOYMENT, name), "registry.example/payments:debug")
    assert held.carry_out(after, target("7.0.2")) == Failed(
        reason=(
            f"Somebody set the image of {name} in eu-west to registry.example/payments:debug after Lockgate had "
            f"made it with {NEW}: {WHO}image alone."
        )
    )
    assert isinstance(held.carry_out(after, target("7.0.3")), Piloted)
    (clone,) = held.live().clones
    assert clone["spec"]["template"]["spec"]["containers"][1]["image"] == f"registry.example/payments@{NEW}"


def meshed() -> Held:
    held = Held()
    del held.objects[Kind.ROUTE, "payments"]
    held.objects[Kind.VIRTUAL_SERVICE, "payments"] = virtual_service({"route": [destination("payments")]})
    return held


def refs_of(held: Held) -> list[dict[str, Any]]:
    """The references of the one rule that there is."""
    kind = Kind.ROUTE if (Kind.ROUTE, "payments") in held.objects else Kind.VIRTUAL_SERVICE
    rules, refs = ("rules", "backendRefs") if kind is Kind.ROUTE else ("http", "route")
    found: list[dict[str, Any]] = held.objects[kind, "payments"]["spec"][rules][0][refs]
    return found


@pytest.mark.parametrize("weights", [(100, 900), (1, None)], ids=["another share", "none"])
@pytest.mark.parametrize("kind", [Kind.ROUTE, Kind.VIRTUAL_SERVICE])
def test_another_share_is_said_once_and_then_given_anew(kind: Kind, weights: tuple[int, int | None]) -> None:
    held, workload = (Held(), WORKLOAD) if kind is Kind.ROUTE else (meshed(), MESHED)
    held.carry_out(canary, target("7.0.1", workload=workload))
    refs = refs_of(held)
    assert [each["weight"] for each in refs] == [750, 250]
    refs[0]["weight"] = weights[0]
    if weights[1] is None:
        del refs[1]
    else:
        refs[1]["weight"] = weights[1]
    told = held.carry_out(canary, target("7.0.2", workload=workload, share=0.5))
    was = (
        "traffic there, and took it away"
        if weights[1] is None
        else "25.0% of the traffic there, and made it 90.0%"
    )
    assert told == Failed(
        reason=(
            f"Somebody wrote the {kind} payments in eu-west after Lockgate had given payments-canary-7 {was}: {WHO}"
            "weights or its selector alone."
        )
    )
    assert isinstance(held.carry_out(canary, target("7.0.3", workload=workload, share=0.5)), Piloted)
    assert [each["weight"] for each in refs_of(held)] == [500, 500]


def test_a_roll_out_beside_a_share_that_somebody_changed_is_refused() -> None:
    held = Held()
    held.carry_out(canary, target("7.0.1", share=1.0))
    refs_of(held)[0]["weight"] = 500
    told = held.carry_out(rolling, target("7.0.2"))
    assert isinstance(told, Failed)
    assert told.reason.startswith(
        "Somebody wrote the HTTPRoute payments in eu-west after Lockgate had given payments-canary-7 100.0% of the "
        "traffic there, and made it 66.7%: "
    )
    assert held.image == f"registry.example/payments@{OLD}"


def test_a_selector_that_somebody_put_back_is_said_before_production_rolls() -> None:
    held = Held()
    held.carry_out(green, target("7.0.1", workload=ROUTELESS))
    held.carry_out(switch, target("7.0.2", workload=ROUTELESS, share=1.0))
    held.objects[Kind.SERVICE, "payments"]["spec"]["selector"] = {"app": "payments"}
    told = held.carry_out(rolling, target("7.0.3", workload=ROUTELESS))
    assert told == Failed(
        reason=(
            "Somebody wrote the Service payments in eu-west after Lockgate had given payments-green-7 traffic there, and "
            f"took it away: {WHO}weights or its selector alone. The Deployment was not rolled."
        )
    )


def test_other_weights_and_rules_are_nobodys_drift() -> None:
    held = Held()
    held.carry_out(canary, target("7.0.1"))
    refs_of(held).append({"group": "", "kind": "Service", "name": "static", "port": 80, "weight": 5})
    assert isinstance(held.carry_out(canary, target("7.0.2", share=0.5)), Piloted)
