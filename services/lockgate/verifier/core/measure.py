"""What the core and the work `measure` say to each other, and the schedule that both keep to.

The evidence lives in the work's reports, which are cumulative: the work asks Prometheus for everything since the
verification began, so a work that is killed and run again reports the same, and nothing is lost or doubled.
A verification has at most `MOST_SLICES` reports with counts, so a report and a verdict stay small.
"""

from datetime import datetime
from typing import Literal

from lockgate.messages.plan import PilotStage
from lockgate.messages.values import Name, Value

MOST_SLICES = 48
PATIENCE = 120.0
"""Seconds that the work goes on asking after the end of the time, if the metrics do not answer then."""
LOST = 600.0
"""Seconds after the end of the time when the core no longer waits for a work that never ended."""
LOOKS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""When the evidence is looked at, as parts of the plan's `verify`: soon at first, so that what is obviously bad is
found in minutes, and then at ever longer distances. An extension adds one look, at its end."""


class Pods(Value):
    """Where the pods of one region are found: name prefixes of the pilot and of what runs beside it."""

    namespace: Name
    pilot: str
    baseline: str


class Measure(Value):
    """The order to measure: from `since`, for `duration` seconds, counted in slices of `slice` seconds."""

    release: str
    stage: Name
    since: datetime
    duration: float
    slice: float
    interval: float
    preset: str
    regions: dict[Name, Pods]


Stratum = tuple[float, int, int, int, int]
"""The end of the interval in seconds since the start; requests and errors of the pilot, then of the baseline."""


class Counted(Value):
    """Everything counted since the start, `until` so many seconds after it."""

    outcome: Literal["counted"] = "counted"
    until: float
    strata: dict[Name, tuple[Stratum, ...]]


class Unavailable(Value):
    """The metrics did not answer. As the last report: they did not until the end of the time."""

    outcome: Literal["unavailable"] = "unavailable"
    reason: str


class Report(Value):
    """A report of the work, read back."""

    said: Counted | Unavailable


def slice_of(stage: PilotStage, interval: float) -> float:
    """Seconds. The same for the verification and its extension, so that both count in the same slices."""
    longest = stage.after.verify + stage.after.on_inconclusive.extend
    return max(interval, longest / MOST_SLICES)


def looks_of(stage: PilotStage) -> tuple[float, ...]:
    """When the evidence is looked at, in seconds since the start. Known before the first look."""
    planned = tuple(part * stage.after.verify for part in LOOKS)
    extend = stage.after.on_inconclusive.extend
    return (*planned, stage.after.verify + extend) if extend > 0 else planned
