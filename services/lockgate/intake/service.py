"""Intake, declared for the runtime."""

from functools import partial

from lockgate.intake.core import TABLE
from lockgate.intake.provenance.work import open_work
from lockgate.intake.settings import Settings
from lockgate.messages.topics import ARTIFACTS, DEPLOYMENTS, OPERATIONS, PLANS, ROLLBACKS, VERDICTS
from lockgate.runtime.running import run
from lockgate.runtime.service import Service
from lockgate.runtime.settings import RuntimeSettings


def service(settings: Settings) -> Service:
    return Service(
        name="intake",
        reads=(ARTIFACTS, PLANS, OPERATIONS, DEPLOYMENTS, VERDICTS, ROLLBACKS),
        core=TABLE,
        modules=("lockgate.intake",),
        apart=("door", "provenance"),
        open_work=partial(open_work, settings),
    )


def main() -> int:
    """Runs it with the settings of the environment, until it is told to stop; returns the exit code."""
    return run(service(Settings()), RuntimeSettings())
