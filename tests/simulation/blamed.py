"""What must hold where a version is blamed after its release was completed, while another release is under way."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate.intake.core.unrecovered import WHO
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseEntered, ReleasePreempted, ReleaseQueued, ReleaseStarted
from tests.simulation.broken import that

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass
class Blamed:
    world: "World"
    starts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Application -> how many of its releases have started."""
    queued: dict[str, int] = field(default_factory=dict)
    """Release -> how many had started when it was queued."""

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            ReleaseQueued: self._queued,
            ReleaseStarted: self._started,
            ReleaseEntered: self._entered,
            ReleasePreempted: self._preempted,
        }

    def _queued(self, body: ReleaseQueued) -> None:
        self.queued[body.release] = self.starts[body.application]

    def _started(self, body: ReleaseStarted) -> None:
        self.starts[body.application] += 1

    def _entered(self, body: ReleaseEntered) -> None:
        """What takes a completed version back is the next that is let go, whatever waits."""
        if body.recovers is not None:
            between = self.starts[body.application] - self.queued[body.release]
            that(
                between == 0, f"{between} started after {body.release} was queued, which takes a version back"
            )

    def _preempted(self, body: ReleasePreempted) -> None:
        """What is to mend the blamed version does not give way to its way back, nor what goes forward only."""
        if body.who != WHO:
            return
        checks = self.world.checks
        completed = checks.releases.completed[body.application].artifact
        that(completed.digest in checks.versions.bad[body.application], f"{completed.label} is not bad")
        mends = body.release in checks.fixes.sent or body.artifact.fixes & {completed.digest, completed.tag}
        that(not mends, f"{body.release} is the fix of {completed.label}, and gives way to its way back")
        that(not body.artifact.forward_only, f"{body.release} goes forward only, and gives way to a way back")
        checks.counts["gave way"] += 1
