"""What the core and the work `measure` say to each other, and the schedule that both keep to.

Each region that is measured has a work of its own. It samples a grid of scrapes that is fixed before the first one, and
reports what was measured in those that are new: a few hundred bytes a scrape. Nothing can be lost or doubled by that:
a report says by whose `run` it is and with which scrape it begins, and the core takes it only where it follows what it
has of the same run. A run that begins anew, because a work was killed or other pods came, begins with a report from
scrape 0, and that replaces everything.
"""

from datetime import datetime
from math import ceil
from typing import Any, Literal

from pydantic import Field

from lockgate.messages.plan_metrics import Metrics
from lockgate.messages.values import Name, Value
from lockgate.verifier.core.terms import Terms

MOST_SCRAPES = 60
"""Of a verification, its extension included: a verdict's record stays below 64 KiB. A longer one has longer scrapes.
Only those count in which both arms were scraped, so time in which nothing could be compared is no part of it.
"""
LEAST_SCRAPES = 10
_LEAST_SOAK = 5
LOST = 600.0
"""Seconds after everything must be over when the core asks itself what became of the measuring, and from then on after
each scrape: so long no work is run because no verifier is, or it has nothing to tell."""

MOST_OF_A_WAVE = 120
"""Scrapes of all regions of a wave together, whose records one verdict carries: the more regions, the longer each scrape."""

MOST_APART = 1800.0
"""Seconds that may lie between the time before a wave's release, which tells how its regions differ, and the comparison: regions are
not busy, and do not fail, at the same times of the day, and from an hour on that alone fails good releases.
"""

HISTORY = 60
"""Scrapes before the start of a comparison with what runs beside it."""
_WAVES = 12
"""So many times the length of a wave's comparison are looked at before the release, to see how much its regions differ by
themselves. Four are needed."""
_WATCHES = 24
"""So many times the length of a watch are looked at before the release, to see how much a region moves by itself. 20 are
needed, and some may not have been scraped."""
_LEAST_ALPHA = 1e-6
_NO_ERROR = 0.001
"""Where neither arm has an error, a pilot passes on errors once it is shown to fail less often than this: nothing fails by less either."""
_WEIGHTS = {"errors": 0.5, "latency": 0.44, "gauges": 0.0, "share": 0.06}
_WITHOUT_LATENCY = {"errors": 0.9, "latency": 0.0, "gauges": 0.0, "share": 0.1}


class Pods(Value):
    """How the arms of a region are found: by the prefixes of their pods' names, or by service or route at a gateway."""

    namespace: Name
    pilot: str
    """Empty where there is none, and all that serves in the region is one arm."""
    baseline: str
    service: str
    route: str | None

    @property
    def pilot_service(self) -> str:
        """The clone's: the deployer names both clones alike, so it ends as the clone's Deployment does."""
        _, made_for, number = self.pilot.rstrip("-").rsplit("-", 2)
        return f"{self.service}-{made_for}-{number}"


class Elsewhere(Value):
    """A region without the release, which another one is compared with."""

    region: Name
    namespace: Name


class Measure(Value):
    """The order to measure one region: so many `scrapes`, one each `step` seconds after `since`."""

    release: str
    stage: Name
    region: Name
    since: datetime
    step: float
    scrapes: int
    share: float
    """Of the traffic that is routed to the pilot."""
    metrics: Metrics
    pods: Pods
    policy: dict[str, Any]
    history: int = HISTORY
    """So many scrapes before."""
    began: datetime | None = None
    """When the release was begun in the region, where all of that is measured; then the history ends here, and not with the
    start.
    """
    control: tuple[Elsewhere, ...] = Field(default=(), exclude_if=lambda given: not given)
    """The regions that it is compared with. None: production beside the pilot, or its own time before."""

    @property
    def places(self) -> dict[str, str]:
        """The namespace in each region that is looked at."""
        return {self.region: self.pods.namespace} | {one.region: one.namespace for one in self.control}


class Counted(Value):
    """What was measured in the scrapes from `first` to before `end`, as a verdict's record has it."""

    outcome: Literal["counted"] = "counted"
    run: str
    first: int
    end: int
    settled: dict[str, Any] | None
    """With scrape 0 only: the policy, and what the history says."""
    told: dict[str, Any]
    digest: str | None = None
    """Of the samples, with the scrape at which a verdict is reached."""


class Unavailable(Value):
    """The metrics did not answer, or have no samples of both arms. Measuring goes on, and says so when they are back."""

    outcome: Literal["unavailable"] = "unavailable"
    reason: str
    too_long: bool = False
    """For longer than the plan allows."""
    reading: bool = False
    """Nothing is wrong: what lies in the past is being read still."""
    for_good: bool = Field(default=False, exclude_if=lambda given: not given)
    """Nothing that is still to come changes that, and the measuring is over."""


class Report(Value):
    """A report of the work, read back."""

    said: Counted | Unavailable


class Schedule(Value):
    """When a stage's regions are scraped: a function of the plan alone."""

    step: float
    """Seconds."""
    planned: int
    """Scrapes in the time that the plan gives."""
    scrapes: int
    """The same with its extension."""
    soak: int

    @classmethod
    def of(cls, terms: Terms, interval: float) -> "Schedule":
        longest = terms.length + terms.extend
        most = min(MOST_SCRAPES, MOST_OF_A_WAVE // len(terms.regions)) if terms.control else MOST_SCRAPES
        step = interval * max(1, ceil(longest / (interval * most)))
        planned = max(LEAST_SCRAPES, ceil(terms.length / step))
        soak = terms.soak or terms.length / 2
        return cls(
            step=step,
            planned=planned,
            scrapes=max(planned, ceil(longest / step)),
            soak=min(max(_LEAST_SOAK, ceil(soak / step)), planned),
        )

    @property
    def history(self) -> int:
        """Scrapes before the release, of a region that is compared with its own time before."""
        return HISTORY + _WATCHES * self.scrapes

    @property
    def reference(self) -> int:
        """Scrapes before the release, of a region that is compared with others."""
        return _WAVES * self.scrapes


def policy_of(terms: Terms, metrics: Metrics, alpha: float) -> dict[str, Any]:
    """The policy of one region's verification. What counts scrapes is in proportion for a short one.

    A new pod is slow for minutes, not for scrapes: it has 7 minutes to get warm, and 7/10 of a verification below ten.
    """
    schedule, margins = Schedule.of(terms, metrics.interval), terms.margins
    latency = metrics.custom is None or metrics.custom.latency is not None
    few = max(3, min(10, schedule.planned // 6))
    minute = min(60.0, schedule.planned * schedule.step / 10) / schedule.step
    return {
        "alpha": max(alpha, _LEAST_ALPHA),
        "deadline": schedule.scrapes,
        "soak": schedule.soak,
        "min_strata": few,
        "stale": max(few, 5),
        "skip": ceil(2 * minute),
        "warm_scrapes": ceil(7 * minute),
        "warm_half": max(minute, 0.5),
        "err_margin": margins.errors,
        "err_none": _NO_ERROR,
        "lat_margin": margins.latency,
        "weights": _WEIGHTS if latency else _WITHOUT_LATENCY,
        "required": ["errors", "latency"] if latency else ["errors"],
    }
