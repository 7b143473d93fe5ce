"""The safeguards of a wave that a region which failed holds; as in `mutants`."""

from typing import Final

from lockgate.verifier.core import grants
from tests.simulation.taking_away import Mutant, without

HOLDING: Final[dict[str, Mutant]] = {
    "a wave that goes on after a retry": without(grants, "granted_anew", ("scene.then(failed=0)", "scene")),
}
