"""The rollback coordinator, declared for the runtime."""

from lockgate.messages.topics import DEPLOYMENTS, RELEASES, VERDICTS
from lockgate.rollback.core import TABLE
from lockgate.rollback.settings import Settings
from lockgate.runtime.service import Service


def service(settings: Settings) -> Service:
    return Service(
        name="rollback",
        reads=(RELEASES, VERDICTS, DEPLOYMENTS),
        core=TABLE,
        modules=("lockgate.rollback",),
        at_start=settings.for_core(),
    )
