"""How a share of a workload's traffic reaches its clone: one small interface, chosen by the workload."""

from typing import Protocol

from lockgate.deployer.objects import Json
from lockgate.deployer.strategies.given import Patch, Region, Target
from lockgate.deployer.traffic.replicas import Replicas
from lockgate.deployer.traffic.routed import Routed
from lockgate.messages.values import Workload


class Traffic(Protocol):
    """Pure. Each patch is a whole change under the target's fence."""

    by_route: bool
    """Whether clones get traffic through a Service of their own. If not, they are pods of the production Service."""

    def missing(self, target: Target, live: Region) -> str | None:
        """What the region lacks for a share, as a sentence that says what to do; None if nothing."""

    def owned(self, target: Target, live: Region, *, apart: bool) -> str | None:
        """Which engine owns what is written for a share and would undo it, and how it hands that over; None if none does.

        `apart`: the share is to be all traffic, by a switch.
        """

    def replicas(self, share: float, production: int) -> int:
        """How many pods a clone gets for a share."""

    def share(self, target: Target, live: Region) -> float:
        """The nearest share that can be set: what is reported."""

    def give(self, target: Target, live: Region) -> Patch | None:
        """Sets the target's share for the target's clone; None if it is set."""

    def lower(self, target: Target, live: Region) -> Patch | None:
        """As `give`, but only where the clone has more than the target's share."""

    def take(self, target: Target, live: Region, keep: str | None = None) -> Patch | None:
        """All traffic of clones, but for the one that is kept, back to production; None if there is none."""

    def switch(self, target: Target, live: Region) -> Patch | None:
        """Sends all traffic to the target's clone in one write; None once that is so. Its pods are not production's."""

    def reaches(self, target: Target, live: Region, clone: str) -> bool:
        """Whether a route or a switched Service names this clone. Pods among production's do not count."""

    def part(self, target: Target, live: Region) -> float:
        """Of production's traffic, what the target's clone has by a route or a switch. At most, where rules differ."""

    def changed(self, target: Target, live: Region) -> str | None:
        """What gave the target's clone a share and gives it none, or another, though no step wrote that; and how."""

    def home(self, target: Target, live: Region) -> Json | None:
        """Production's Service as it is when no traffic is switched."""

    def claim(self, target: Target, live: Region) -> Patch | None:
        """Puts the target's fence on what shares are written to; None if it is there."""


def traffic_of(workload: Workload) -> Traffic:
    return Routed() if workload.route is not None else Replicas()


__all__ = ["Traffic", "traffic_of"]
