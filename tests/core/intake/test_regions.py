"""Who serves a region: the first claim holds."""

from lockgate.intake.rows import Region, RegionNames
from lockgate.messages.releases import RegionAccepted, RegionRefused
from lockgate.messages.values import EVERY
from tests.support.intake import empty_desk, place, registered


def test_the_first_claim_is_accepted_and_remembered() -> None:
    desk = empty_desk()
    assert desk.give(registered("us-east")) == [RegionAccepted(place=place("us-east"))]
    assert desk.give(registered("eu-west")) == [RegionAccepted(place=place("eu-west"))]
    assert desk.row(Region, EVERY, "eu-west").place == place("eu-west")
    assert desk.row(RegionNames, EVERY) == RegionNames(names=("eu-west", "us-east"), total=2)


def test_the_same_claim_again_is_accepted_again_and_changes_nothing() -> None:
    desk = empty_desk()
    desk.give(registered("eu-west"))
    before = dict(desk.rows)
    assert desk.give(registered("eu-west")) == [RegionAccepted(place=place("eu-west"))]
    assert desk.rows == before


def test_another_deployer_is_refused_with_who_serves_the_region() -> None:
    desk = empty_desk()
    desk.give(registered("eu-west", "one"))
    before = dict(desk.rows)
    (refused,) = desk.give(registered("eu-west", "two", cluster="c2"))
    assert isinstance(refused, RegionRefused)
    assert refused.place.deployer == "two"
    assert refused.reason == (
        "eu-west is served by the deployer one (cluster c1, namespace prod), and the deployer two (cluster c2, "
        "namespace prod) claims it: an operator has to reassign eu-west before anybody else serves it, or correct "
        "the deployer's settings"
    )
    assert desk.rows == before


def test_the_same_deployer_with_another_cluster_is_refused() -> None:
    desk = empty_desk()
    desk.give(registered("eu-west", "one", cluster="c1"))
    (refused,) = desk.give(registered("eu-west", "one", cluster="c2"))
    assert isinstance(refused, RegionRefused)
    assert desk.row(Region, EVERY, "eu-west").place.cluster == "c1"
