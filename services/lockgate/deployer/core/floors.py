"""Fences: the floor of a region rises with everything seen, and what runs below it is cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.deployer.core.rows import RegionState, Running, ServedPlace, higher
from lockgate.messages.decision import NOTHING, CancelWork, Rows, StartWork, Step, put
from lockgate.messages.rollbacks import FlagsOrdered, RollbackOrdered
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Granted


@dataclass(frozen=True, slots=True)
class Served:
    """Who this deployer is and what it serves: region -> namespace."""

    name: str
    namespaces: Mapping[str, str]


def slot(region: str) -> str:
    """The name of the work in a region: one at a time for an application, so a newer one replaces an older."""
    return f"step {region}"


def state_of(rows: Rows, region: str) -> RegionState:
    return rows.get(RegionState, region) or RegionState()


def raised(rows: Rows, region: str, fence: Fence) -> Step:
    """The floor at `fence` or above; running work below it is cancelled, for it could write no more."""
    state = state_of(rows, region)
    floor = higher(fence, state.floor)
    if state.running is not None and state.running.fence.order < floor.order:
        quiet = state.model_copy(update={"floor": floor, "running": None})
        return put(quiet, region) + Step(work=(CancelWork(slot(region)),))
    return NOTHING if floor == state.floor else put(state.model_copy(update={"floor": floor}), region)


def begun(rows: Rows, region: str, fence: Fence, work: StartWork) -> Step:
    """The floor at `fence`, and its work in the region's slot, in place of whatever was there."""
    state = state_of(rows, region)
    running = state.model_copy(update={"floor": higher(fence, state.floor), "running": Running(fence=fence)})
    return put(running, region) + Step(work=(work,))


def not_served(rows: Rows, served: Served, command: Granted | RollbackOrdered | FlagsOrdered) -> str | None:
    """Why this deployer is not the one to obey a command, or None if it is."""
    region = command.region
    namespace = served.namespaces.get(region)
    if namespace is None:
        return f"The deployer {served.name} does not serve the region {region}: see its LOCKGATE_DEPLOYER_REGIONS."
    known = rows.shared(ServedPlace, region)
    if known is None:
        return f"The region {region} is not registered yet: its cluster has not answered the deployer {served.name}."
    here = (known.place.cluster, namespace)
    if here != (command.cluster, command.namespace):
        return (
            f"The region {region} is the namespace {here[1]} of the cluster {here[0]} here, but the command names "
            f"{command.namespace} of {command.cluster}: reassign the region."
        )
    return None


def below(state: RegionState, fence: Fence) -> str | None:
    """Why a fence is not above the floor, or None if it is."""
    if fence.order > state.floor.order:
        return None
    return f"The fence {fence} is not above {state.floor}, the newest seen for this application and region."
