"""How clones and their Services are called: the one place that makes such names and reads them. Pure."""

import re

_END = r"-pilot-[0-9]+"
_CLONE = re.compile(rf".+({_END})")


def clone_name(deployment: str, number: int) -> str:
    """A release has one clone in a region, whatever for: pilot, canary and green side take it over."""
    return f"{deployment}-pilot-{number}"


def service_of_clone(service: str, clone: str) -> str:
    """The Service of a clone ends as the clone does."""
    found = _CLONE.fullmatch(clone)
    return f"{service}{found[1]}" if found else f"{service}-{clone}"


def is_service_of_clone(name: str, service: str) -> bool:
    """Whether a name is that of a Service of any clone beside this Service."""
    return re.fullmatch(re.escape(service) + _END, name) is not None
