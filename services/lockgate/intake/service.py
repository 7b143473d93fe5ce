"""Intake, declared for the runtime."""

from lockgate.intake.core import TABLE
from lockgate.messages.topics import ARTIFACTS, DEPLOYMENTS, OPERATIONS, PLANS, ROLLBACKS, VERDICTS
from lockgate.runtime.running import run
from lockgate.runtime.service import Service
from lockgate.runtime.settings import RuntimeSettings

SERVICE = Service(
    name="intake",
    reads=(ARTIFACTS, PLANS, OPERATIONS, DEPLOYMENTS, VERDICTS, ROLLBACKS),
    core=TABLE,
    modules=("lockgate.intake",),
    apart=("door",),
)


def main() -> int:
    """Runs it with the settings of the environment, until it is told to stop; returns the exit code."""
    return run(SERVICE, RuntimeSettings())
