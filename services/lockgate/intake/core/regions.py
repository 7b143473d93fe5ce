"""Under `*`: who serves a region. The first claim holds until an operator reassigns the region to another that was made."""

from datetime import datetime
from typing import Final

from lockgate.intake.core.answering import done, refused
from lockgate.intake.rows import Region, RegionNames
from lockgate.intake.words import listed, sentence
from lockgate.messages.decision import NOTHING, On, Rows, Step, emit, put
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.message import Message
from lockgate.messages.operations import OperationRefusal, Reassign
from lockgate.messages.releases import RegionAccepted, RegionRefused
from lockgate.messages.values import Place

MOST_CLAIMS: Final = 8
"""So many deployers that ask for one region are remembered, the last ones."""


def registered(rows: Rows, given: Message[RegionRegistered], _now: datetime) -> Step:
    """The same claim again is accepted again, without a change: each start of a deployer gets its answer, and
    whoever waits for the region hears of an accepted registration only.
    """
    place = given.body.place
    known = rows.get(Region, place.region)
    if known is None:
        return _first_claim(rows, place)
    others = tuple(claim for claim in known.claims if claim.deployer != place.deployer)
    if known.place != place:
        claims = (*others, place)[-MOST_CLAIMS:]
        refusal = RegionRefused(place=place, reason=_refusal(known.place, place))
        return _claimed(known, claims) + emit(refusal)
    return _claimed(known, others) + emit(RegionAccepted(place=place))


def _first_claim(rows: Rows, place: Place) -> Step:
    names = (rows.get(RegionNames) or RegionNames()).adding(place.region)
    return put(Region(place=place), place.region) + put(names) + emit(RegionAccepted(place=place))


def _claimed(known: Region, claims: tuple[Place, ...]) -> Step:
    """What each deployer that does not serve the region has asked for last."""
    if claims == known.claims:
        return NOTHING
    return put(known.model_copy(update={"claims": claims}), known.place.region)


def _refusal(serving: Place, claiming: Place) -> str:
    return sentence(
        f"{serving.region} is served by {_who(serving)}, and {_who(claiming)} claims it: an operator has to "
        f"reassign {serving.region} before anybody else serves it (lockgate reassign), or correct the deployer's settings"
    )


def reassigned(rows: Rows, given: Message[Reassign], _now: datetime) -> Step:
    """The deployer that asked for the region serves it, where it asked to: nobody has to write that down again."""
    region, deployer = given.body.region, given.body.deployer
    known = rows.get(Region, region)
    if known is None:
        told = f"no deployer ever asked for {region}: correct the name of the region"
        return refused(given, OperationRefusal.UNKNOWN_REGION, told)
    claim = next((claim for claim in known.claims if claim.deployer == deployer), None)
    if claim is None:
        return refused(given, *_not_claimed(known, deployer))
    others = tuple(other for other in known.claims if other != claim)
    return (
        put(Region(place=claim, claims=others), region)
        + emit(RegionAccepted(place=claim))
        + done(
            given,
            f"{region} is served by {_who(claim)} from the next release on, and no more by {_who(known.place)}; what was "
            "released before is taken back by whoever served the region then",
        )
    )


def _not_claimed(known: Region, deployer: str) -> tuple[OperationRefusal, str]:
    region = known.place.region
    if known.place.deployer == deployer:
        return OperationRefusal.SERVED_ALREADY, f"{region} is served by {_who(known.place)} already"
    others = f"; it was asked for by {listed(_who(claim) for claim in known.claims)}" if known.claims else ""
    return OperationRefusal.NOT_CLAIMED, (
        f"the deployer {deployer} has not asked for {region}, so it is not known in which cluster it would serve it: "
        f"start it with {region} in its settings, and reassign it then{others}"
    )


def _who(place: Place) -> str:
    return f"the deployer {place.deployer} (cluster {place.cluster}, namespace {place.namespace})"


REGISTERED = On(registered, lambda given: ((Region, given.body.place.region),))
REASSIGNED = On(reassigned, lambda given: ((Region, given.body.region),))
