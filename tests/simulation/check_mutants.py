"""The safeguards of checks beside the metrics; as in `mutants`."""

from typing import Final

from lockgate.verifier.core import checking, stages
from lockgate.verifier.core.scene import Scene
from tests.simulation.taking_away import Mutant, without

CHECKS: Final[dict[str, Mutant]] = {
    "no pass before the check": without(
        Scene,
        "passed",
        (
            "if self.stage.check is not None and (check is None or check.state is not CheckState.PASSED):",
            "if False:",
        ),
    ),
    "a fail of the check": without(checking, "_answered", ("if outcome is Outcome.FAIL:", "if False:")),
    "no pass by silence": without(
        checking,
        "_silent",
        ("return _held(scene.then(later), check, said.answers, text)", "return through(scene, text)"),
    ),
    "who looks after what asks": without(
        checking,
        "_looked_after",
        ("return Step(timers=(SetTimer(CHECK, after(scene.now, longest), body),))", "return Step()"),
    ),
    "a check anew after a halt": without(stages, "again", ("check=None, ", "")),
}
