"""The kinds of versions that CI announces in the simulated world, and what is wrong with each."""

from enum import StrEnum


class Kind(StrEnum):
    GOOD = "good"
    BAD_PREPROD = "bad in pre-production"  # its requests are answered with errors
    BAD_PILOT = "bad in the pilot"  # it fails more often than what runs beside it
    BAD_FLAG = "bad with its flag on"  # likewise, as long as its flag is on
    BAD_LATE = "bad late"  # monitoring complains some time after it was rolled out
    BAD_WATCH = "bad in the watch"  # it is worse than what was before, once all users are sent to it
    BAD_CHECK = "bad by its check"  # the checks of stages are answered wrongly
    NEVER_READY = "never ready"  # its pods never become ready
    UNDECIDED = "undecided"  # the evidence decides neither way
    UNMEASURED = "unmeasured"  # for an hour there is no evidence to be had of it; it is good


UNPROVEN = frozenset({Kind.BAD_PILOT, Kind.UNDECIDED})
"""What no pilot may pass whose plan says what is not proven is taken back."""


def is_worse_watched(kind: Kind, then: str) -> bool:
    """Whether no verified watch may pass it; `then`: what the plan says of an undecided one."""
    return kind in {Kind.BAD_PILOT, Kind.BAD_WATCH} or (kind is Kind.UNDECIDED and then == "rollback")
