"""Switches the flags of an order in a region: look, write on condition, look again, until they are as they should be.

Talks to the region's API server, and to flagd by OFREP where the region's settings name one. Each run may be ended and
begun again: what is done already is seen, and not done twice.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lockgate.deployer.cluster import Cluster, ClusterError, Resource, Trouble
from lockgate.deployer.fencing import DamagedFenceError
from lockgate.deployer.flags.definitions import FlagError
from lockgate.deployer.flags.objects import Change, Newer, configmap_of, off, restored, switched_for, written
from lockgate.deployer.flags.ofrep import Ofrep
from lockgate.deployer.objects import Json
from lockgate.deployer.reports import Failed, Fenced, Switched
from lockgate.messages.flags import Flag
from lockgate.messages.values import Fence

_log = logging.getLogger(__name__)

CONFIGMAPS: Final = Resource("/api/v1", "configmaps", "ConfigMap")
FEATURE_FLAGS: Final = Resource("/apis/core.openfeature.dev/v1beta1", "featureflags", "FeatureFlag")
_MOST_WRITES: Final = 10
_RETRIED: Final = {Trouble.UNAVAILABLE, Trouble.CONFLICT, Trouble.INVALID}
"""Somebody may have written between a look and a write, so another look says what is so now."""


@dataclass(frozen=True, slots=True)
class Switching:
    """One order's flags in one region."""

    cluster: Cluster
    application: str
    fence: Fence
    until: datetime
    clock: Callable[[], datetime]
    poll: float

    async def switched(self, flags: Sequence[Flag], ofrep: Ofrep | None) -> Switched | Failed | Fenced:
        """All of them off in their objects, one object after the other, and then as flagd says. It answers by `until`."""
        told, were_on = [], set[str]()
        for (resource, name), here in self._by_object(flags).items():
            match await self._written(resource, name, here, off):
                case None:
                    return Failed(reason=_missing(resource, name, self.cluster.settings.namespace))
                case Failed() | Fenced() as trouble:
                    return trouble
                case obj:
                    were_on.update(switched_for(obj, self.application, self.fence.number))
            told.append(f"{', '.join(flag.flag for flag in here)} in the {resource.kind} {name}")
        said = f"Written: {'; '.join(told)}."
        if ofrep is not None:
            if (problem := await self._seen_by(ofrep, flags)) is not None:
                return Failed(reason=f"{said} {problem}"[:2000])
            said += " flagd gives everybody these variants."
        names = tuple(flag.flag for flag in flags)
        changed = tuple(name for name in names if name in were_on)
        return Switched(flags=names, were_on=changed, reason=said[:2000])

    async def put_back(self, flags: Sequence[Flag]) -> tuple[str, ...]:
        """Each object on its own, as far as it goes: the flags that may not be as they were. An object that is gone has none."""
        left: list[str] = []
        for (resource, name), here in self._by_object(flags).items():
            outcome = await self._written(resource, name, here, restored)
            if isinstance(outcome, Failed | Fenced):
                _log.warning("The %s %s was not put back: %s", resource.kind, name, outcome.reason)
                left += [flag.flag for flag in here]
        return tuple(left)

    def _by_object(self, flags: Sequence[Flag]) -> dict[tuple[Resource, str], list[Flag]]:
        objects: dict[tuple[Resource, str], list[Flag]] = {}
        for flag in flags:
            where = (
                (CONFIGMAPS, configmap_of(flag, self.application))
                if flag.featureflag is None
                else (FEATURE_FLAGS, flag.featureflag)
            )
            objects.setdefault(where, []).append(flag)
        return objects

    async def _written(
        self, resource: Resource, name: str, flags: Sequence[Flag], change: Callable[[Flag, int], Change]
    ) -> Json | Failed | Fenced | None:
        """The object, once it is as it should be; None if there is none."""
        changes = [(flag, change(flag, self.fence.number)) for flag in flags]
        last, writes = "nothing was done yet", 0
        while self.clock() < self.until and writes < _MOST_WRITES:
            try:
                obj = await self.cluster.find(resource, name)
                if obj is None:
                    return None
                match written(obj, self.application, self.fence, changes):
                    case Newer(fence=live):
                        return Fenced(
                            live=live,
                            reason=f"The {resource.kind} {name} carries {live}, above {self.fence}.",
                        )
                    case []:
                        return obj
                    case operations:
                        writes += 1
                        await self.cluster.patch(resource, name, operations)
            except (FlagError, DamagedFenceError) as error:
                return Failed(reason=str(error))
            except ClusterError as error:
                if error.trouble not in _RETRIED:
                    return Failed(reason=str(error))
                last = str(error)
                await self._pause()
        return Failed(
            reason=f"The {resource.kind} {name} was not as it should be in time. Last: {last}"[:2000]
        )

    async def _seen_by(self, ofrep: Ofrep, flags: Sequence[Flag]) -> str | None:
        """None once flagd says of each flag that it is off; what it says instead when the time is over."""
        for flag in flags:
            while (problem := await ofrep.problem(flag)) is not None:
                if self.clock() >= self.until:
                    return problem
                await self._pause()
        return None

    async def _pause(self) -> None:
        left = (self.until - self.clock()).total_seconds()
        await asyncio.sleep(max(0.0, min(self.poll, left)))


def _missing(resource: Resource, name: str, namespace: str) -> str:
    return (
        f"There is no {resource.kind} {name} in the namespace {namespace}: make it, or name where the flag is defined in the "
        f"plan, as configmap or featureflag."
    )
