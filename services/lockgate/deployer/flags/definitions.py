"""A flag's definition as text: where it is in a flagd document, and how it reads once the flag is off. Pure.

Only the characters of that one definition change. So everything else in the document stays as somebody wrote it, byte
for byte, and so does the definition itself when it is put back.
"""

import json
import re
from typing import Any, Final, NamedTuple

_DECODER: Final = json.JSONDecoder()
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_NAMED: Final = 8


class FlagError(ValueError):
    """A flag cannot be switched. The message is a sentence for people."""


class Span(NamedTuple):
    """From where to where in a text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]

    def replaced(self, text: str, new: str) -> str:
        return text[: self.start] + new + text[self.end :]


def located(document: str, flag: str) -> Span | None:
    """Where the definition of a flag is in a flagd document; None if that does not define it, or is none."""
    if not isinstance(flags := _read(document).get("flags"), dict) or flag not in flags:
        return None
    inner = _members(document, 0)["flags"]
    return _members(document, inner.start)[flag]


def switched_off(definition: str, variant: str, flag: str) -> str:
    """The definition with which everybody gets this variant, whatever it was. FlagError if it has no such variant.

    `defaultVariant` alone does nothing while `targeting` chooses a variant, and a flag that is DISABLED has no value: its callers
    get the default in their own code, which may be on.
    """
    variants = _read(definition).get("variants")
    if not isinstance(variants, dict) or variant not in variants:
        known = ", ".join(sorted(variants)[:_NAMED]) if isinstance(variants, dict) else "none"
        raise FlagError(
            f"The flag {flag} has no variant {variant}, only {known or 'none'}: name the one that is off in the plan, "
            f"as `off`."
        )
    kept = {name: span.of(definition) for name, span in _members(definition, 0).items()}
    kept.pop("targeting", None)
    kept |= {"state": '"ENABLED"', "defaultVariant": json.dumps(variant)}
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in kept.items()) + "}"


def _read(text: str) -> dict[str, Any]:
    """The object that a text is; empty for any other text."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _members(text: str, at: int) -> dict[str, Span]:
    """Where the values of the object are that begins at a place. The text is valid JSON."""
    spans: dict[str, Span] = {}
    at = _after_blanks(text, _after_blanks(text, at) + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _after_blanks(text, _after_blanks(text, at) + 1)  # over the colon
        _, end = _DECODER.raw_decode(text, at)
        if name in spans:
            raise FlagError(f"The document has two fields {name[:100]} in one object: remove one of them.")
        spans[name] = Span(at, end)
        at = _after_blanks(text, end)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
    return spans


def _after_blanks(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at
