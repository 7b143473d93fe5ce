"""The safeguards of what goes first, and of what goes forward only; as in `mutants`."""

from typing import Final

from lockgate.intake.core import fixes, lane
from lockgate.rollback.core import halting, holding, operators, releases
from tests.simulation.taking_away import Mutant, without

FIXES: Final[dict[str, Mutant]] = {
    "what a fix pre-empts": without(lane, "preempt", ("if release.ending is not None:", "if True:")),
    "nothing pre-empted that is on its way out": without(
        lane, "preempt", ("if release.ending is not None:", "if False:")
    ),
    "a fix behind what it pre-empts": without(fixes, "_next", ("if lane.under_way:", "if False:")),
    "all that waits gives way to a fix": without(
        fixes, "_goes_first", ("supersede(rows, others, first.id) + ", "")
    ),
    "a fix that waits gives way to no announcement": without(lane, "_replaceable", (" if not row.fix", "")),
    "no fix in a pause": without(
        fixes, "_first", ("if pause := unrecovered.against(rows):", "if pause := None:")
    ),
    "no bad version as a fix": without(
        fixes, "_first", ("if bad := rows.get(BadVersion, artifact.digest):", "if bad := None:")
    ),
    "no fix before itself": without(
        fixes, "_that_waits", ("if release.phase is not Phase.QUEUED:", "if False:")
    ),
    "an answer to a pre-emption": without(
        operators,
        "preempted",
        ("return taken_back(rows, release, way, why, now, blamed=False)", "return NOTHING"),
    ),
    "nothing taken back that goes forward only": without(
        holding, "holds", ("release.artifact.forward_only or ", "")
    ),
    "no way back for what came upon it": without(
        releases, "started", ("forward=before is not None and before.forward", "forward=False")
    ),
    "flags off while their code stays": without(halting, "_order", (" and digest != leaving", "")),
}
