"""Plans that demand provenance, artifacts that are signed by whom they name or by somebody else, and what must hold of both.

In some seeds. Drawn apart, so that other seeds are as without. How a signature is checked is not simulated: a bundle says who
signed it, and is believed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from lockgate.intake.checks import Check, Unproven, Verified
from lockgate.intake.core import checking
from lockgate.messages.payload import Payload
from lockgate.messages.plan_provenance import Provenance
from lockgate.messages.releases import ArtifactRefusal, ArtifactVerified, ReleaseStarted
from lockgate.runtime.batch import WorkRow
from tests.simulation.broken import that
from tests.simulation.process import Process
from tests.simulation.scenario import Announcement, Scenario
from tests.simulation.surroundings import Surroundings, Work

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE: Final = 1 / 8
"""Of the seeds, in which a plan demands something."""
SIGNERS: Final = ("ci@acme.example", "release@acme.example", "mallory@evil.example")


def demanded(seed: int, scenario: Scenario) -> Scenario:
    """The scenario, with plans that demand provenance: all of them, or those that are published later."""
    random = Random(f"demands {seed}")
    if random.random() >= SHARE:
        return scenario
    since = random.choice((0.0, 3000.0, 3650.0))
    plans = tuple((at, _demanding(random, plan) if at >= since else plan) for at, plan in scenario.plans)
    announcements = tuple(_signed(random, said) for said in scenario.announcements)
    return replace(scenario, plans=plans, announcements=announcements)


def _demanding(random: Random, plan: dict[str, Any]) -> dict[str, Any]:
    named = random.choice((SIGNERS[:1], SIGNERS[1:2], SIGNERS[:2]))
    signers = [{"identity": name, "issuer": "https://accounts.example"} for name in named]
    return {**plan, "provenance": {"signers": signers}}


def _signed(random: Random, said: Announcement) -> Announcement:
    """Mostly by one whom some plan names; seldom by nobody."""
    by = random.choices((*SIGNERS, ""), (6, 6, 2, 1))[0]
    return replace(said, bundles=(by,) if by else ())


def checked(around: Surroundings, asked: Check) -> Work:
    yield around.pause()
    for by in asked.bundles:
        if _is_named(asked.demands, by):
            return Verified(signer=by).model_dump(mode="json")
    reason = f"it was signed by {asked.bundles}"
    return Unproven(code=ArtifactRefusal.OTHER_SIGNER, reason=reason).model_dump(mode="json")


def _is_named(demands: Provenance | None, by: str) -> bool:
    return demands is not None and by in {signer.identity for signer in demands.signers}


@dataclass
class Demands:
    world: "World"

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {ReleaseStarted: self._started, ArtifactVerified: self._verified}

    def begins_to_work(self, process: Process, row: WorkRow) -> None:
        """Artifacts of an application are checked one after the other: else a newer one may be queued before an older one."""
        if row.kind == checking.CHECK:
            at_once = [
                each.name
                for each in process.node.work.values()
                if (each.key, each.kind) == (row.key, row.kind)
            ]
            that(len(at_once) == 1, f"{row.key} has {at_once}")

    def _started(self, body: ReleaseStarted) -> None:
        """Nothing starts without the provenance that the plan demands with which it starts."""
        demands = body.plan.provenance
        if demands is not None:
            by = self._signers(body.artifact.digest)
            that(
                any(_is_named(demands, each) for each in by),
                f"{body.release} starts, signed by {by or 'nobody'}",
            )

    def _verified(self, body: ArtifactVerified) -> None:
        """Nobody is said to have signed what they did not."""
        by = self._signers(body.artifact.digest)
        that(
            body.signer in by, f"{body.artifact.digest} is said to be signed by {body.signer}, and is by {by}"
        )

    def _signers(self, digest: str) -> list[str]:
        """By whom it was announced to be signed, by now or later."""
        said = self.world.scenario.announcements
        return [by for each in said if digest.replace(":", "%3A") in each.purl for by in each.bundles]
