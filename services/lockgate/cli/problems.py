"""Errors in plain words: what happened, to which thing, and what to do next."""

from pydantic import ValidationError


def settings_problem(service: str, error: ValidationError) -> str:
    """The settings that are missing or wrong, by the names of their environment variables. Never a value."""
    lines = [f"{service} cannot start: its settings are not right."]
    for problem in error.errors(include_url=False, include_input=False):
        name = "_".join(str(part) for part in problem["loc"]).upper()
        prefix = {"VerifierSettings": "LOCKGATE_"}.get(error.title, "LOCKGATE_")
        lines.append(f"  {prefix}{name}: {problem['msg']}")
    return "\n".join(lines)
