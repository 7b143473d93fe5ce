"""The last rung: a halted release that nobody takes back by himself stays as it is, and people are asked."""

from lockgate.messages.decision import Step, emit, put
from lockgate.messages.plan import Plan
from lockgate.messages.rollbacks import ReleaseHeld
from lockgate.rollback.core.rows import Phase, Release
from lockgate.rollback.core.sentences import shortened

WHAT_TO_DO = "Nothing more is granted. `lockgate abort` or `lockgate rollback` takes it back all the same."


def holds(release: Release, plan: Plan) -> bool:
    """Whether its last rung is to hold. In pre-production there is nothing that it could not be taken back from."""
    if release.entered is None:
        return False
    return release.artifact.forward_only or plan.remediation.then == "hold"


def held(release: Release, application: str) -> Step:
    why = (
        "is marked rollback=unsafe, and goes forward only"
        if release.artifact.forward_only
        else "is held by its plan"
    )
    return put(release.model_copy(update={"phase": Phase.HELD, "waiting": 0})) + emit(
        ReleaseHeld(
            application=application,
            release=release.release,
            turn=release.turn,
            reason=shortened(f"{release.artifact.label} {why}. {WHAT_TO_DO} {release.reason}"),
        )
    )
