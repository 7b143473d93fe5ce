"""A line for people about an event, as a story has it."""

from lockgate.messages.payload import Payload

_TOLD = (
    *("release", "stage", "region", "action", "fence", "outcome", "code", "grade", "number", "turn", "debts"),
    *("waiting_for", "until", "unreachable", "guilty"),
)


def describe(body: Payload) -> str:
    said = {name: getattr(body, name) for name in _TOLD if getattr(body, name, None) not in {None, ()}}
    if "release" in said:
        said["release"] = said["release"][:6]
    digest = getattr(body, "digest", None) or getattr(getattr(body, "artifact", None), "digest", None)
    about = " ".join(f"{name}={value}" for name, value in said.items())
    return f"{type(body).__name__} {about}{f' {digest[7:13]}' if digest else ''}"
