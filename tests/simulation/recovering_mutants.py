"""The safeguards of what is taken back after its release was completed; as in `mutants`."""

from typing import Final

from lockgate.intake.core import recovering as of_intake
from lockgate.rollback.core import recovering, releases
from tests.simulation.taking_away import Mutant, without

RECOVERING: Final[dict[str, Mutant]] = {
    "nothing completed is taken back beside what is under way": without(
        of_intake, "meant", ("lane.under_way or ", "")
    ),
    "nothing begins beside what takes it back": without(of_intake, "taken_back", ("(id_,)", "()")),
    "what was completed is taken back once": without(
        of_intake, "taken_back", ("remove(Completed)", "Step()")
    ),
    "the plan of what was completed": without(
        releases, "ended", ("if isinstance(given.body, ReleaseCompleted):", "if False:")
    ),
    "a way back for what was completed": without(
        recovering, "entered", ("put(way, body.release)", "NOTHING")
    ),
    "the number of what takes it back": without(recovering, "entered", ("entered=body.number", "entered=1")),
}
