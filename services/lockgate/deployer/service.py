"""A deployer, declared for the runtime. It writes under its own name, of which there is one for each deployer."""

from functools import partial

from lockgate.deployer.core import table
from lockgate.deployer.settings import DeployerSettings
from lockgate.deployer.work import open_work
from lockgate.messages.topics import ROLLBACKS, VERDICTS
from lockgate.runtime.running import run
from lockgate.runtime.service import Service
from lockgate.runtime.settings import RuntimeSettings


def service(settings: DeployerSettings) -> Service:
    return Service(
        name="deployer",
        writer=settings.name,
        reads=(VERDICTS, ROLLBACKS),
        core=table(settings.name, settings.namespaces),
        modules=("lockgate.deployer.core", "lockgate.deployer.bodies", "lockgate.deployer.reports"),
        open_work=partial(open_work, settings),
        at_start=settings.facts,
    )


def main() -> int:
    """Runs it with the settings of the environment, until it is told to stop; returns the exit code."""
    return run(service(DeployerSettings()), RuntimeSettings())
