"""What monitoring says of a region in a watch: whether an alert is the release's doing, or only worth mentioning.

No statistics, so no false-alarm rate is claimed for it: an alert counts if it is severe enough, is new, and did not begin
where the release is not as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

AT_ONCE = 300.0
"""Seconds: alerts that begin so close to each other have one cause."""

Doubt = Literal["elsewhere", "before", "mild", "firing", "shared"]
"""Why an alert is only mentioned: it is of another region; began before the watch or after it; is not severe enough;
was firing in the time before the rollout already, so that it flaps; or began in a control region as well.
"""


@dataclass(frozen=True, slots=True)
class Alert:
    """Times in seconds, of any one clock. The same alert is one with the same name in the same region."""

    name: str
    region: str
    severity: int
    """The more, the worse."""
    began: float
    ended: float | None = None
    """None while it is firing."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A watch over one region."""

    region: str
    rollout: float
    """When the region's rollout began."""
    until: float
    severity: int
    """From which on an alert fails the watch."""
    controls: frozenset[str] = frozenset()
    """Regions without the release."""

    @property
    def quiet_since(self) -> float:
        """From when on an alert must not have been firing: as long before the rollout as the watch is."""
        return self.rollout - (self.until - self.rollout)


def doubt(alert: Alert, watched: Watched, known: Iterable[Alert]) -> Doubt | None:
    """None: the release is to blame, and the watch fails at once. `known`: all alerts so far, in any order."""
    others = [one for one in known if one != alert and one.name == alert.name]
    if alert.region != watched.region:
        return "elsewhere"
    if not watched.rollout <= alert.began < watched.until:
        return "before"
    if alert.severity < watched.severity:
        return "mild"
    if any(
        _fired(one, watched.quiet_since, watched.rollout) for one in others if one.region == watched.region
    ):
        return "firing"
    if any(abs(one.began - alert.began) <= AT_ONCE for one in others if one.region in watched.controls):
        return "shared"
    return None


def _fired(alert: Alert, since: float, until: float) -> bool:
    return alert.began < until and (alert.ended is None or alert.ended >= since)
