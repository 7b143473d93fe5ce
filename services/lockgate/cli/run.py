"""`lockgate run SERVICE`: one service in this process, which loads nothing of the others."""

import os
import sys
from importlib import import_module

from pydantic import ValidationError
from pydantic_settings import SettingsError

from lockgate.cli.addresses import servers_problem
from lockgate.cli.problems import settings_problem
from lockgate.runtime.settings import RuntimeSettings

SERVICES = ("intake", "verifier", "deployer", "rollback", "ledger")


def run_service(name: str) -> int:
    """Runs the service; returns its exit code, or 2 with a sentence if its settings are wrong."""
    if name not in SERVICES:
        sys.stderr.write(f"there is no service {name!r}; the services are {', '.join(SERVICES)}\n")
        return 2
    if (given := os.environ.get("LOCKGATE_KAFKA")) and (problem := servers_problem(given)):
        sys.stderr.write(f"{name} cannot start: LOCKGATE_KAFKA: {problem}\n")
        return 2
    try:
        return int(import_module(f"lockgate.{name}.service").main())
    except (ValidationError, SettingsError) as error:
        others = _common_problems() if _title(error) != RuntimeSettings.__name__ else ()
        sys.stderr.write(settings_problem(name, error, *others) + "\n")
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
