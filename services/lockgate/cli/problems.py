"""Errors in plain words: what happened, to which thing, and what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsError

from lockgate.cli.kafka import UnreachableError
from lockgate.runtime.settings import RuntimeSettings

EXIT_UNREACHABLE = 2


@contextmanager
def unreachable_is_2() -> Iterator[None]:
    """Kafka that does not answer ends a command with a sentence and exit code 2."""
    try:
        yield
    except UnreachableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from None


def settings_problem(service: str, package: str, *errors: ValidationError | SettingsError) -> str:
    """The settings that are missing or wrong, by the names of their environment variables. Never a value."""
    lines = [f"{service} cannot start: its settings, which it takes from the environment, are not right."]
    for error in errors:
        if isinstance(error, SettingsError):
            lines.append(f"  {_variable(package, str(error))}: is not JSON, and must be")
            continue
        prefix = settings_class(package, error.title).model_config.get("env_prefix", "")
        lines += [f"  {_sentence(prefix, problem)}" for problem in error.errors(include_url=False)]
    return "\n".join(lines)


def _variable(package: str, says: str) -> str:
    """The variable that pydantic-settings could not parse: it says the field's name in quotes, and no value."""
    field = says.split('"')[1] if says.count('"') > 1 else "*"
    module = import_module(f"{package}.settings") if find_spec(f"{package}.settings") else None
    for found in vars(module).values() if module else ():
        if isinstance(found, type) and issubclass(found, BaseSettings) and field in found.model_fields:
            return f"{found.model_config.get('env_prefix', '')}{field}".upper()
    return f"LOCKGATE_{field}".upper()


def settings_class(package: str, name: str) -> type[BaseSettings]:
    """The class whose validation failed: the error tells nothing but its name."""
    own = f"{package}.settings"
    found: Any = getattr(import_module(own), name, None) if find_spec(own) else None
    return found or RuntimeSettings


def _sentence(prefix: str, problem: ErrorDetails) -> str:
    """A problem inside a variable that holds JSON says where in it."""
    first, *inner = (*problem["loc"], "")
    where = ".".join(str(part) for part in inner if part != "")
    variable = f"{prefix}{first}".upper() if first else f"{prefix}*"
    says = "is missing" if problem["type"] == "missing" else _without_value(problem)
    return f"{variable}{f' ({where})' if where else ''}: {says}"


def _without_value(problem: ErrorDetails) -> str:
    """What is wrong, without what was written: it may be a secret in the wrong place."""
    given, says = problem["input"], problem["msg"]
    if not isinstance(given, str) or not given:
        return says
    return says.replace(repr(given), "what is there").replace(given, "what is there")
