"""`lockgate run SERVICE`: one service in this process, which loads nothing of the others."""

import sys
from importlib import import_module

from pydantic import ValidationError

from lockgate.cli.problems import settings_problem

SERVICES = ("intake", "verifier", "deployer", "rollback", "ledger")


def run_service(name: str) -> int:
    """Runs the service; returns its exit code, or 2 with a sentence if its settings are wrong."""
    if name not in SERVICES:
        sys.stderr.write(f"there is no service {name!r}; the services are {', '.join(SERVICES)}\n")
        return 2
    try:
        return int(import_module(f"lockgate.{name}.service").main())
    except ValidationError as error:
        sys.stderr.write(settings_problem(name, error) + "\n")
        return 2


if __name__ == "__main__":
    sys.exit(run_service(sys.argv[1] if len(sys.argv) > 1 else ""))
