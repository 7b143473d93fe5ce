"""How pods behave is decided by the digest of their image alone, on a real control plane as in the sandbox.

KWOK reads it from the first digits after `sha256:` (`nodes.yaml`), the sandbox is told (`sandbox_images`).
"""

from collections.abc import Mapping
from enum import StrEnum

from lockgate.sandbox import Behaviour


class Acts(StrEnum):
    """What pods of an image do; the value is what its digest begins with."""

    READY = "9009"
    SLOW = "510f"  # ready after the milliseconds that follow, as six decimal digits
    NEVER_READY = "0bad"
    CRASHES = "c4a5"
    MISSING = "404f"  # the registry does not have it
    HOMELESS = "f011"  # no node takes its pods


SLOW_MILLISECONDS = 800


def digest(acts: Acts = Acts.READY, number: int = 1) -> str:
    """A digest whose image behaves like this; another `number`, another one."""
    return _digest(acts, SLOW_MILLISECONDS if acts is Acts.SLOW else 0, number)


def slow(milliseconds: int) -> str:
    """A digest whose image is ready after so long, on a real control plane."""
    return _digest(Acts.SLOW, milliseconds, 1)


def _digest(acts: Acts, after: int, number: int) -> str:
    return f"sha256:{acts.value}{after:06}{number:054x}"


def sandbox_images(numbers: range = range(1, 5)) -> Mapping[str, Behaviour]:
    """The same for a sandbox, of so many images of each kind."""
    return {digest(acts, number): _BEHAVIOURS[acts] for acts in Acts for number in numbers}


_BEHAVIOURS = {
    Acts.READY: Behaviour(),
    Acts.SLOW: Behaviour(start_seconds=SLOW_MILLISECONDS / 1000),
    Acts.NEVER_READY: Behaviour(never_ready=True),
    Acts.CRASHES: Behaviour(start_seconds=5, crash_after_seconds=0.02),
    Acts.MISSING: Behaviour(missing=True),
    Acts.HOMELESS: Behaviour(homeless=True),
}
