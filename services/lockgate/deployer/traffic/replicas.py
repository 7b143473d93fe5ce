"""Where there is no route: a share is that of the clone's pods among all that the Service selects. Pure."""

from lockgate.deployer.objects import replicas_of
from lockgate.deployer.strategies.given import Patch, Region, Target
from lockgate.deployer.strategies.owners import SELECTOR, to_hand_over
from lockgate.deployer.traffic import selector
from lockgate.deployer.traffic.back import Back

_ROUNDING = 1e-9


class Replicas(Back):
    """A `traffic.Traffic`. The clone's pods are the share, so there is nothing else to write but for a switch."""

    by_route = False

    def missing(self, target: Target, live: Region) -> str | None:
        del target, live
        return None

    def owned(self, target: Target, live: Region, *, apart: bool) -> str | None:
        return to_hand_over(live.service, SELECTOR, target.region) if apart and live.service else None

    def replicas(self, share: float, production: int) -> int:
        """As many as do not exceed the share, but at least one and at most as many as production has."""
        if share >= 0.5:
            return production
        return max(1, int(share * production / (1 - share) + _ROUNDING))

    def share(self, target: Target, live: Region) -> float:
        production = replicas_of(live.deployment or {"spec": {}})
        cloned = self.replicas(target.share, production)
        return cloned / (production + cloned)

    def give(self, target: Target, live: Region) -> Patch | None:
        del target, live
        return None

    def lower(self, target: Target, live: Region) -> Patch | None:
        del target, live
        return None

    def switch(self, target: Target, live: Region) -> Patch | None:
        return selector.switched(target, live)
