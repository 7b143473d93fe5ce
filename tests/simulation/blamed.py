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


def is_way_back(body: ReleasePreempted) -> bool:
    """Whether it gives way to what takes a completed version back, and not to a fix."""
    return ", which was completed before it, is taken back: " in body.reason


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
        """What goes forward only does not give way to the way back of a completed version; nor does what is to mend that, but on an
        operator's word.
        """
        if not is_way_back(body):
            return
        checks = self.world.checks
        completed = checks.releases.completed[body.application].artifact
        that(not body.artifact.forward_only, f"{body.release} goes forward only, and gives way to a way back")
        that(body.artifact.digest != completed.digest, f"{completed.label} gives way to its own way back")
        if body.who != WHO:
            checks.counts["gave way to an operator"] += 1
            return
        that(completed.digest in checks.versions.bad[body.application], f"{completed.label} is not bad")
        mends = body.release in checks.fixes.sent or body.artifact.fixes & {completed.digest, completed.tag}
        that(not mends, f"{body.release} is the fix of {completed.label}, and gives way to its way back")
        checks.counts["gave way"] += 1
