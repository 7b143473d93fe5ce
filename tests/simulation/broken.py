"""How a check says that something does not hold."""

from typing import NoReturn

Spot = tuple[str, str]
"""An application and a region."""


class CheckError(AssertionError):
    """Something that must hold does not."""


def fail(what: str) -> NoReturn:
    raise CheckError(what)


def that(holds: object, what: str) -> None:
    if not holds:
        fail(what)
