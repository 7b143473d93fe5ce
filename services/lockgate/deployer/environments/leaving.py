"""How environments go: by uid, pods before the policy that holds them back. Pure.

They go at the end of their step, by an order to go back, with the next environment of the application, and, whoever died
meanwhile, once nobody can need them any more: each says until when.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from lockgate.deployer.fencing import clone_fence
from lockgate.deployer.objects import (
    APPLICATION_LABEL,
    CLONE_LABEL,
    Json,
    annotations_of,
    is_going,
    labels_of,
    name_of,
    uid_of,
    version_of,
)
from lockgate.deployer.reports import Untouched
from lockgate.deployer.strategies.given import Delete, Kind, Next, Region, Target, Wait

UNTIL: Final = "lockgate.dev/until"


def departures(live: Region, chosen: Callable[[Json], bool]) -> Iterator[Delete]:
    """What of the chosen ones can go now. A policy goes once nothing is left that it holds back, or that makes such pods."""
    held = {
        *(name_of(clone) for clone in live.clones),
        *(labels_of(each).get(CLONE_LABEL, "") for each in (*live.replicasets, *live.pods)),
    }
    unheld = tuple(each for each in live.policies if name_of(each) not in held)
    for kind, objects in (
        (Kind.DEPLOYMENT, live.clones),
        (Kind.SERVICE, live.clone_services),
        (Kind.NETWORK_POLICY, unheld),
    ):
        for obj in filter(chosen, objects):
            if not is_going(obj):
                yield Delete(kind, name_of(obj), uid_of(obj), version_of(obj))


def leaving(live: Region, chosen: Callable[[Json], bool]) -> Delete | Wait | None:
    """The next thing to do until the chosen ones are gone; then None."""
    if (first := next(departures(live, chosen), None)) is not None:
        return first
    left = sum(map(chosen, (*live.clones, *live.clone_services, *live.policies)))
    return Wait(0, 0, f"{left} objects of environments have still to go.") if left else None


def gone(target: Target, live: Region) -> Next:
    """A strategy: Untouched once no environment of the application is left at or below the target's fence."""

    def its(obj: Json) -> bool:
        return (
            labels_of(obj).get(APPLICATION_LABEL) == target.application
            and clone_fence(obj).order <= target.fence.order
        )

    reason = f"In {target.region} a release is tried in an environment of its own. It is gone, and nothing else was written."
    return leaving(live, its) or Untouched(reason=reason)


def is_over(obj: Json, now: datetime) -> bool:
    """Whether nobody can need this any more. What says no time at all is no environment's."""
    text = annotations_of(obj).get(UNTIL)
    try:
        return text is not None and datetime.fromisoformat(text) < now
    except (ValueError, TypeError):  # somebody changed it, or it has no time zone
        return True
