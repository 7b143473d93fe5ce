"""The last rung: a halted release that nobody takes back by himself stays as it is, and people are asked."""

from lockgate.messages.decision import Step, emit, put
from lockgate.messages.plan import Plan
from lockgate.messages.rollbacks import ReleaseHeld
from lockgate.rollback.core.rows import Phase, Release
from lockgate.rollback.core.sentences import shortened

WHAT_TO_DO = (
    "Nothing more is granted. `lockgate fix` goes on from here with another version; `lockgate abort` or `lockgate "
    "rollback` takes it back all the same."
)


def holds(release: Release, plan: Plan) -> bool:
    """Whether its last rung is to hold. In pre-production there is nothing that it could not be taken back from."""
    if release.entered is None:
        return False
    return release.artifact.forward_only or release.forward or plan.remediation.then == "hold"


def held(release: Release, application: str) -> Step:
    if release.artifact.forward_only:
        why = "is marked rollback=unsafe, and goes forward only"
    elif release.forward:
        why = "came upon a release that goes forward only, and so does it"
    else:
        why = "is held by its plan"
    return put(release.model_copy(update={"phase": Phase.HELD, "waiting": 0})) + emit(
        ReleaseHeld(
            application=application,
            release=release.release,
            turn=release.turn,
            reason=shortened(f"{release.artifact.label} {why}. {WHAT_TO_DO} {release.reason}"),
        )
    )
