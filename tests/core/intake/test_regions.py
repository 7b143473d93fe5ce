"""Who serves a region: the first claim holds."""

from lockgate.intake.rows import Region, RegionNames
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.operations import Reassign
from lockgate.messages.releases import RegionAccepted, RegionRefused, ReleaseStarted
from lockgate.messages.values import EVERY
from tests.support.desk import Desk
from tests.support.intake import announced, empty_desk, place, registered
from tests.support.intake import desk as usual_desk
from tests.support.operators import answer, give


def test_the_first_claim_is_accepted_and_remembered() -> None:
    at_desk = empty_desk()
    assert at_desk.give(registered("us-east")) == [RegionAccepted(place=place("us-east"))]
    assert at_desk.give(registered("eu-west")) == [RegionAccepted(place=place("eu-west"))]
    assert at_desk.row(Region, EVERY, "eu-west").place == place("eu-west")
    assert at_desk.row(RegionNames, EVERY) == RegionNames(names=("eu-west", "us-east"), total=2)


def test_the_same_claim_again_is_accepted_again_and_changes_nothing() -> None:
    at_desk = empty_desk()
    at_desk.give(registered("eu-west"))
    before = dict(at_desk.rows)
    assert at_desk.give(registered("eu-west")) == [RegionAccepted(place=place("eu-west"))]
    assert at_desk.rows == before


def test_another_deployer_is_refused_with_who_serves_the_region() -> None:
    at_desk = empty_desk()
    at_desk.give(registered("eu-west", "one"))
    (refused,) = at_desk.give(registered("eu-west", "two", cluster="c2"))
    assert isinstance(refused, RegionRefused)
    assert refused.place.deployer == "two"
    assert refused.reason == (
        "eu-west is served by the deployer one (cluster c1, namespace prod), and the deployer two (cluster c2, "
        "namespace prod) claims it: an operator has to reassign eu-west before anybody else serves it "
        "(lockgate reassign), or correct the deployer's settings"
    )
    assert at_desk.row(Region, EVERY, "eu-west").place == place("eu-west", "one")


def test_the_same_deployer_with_another_cluster_is_refused() -> None:
    at_desk = empty_desk()
    at_desk.give(registered("eu-west", "one", cluster="c1"))
    (refused,) = at_desk.give(registered("eu-west", "one", cluster="c2"))
    assert isinstance(refused, RegionRefused)
    assert at_desk.row(Region, EVERY, "eu-west").place.cluster == "c1"


def of(*claims: RegionRegistered) -> Desk:
    """Intake after these deployers have started, in this order."""
    at_desk = empty_desk()
    for claim in claims:
        at_desk.give(claim)
    return at_desk


def reassign(deployer: str, region: str = "eu-west") -> Reassign:
    return Reassign(region=region, deployer=deployer, who="ann", why="the cluster was built anew")


def reassigned(at_desk: Desk, deployer: str, region: str = "eu-west") -> tuple[str, str]:
    """How that was answered, and with which words."""
    answered = answer(at_desk, reassign(deployer, region))
    assert answered.application is None
    return answered.code or "done", answered.reason


def served_by(at_desk: Desk, region: str = "eu-west") -> tuple[str, str]:
    serving = at_desk.row(Region, EVERY, region).place
    return serving.deployer, serving.cluster


def test_an_operator_gives_a_region_to_the_deployer_that_asked_for_it() -> None:
    at_desk = of(registered("eu-west", "one", cluster="c1"), registered("eu-west", "two", cluster="c2"))
    given = give(at_desk, reassign("two"))
    assert RegionAccepted(place=place("eu-west", "two", cluster="c2")) in given
    assert served_by(at_desk) == ("two", "c2")
    assert at_desk.give(registered("eu-west", "two", cluster="c2")) == [
        RegionAccepted(place=place("eu-west", "two", cluster="c2"))
    ]
    (refused,) = at_desk.give(registered("eu-west", "one", cluster="c1"))
    assert isinstance(refused, RegionRefused), "who served it before asks in vain now"


def test_what_was_done_is_said_with_who_serves_it_and_who_does_no_more() -> None:
    at_desk = of(registered("eu-west", "one", cluster="c1"), registered("eu-west", "two", cluster="c2"))
    assert reassigned(at_desk, "two") == (
        "done",
        (
            "eu-west is served by the deployer two (cluster c2, namespace prod) from the next release on, and no more by the "
            "deployer one (cluster c1, namespace prod); what was released before is taken back by whoever served the region "
            "then"
        ),
    )


def test_a_cluster_that_was_built_anew_is_served_by_the_deployer_that_served_the_old_one() -> None:
    at_desk = of(registered("eu-west", "one", cluster="c1"), registered("eu-west", "one", cluster="c2"))
    assert reassigned(at_desk, "one")[0] == "done"
    assert served_by(at_desk) == ("one", "c2")


def test_of_what_one_deployer_asked_for_the_last_counts() -> None:
    at_desk = of(*(registered("eu-west", "one", cluster=cluster) for cluster in ("c2", "c3", "c4", "c5")))
    assert served_by(at_desk) == ("one", "c2")
    assert reassigned(at_desk, "one")[0] == "done"
    assert served_by(at_desk) == ("one", "c5")


def test_what_was_asked_for_by_mistake_counts_no_more_once_it_is_corrected() -> None:
    at_desk = of(registered("eu-west", "one", cluster="c1"), registered("eu-west", "one", cluster="c2"))
    at_desk.give(registered("eu-west", "one", cluster="c1"))
    assert reassigned(at_desk, "one") == (
        "served-already",
        "eu-west is served by the deployer one (cluster c1, namespace prod) already",
    )


def test_nobody_gets_a_region_that_it_has_not_asked_for() -> None:
    at_desk = of(registered("eu-west", "one", cluster="c1"), registered("eu-west", "two", cluster="c2"))
    assert reassigned(at_desk, "three") == (
        "not-claimed",
        (
            "the deployer three has not asked for eu-west, so it is not known in which cluster it would serve it: start it "
            "with eu-west in its settings, and reassign it then; it was asked for by the deployer two (cluster c2, namespace prod)"
        ),
    )
    assert served_by(at_desk) == ("one", "c1")


def test_a_region_that_nobody_ever_asked_for_is_not_known() -> None:
    assert reassigned(empty_desk(), "one", "moon") == (
        "unknown-region",
        "no deployer ever asked for moon: correct the name of the region",
    )


def test_the_last_eight_that_asked_are_remembered() -> None:
    at_desk = of(registered("eu-west", "one"), *(registered("eu-west", f"other-{n}") for n in range(9)))
    assert [claim.deployer for claim in at_desk.row(Region, EVERY, "eu-west").claims] == [
        f"other-{n}" for n in range(1, 9)
    ]
    assert reassigned(at_desk, "other-0")[0] == "not-claimed"
    assert reassigned(at_desk, "other-8")[0] == "done"


def test_a_release_goes_where_the_region_is_served_when_it_starts() -> None:
    at_desk = usual_desk()
    at_desk.give(registered("eu-west", "two", cluster="c2"))
    assert reassigned(at_desk, "two")[0] == "done"
    (started,) = [
        event for event in at_desk.give(announced(1), writer="ci") if isinstance(event, ReleaseStarted)
    ]
    assert started.places["eu-west"] == place("eu-west", "two", cluster="c2")
    assert started.places["us-east"] == place("us-east", "one", cluster="c1")
