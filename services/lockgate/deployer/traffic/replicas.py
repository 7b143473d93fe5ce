"""Where there is no route: the share is that of the clone's pods among all that the Service selects. Pure."""

from lockgate.deployer.objects import replicas_of
from lockgate.deployer.strategies.given import Patch, Region, Target


class Replicas:
    """A `traffic.Traffic`. The clone's pods are the share, so there is nothing else to write."""

    by_route = False

    def missing(self, target: Target, live: Region) -> str | None:
        del target, live
        return None

    def replicas(self, share: float, production: int) -> int:
        """So many that their part of all pods is nearest to the share; from 1 to as many as production has."""
        if share >= 0.5:
            return production
        return max(1, round(share * production / (1 - share)))

    def share(self, target: Target, live: Region) -> float:
        production = replicas_of(live.deployment or {"spec": {}})
        cloned = self.replicas(target.share, production)
        return cloned / (production + cloned)

    def give(self, target: Target, live: Region) -> Patch | None:
        del target, live
        return None

    def take(self, target: Target, live: Region, keep: str | None = None) -> Patch | None:
        del target, live, keep
        return None

    def claim(self, target: Target, live: Region) -> Patch | None:
        del target, live
        return None
