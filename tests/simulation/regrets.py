"""Who finds out later: in some seeds operators take back what was completed. Drawn apart, so that other seeds are as without."""

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from lockgate.messages.operations import Rollback
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseCompleted
from tests.simulation.operators import Asked

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE: Final = 1 / 4
"""Of the seeds, in which somebody finds out."""


class Regrets:
    def __init__(self, world: "World", seed: int) -> None:
        self.world = world
        self.random = Random(f"regrets {seed}")
        self.has_any = self.random.random() < SHARE

    def published(self, body: Payload) -> None:
        if self.has_any and isinstance(body, ReleaseCompleted) and self.random.random() < 0.6:
            when = self.world.now + self.random.uniform(1, 2000)
            self.world.at(when, partial(self._ask, body.application))

    def _ask(self, application: str) -> None:
        """Nothing else is under way, as far as one can see."""
        if not self.world.checks.releases.under_way(application):
            self.world.ask(Asked(0.0, Rollback, application))
