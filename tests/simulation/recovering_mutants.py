"""The safeguards of what is taken back after its release was completed; as in `mutants`."""

from typing import Final

from lockgate.intake.core import progress
from lockgate.intake.core import recovering as of_intake
from lockgate.rollback.core import recovering, releases
from lockgate.verifier.core import completed
from tests.simulation.taking_away import Mutant, without

RECOVERING: Final[dict[str, Mutant]] = {
    "nothing completed is taken back beside what is under way": without(
        of_intake, "taken_back", ("if not lane.under_way:", "if True:")
    ),
    "the coordinator is told what an operator takes back once it enters": without(
        of_intake, "_enters", ("if wanted is not None:", "if False:")
    ),
    "one way back, also for operators": without(
        of_intake, "_kept", ("completed.recovery is not None", "False")
    ),
    "no operator takes back past what goes forward only": without(
        of_intake, "_kept", ("release.artifact.forward_only", "False")
    ),
    "no operator takes back what is released once more": without(
        of_intake, "_kept", ("release.artifact.digest == digest", "False")
    ),
    "nothing begins beside what takes it back": without(of_intake, "_enters", ("(id_,)", "()")),
    "what was completed is taken back once": without(of_intake, "_enters", ("remove(Completed)", "Step()")),
    "the plan of what was completed": without(
        releases, "ended", ("if isinstance(given.body, ReleaseCompleted):", "if False:")
    ),
    "a way back for what was completed": without(
        recovering, "entered", ("put(way, body.release)", "NOTHING")
    ),
    "the number of what takes it back": without(recovering, "entered", ("entered=body.number", "entered=1")),
    "no recovery beside what is under way": without(
        of_intake, "asked_for", ("if not lane.under_way:", "if True:")
    ),
    "what is under way gives way to a recovery": without(
        of_intake, "_goes_first", (" + preempt(rows, lane, id_, who, why)", "")
    ),
    "nothing starts before a recovery that waits": without(
        progress, "settled", ("if back is None else back", "")
    ),
    "one recovery": without(of_intake, "asked_for", (" or completed.recovery is not None", "")),
    "no recovery before what is to mend it": without(
        of_intake, "_stays", ("if mends and release.ending is None:", "if False:")
    ),
    "no recovery before what goes forward only": without(
        of_intake, "_stays", (" or artifact.forward_only", "")
    ),
    "no way back to what was blamed meanwhile": without(recovering, "blamed", (" + put(bad)", "")),
    "what is blamed is ordered back": without(
        recovering, "entered", ("if not completed.blamed:", "if True:")
    ),
    "a hold for what goes forward only when it was completed": without(
        recovering, "blamed", ("completed.artifact.forward_only or ", "")
    ),
    "no blame of a completed version that is not named": without(
        completed, "blamed", ("not _names(incident, row.artifact) or ", "")
    ),
}
