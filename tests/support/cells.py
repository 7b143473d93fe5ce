"""Which services come to which points of the mechanism: the cells of the crash matrix."""

from collections.abc import Mapping

from lockgate.runtime.faults import Point

WORK = (Point.WORK_CLAIMED, Point.WORK_DONE, Point.REPORTED)
TIMERS = (Point.TIMER_DUE, Point.TIMER_FIRED)

NEVER: Mapping[str, Mapping[Point, str]] = {
    "intake": {Point.START_TOLD: "its core is told nothing at the start"},
    "verifier": {Point.START_TOLD: "its core is told nothing at the start"},
    "rollback": dict.fromkeys(WORK, "it only decides, and does nothing to the world"),
    "deployer-eu": dict.fromkeys(TIMERS, "it sets no timers: whoever commands holds the deadline"),
    "ledger": {
        Point.ASSIGNED: "it reads all partitions, in no group",
        Point.START_TOLD: "it has no core",
        Point.DECIDED: "it decides nothing",
        Point.JOURNAL_SENT: "it has no journal",
        Point.OFFSETS_HINTED: "its offsets are in its database alone",
        **dict.fromkeys(WORK, "it has no work but appending"),
        **dict.fromkeys(TIMERS, "it has no timers"),
    },
}
"""The cells that cannot be reached, and why."""

REGIONS = 3
"""So many pieces of work a start of deployer-eu begins with: it registers each of its regions."""

NTH: Mapping[tuple[str, Point], int] = {
    ("rollback", Point.BEFORE_COMMIT): 2,
    ("rollback", Point.AFTER_COMMIT): 2,
    ("deployer-eu", Point.BEFORE_COMMIT): REGIONS + 2,
    ("deployer-eu", Point.AFTER_COMMIT): REGIONS + 2,
    **{("deployer-eu", point): REGIONS + 1 for point in WORK},
}
"""Which time is meant where the first times are those of the start itself: it is told, and each region is registered. What is
decided is counted, not what is written: how much of it shares a transaction depends on how busy the machine is."""


def reached(service: str) -> list[Point]:
    """The points of a row."""
    return [point for point in Point if point not in NEVER[service]]
