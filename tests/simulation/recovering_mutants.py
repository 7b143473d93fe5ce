"""The safeguards of what is taken back after its release was completed; as in `mutants`."""

from typing import Final

from lockgate.intake.core import recovering as of_intake
from lockgate.rollback.core import recovering, releases
from lockgate.verifier.core import completed
from tests.simulation.taking_away import Mutant, without

RECOVERING: Final[dict[str, Mutant]] = {
    "nothing completed is taken back beside what is under way": without(
        of_intake, "meant", ("lane.under_way or ", "")
    ),
    "nothing begins beside what takes it back": without(of_intake, "_entered", ("(id_,)", "()")),
    "what was completed is taken back once": without(of_intake, "_entered", ("remove(Completed)", "Step()")),
    "the plan of what was completed": without(
        releases, "ended", ("if isinstance(given.body, ReleaseCompleted):", "if False:")
    ),
    "a way back for what was completed": without(
        recovering, "entered", ("put(way, body.release)", "NOTHING")
    ),
    "the number of what takes it back": without(recovering, "entered", ("entered=body.number", "entered=1")),
    "no recovery beside what is under way": without(of_intake, "asked_for", ("lane.under_way or ", "")),
    "what is blamed is ordered back": without(
        recovering, "entered", ("if not completed.blamed:", "if True:")
    ),
    "a hold for what goes forward only when it was completed": without(
        recovering, "blamed", ("if forward or ", "if ")
    ),
    "no blame of a completed version that is not named": without(
        completed, "blamed", ("not _names(incident, row.artifact) or ", "")
    ),
}
