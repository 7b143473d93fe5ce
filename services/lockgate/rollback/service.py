"""The rollback coordinator, declared for the runtime."""

from lockgate.messages.topics import DEPLOYMENTS, RELEASES, VERDICTS
from lockgate.rollback.core import TABLE
from lockgate.rollback.settings import Settings
from lockgate.runtime.running import run
from lockgate.runtime.service import Service
from lockgate.runtime.settings import RuntimeSettings


def service(settings: Settings) -> Service:
    return Service(
        name="rollback",
        reads=(RELEASES, VERDICTS, DEPLOYMENTS),
        core=TABLE,
        modules=("lockgate.rollback",),
        at_start=settings.for_core(),
    )


def main() -> int:
    """Runs it with the settings of the environment, until it is told to stop; returns the exit code."""
    return run(service(Settings()), RuntimeSettings())
