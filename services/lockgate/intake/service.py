"""Intake, declared for the runtime."""

from lockgate.intake.core import TABLE
from lockgate.messages.topics import ARTIFACTS, DEPLOYMENTS, PLANS, ROLLBACKS, VERDICTS
from lockgate.runtime.service import Service

SERVICE = Service(
    name="intake",
    reads=(ARTIFACTS, PLANS, DEPLOYMENTS, VERDICTS, ROLLBACKS),
    core=TABLE,
    modules=("lockgate.intake",),
)
