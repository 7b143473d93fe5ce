"""The verifier, declared for the runtime."""

from functools import partial

from lockgate.messages.topics import ANOMALIES, DEPLOYMENTS, OPERATIONS, RELEASES, ROLLBACKS
from lockgate.runtime.running import run
from lockgate.runtime.service import Service
from lockgate.runtime.settings import RuntimeSettings
from lockgate.verifier.core import TABLE
from lockgate.verifier.settings import Settings
from lockgate.verifier.work import open_work


def service(settings: Settings) -> Service:
    return Service(
        name="verifier",
        reads=(RELEASES, DEPLOYMENTS, ROLLBACKS, ANOMALIES, OPERATIONS),
        core=TABLE,
        modules=("lockgate.verifier.core", "lockgate.verifier.statistics"),
        open_work=partial(open_work, settings),
    )


def main() -> int:
    """Runs it with the settings of the environment, until it is told to stop; returns the exit code."""
    return run(service(Settings()), RuntimeSettings())
