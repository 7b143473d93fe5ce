"""Who finds out later: in some seeds operators take back what was completed, or monitoring complains of it by name, also while
the next release is under way.

Drawn apart, so that other seeds are as without.
"""

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from lockgate.messages.operations import Fix, Rollback
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseCompleted, ReleaseStarted
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseSettled
from tests.simulation.fixes import meant_by
from tests.simulation.operators import Asked
from tests.simulation.scenario import PLACES

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE: Final = 1 / 4
"""Of the seeds, in which somebody finds out."""


class Regrets:
    def __init__(self, world: "World", seed: int) -> None:
        self.world = world
        self.random = Random(f"regrets {seed}")
        self.has_any = self.random.random() < SHARE
        self.meanwhile = Random(f"meanwhile {seed}")
        self.late = not self.has_any and self.meanwhile.random() < 0.5
        """Monitoring complains only while what does not give way is under way, or on its way out: else it has done so before."""
        self.named = Random(f"takes back {seed}")
        self.names = self.named.random() < SHARE / 2
        """Operators take it back by name while the next one is under way."""

    def published(self, body: Payload) -> None:
        if self.names and isinstance(body, ReleaseStarted | ReleaseHalted | ReleaseSettled):
            self._by_name(body.application, 3000 if isinstance(body, ReleaseStarted) else 5)
        if self.has_any and isinstance(body, ReleaseStarted):
            self._at_once(body.application)
            self._meanwhile(body.application, 2000)
        if self.late and isinstance(body, ReleaseStarted) and self._goes_on(body):
            self._meanwhile(body.application, 300)
        if self.late and isinstance(body, ReleaseHalted | ReleaseSettled):
            self._meanwhile(body.application, 3)
        if not self.has_any or not isinstance(body, ReleaseCompleted):
            return
        when, chance = self.world.now + self.random.uniform(1, 2000), self.random.random()
        if chance < 0.5:
            self.world.at(when, partial(self._ask, body.application))
        if chance > 0.4:
            where, named = self.random.choice((*PLACES, "production")), body.artifact.digest
            complains = partial(self.world.outside.alarm, body.application, where, None, named=named)
            self.world.at(when + self.random.uniform(0, 5), complains)

    def _at_once(self, application: str) -> None:
        """Monitoring complains of what was completed just as the next release starts."""
        before = self.world.checks.releases.completed.get(application)
        if before is not None and self.random.random() < 0.5:
            named = before.artifact.digest
            self.world.outside.alarm(application, "production", None, named=named)

    def _goes_on(self, body: ReleaseStarted) -> bool:
        sent = {meant_by(asked) for asked in self.world.operations if asked.kind is Fix}
        artifact = body.artifact
        return artifact.digest in sent or bool(artifact.fixes) or artifact.forward_only

    def _meanwhile(self, application: str, within: float) -> None:
        """It complains of it while the next release is on its way, or where that ends soon, just after."""
        before = self.world.checks.releases.completed.get(application)
        if before is not None and self.meanwhile.random() < 0.5:
            when = self.world.now + self.meanwhile.uniform(0, within)
            where, named = self.meanwhile.choice((*PLACES, "production")), before.artifact.digest
            complains = partial(self.world.outside.alarm, application, where, None, named=named)
            self.world.at(when, complains)

    def _by_name(self, application: str, within: float) -> None:
        """Often the one that was completed before is no more what is meant by then: that is refused."""
        before = self.world.checks.releases.completed.get(application)
        if before is not None and self.named.random() < 0.5:
            when = self.world.now + self.named.uniform(0, within)
            self.world.at(when, partial(self._ask_by_name, application, before.release))

    def _ask_by_name(self, application: str, release: str) -> None:
        self.world.ask(Asked(0.0, Rollback, application, release=release))

    def _ask(self, application: str) -> None:
        """Nothing else is under way, as far as one can see."""
        if not self.world.checks.releases.under_way(application):
            self.world.ask(Asked(0.0, Rollback, application))
