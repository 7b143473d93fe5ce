"""The safeguards of what a plan demands of artifacts; as in `mutants`."""

from typing import Final

from lockgate.intake.core import artifacts, checking, fixes, lane, unchecked
from tests.simulation.taking_away import Mutant, without

DEMANDS: Final[dict[str, Mutant]] = {
    "no artifact without its provenance": without(
        artifacts, "arrived", ("if demands is None and not", "if not")
    ),
    "provenance by the plan that holds when it is known": without(
        checking, "reported", ("if demands is not None and demands != check.demands:", "if False:")
    ),
    "nothing from the queue that a newer plan demands more of": without(
        lane, "stale", ("if demands is not None and release.checked != demands:", "if False:")
    ),
    "no fix past the check": without(
        fixes, "_first", ("if pending is None and plan.plan.provenance is not None:", "if False:")
    ),
    "one check after the other": without(checking, "begun", ("if before:", "if False:")),
    "an end to checking": without(
        unchecked, "begin", ("Step(timers=(SetTimer(name_of(release), now + WITHIN),))", "Step()")
    ),
}
