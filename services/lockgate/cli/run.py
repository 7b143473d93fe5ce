"""`lockgate run SERVICE`: one service in this process, which loads nothing of the others."""

import os
import sys
from importlib import import_module

from pydantic import ValidationError
from pydantic_settings import SettingsError

from lockgate.cli.addresses import servers_problem
from lockgate.cli.problems import settings_class, settings_problem
from lockgate.runtime.settings import ProcessSettings, RuntimeSettings

SERVICES = ("intake", "verifier", "deployer", "rollback", "ledger")
PACKAGES = {**{name: f"lockgate.{name}" for name in SERVICES}, "door": "lockgate.intake.door"}
"""What can be run -> its package: the services, and the process of intake that serves HTTP."""


def run_service(name: str) -> int:
    """Runs the service; returns its exit code, or 2 with a sentence if its settings are wrong."""
    package = PACKAGES.get(name)
    if package is None:
        sys.stderr.write(f"there is no service {name!r}; the services are {', '.join(PACKAGES)}\n")
        return 2
    if (given := os.environ.get("LOCKGATE_KAFKA")) and (problem := servers_problem(given)):
        sys.stderr.write(f"{name} cannot start: LOCKGATE_KAFKA: {problem}\n")
        return 2
    try:
        return int(import_module(f"{package}.service").main())
    except (ValidationError, SettingsError) as error:
        whole = issubclass(settings_class(package, _title(error)), ProcessSettings)
        others = () if whole else _common_problems()
        sys.stderr.write(settings_problem(name, package, error, *others) + "\n")
        return 2


def _title(error: ValidationError | SettingsError) -> str:
    return error.title if isinstance(error, ValidationError) else ""


def _common_problems() -> tuple[ValidationError | SettingsError, ...]:
    """What is wrong with the settings that all services share: everything is said at once."""
    try:
        RuntimeSettings()
    except (ValidationError, SettingsError) as error:
        return (error,)
    return ()


if __name__ == "__main__":
    sys.exit(run_service(sys.argv[1] if len(sys.argv) > 1 else ""))
