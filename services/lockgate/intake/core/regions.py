"""Under `*`: who serves a region. The first claim holds until an operator reassigns the region."""

from datetime import datetime

from lockgate.intake.rows import Region, RegionNames
from lockgate.intake.words import sentence
from lockgate.messages.decision import On, Rows, Step, emit, put
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.message import Message
from lockgate.messages.releases import RegionAccepted, RegionRefused
from lockgate.messages.values import Place


def registered(rows: Rows, given: Message[RegionRegistered], _now: datetime) -> Step:
    """The same claim again is accepted again, without a change: each start of a deployer gets its answer, and
    whoever waits for the region hears of an accepted registration only.
    """
    place = given.body.place
    known = rows.get(Region, place.region)
    if known is None:
        return _first_claim(rows, place)
    if known.place != place:
        return emit(RegionRefused(place=place, reason=_refusal(known.place, place)))
    return emit(RegionAccepted(place=place))


def _first_claim(rows: Rows, place: Place) -> Step:
    names = (rows.get(RegionNames) or RegionNames()).adding(place.region)
    return put(Region(place=place), place.region) + put(names) + emit(RegionAccepted(place=place))


def _refusal(serving: Place, claiming: Place) -> str:
    return sentence(
        f"{serving.region} is served by {_who(serving)}, and {_who(claiming)} claims it: an operator has to "
        f"reassign {serving.region} before anybody else serves it, or correct the deployer's settings"
    )


def _who(place: Place) -> str:
    return f"the deployer {place.deployer} (cluster {place.cluster}, namespace {place.namespace})"


REGISTERED = On(registered, lambda given: ((Region, given.body.place.region),))
