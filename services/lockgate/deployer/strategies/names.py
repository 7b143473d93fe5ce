"""How clones and their Services are called: the one place that makes such names and reads them. Pure."""

import re
from enum import StrEnum


class Role(StrEnum):
    """What a clone was made for. A later step of its release goes on with it under the name that it has."""

    PILOT = "pilot"
    CANARY = "canary"
    GREEN = "green"


_END = rf"-({'|'.join(Role)})-[0-9]+"


def clone_name(deployment: str, role: Role, number: int) -> str:
    return f"{deployment}-{role}-{number}"


def role_of(clone: str) -> Role | None:
    """What a clone of this name was made for; None if it is no name of a clone."""
    found = re.search(f"{_END}$", clone)
    return Role(found[1]) if found else None


def service_of_clone(service: str, clone: str) -> str:
    """The Service of a clone ends as the clone does."""
    found = re.search(f"{_END}$", clone)
    return f"{service}{found[0]}" if found else f"{service}-{clone}"
