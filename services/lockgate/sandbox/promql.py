"""The part of PromQL that asks for samples: a plain vector selector, with a range or without. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MATCHER = re.compile(
    r"""\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)\s*"""
)
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class BadQueryError(Exception):
    """A query that is no plain selector; the text says where."""


@dataclass(frozen=True, slots=True)
class Matcher:
    label: str
    operator: str
    value: str
    pattern: re.Pattern[str] | None

    def holds(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.label, "")
        same = self.pattern.fullmatch(found) is not None if self.pattern else found == self.value
        return same == (self.operator in ("=", "=~"))


@dataclass(frozen=True, slots=True)
class Selector:
    """Matchers (the metric's name among them, as `__name__`) and a range in seconds (None: an instant vector)."""

    matchers: tuple[Matcher, ...]
    range: float | None

    def selects(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.holds(labels) for matcher in self.matchers)


def parse_selector(query: str) -> Selector:
    """`name{a="b",c!~"d|e"}[5m]`. Raises `BadQueryError` for any other expression."""
    text = query.strip()
    if not text:
        raise _bad(0, "no expression found in input")
    found = _NAME.match(text)
    at = found.end() if found else 0
    matchers = [_matcher("__name__", "=", found.group())] if found else []
    at = _skip(text, at)
    if at < len(text) and text[at] == "{":
        inner, at = _braces(text, at + 1)
        matchers += inner
    at = _skip(text, at)
    span = None
    if at < len(text) and text[at] == "[":
        end = text.find("]", at)
        if end < 0:
            raise _bad(at, "unclosed left bracket")
        span, at = duration(text[at + 1 : end].strip(), at + 1), end + 1
    if _skip(text, at) != len(text):
        raise _bad(at, f"unexpected {text[at:].strip()[:20]!r}: only plain vector selectors are served here")
    if not any(_needs_something(matcher) for matcher in matchers):
        raise _bad(0, "vector selector must contain at least one non-empty matcher")
    return Selector(tuple(matchers), span)


def duration(text: str, at: int = 0) -> float:
    """`1h30m` in seconds. Raises `BadQueryError`."""
    if not _DURATION.fullmatch(text):
        raise _bad(at, f"not a valid duration string: {text!r}")
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds <= 0:
        raise _bad(at, "duration must be greater than 0")
    return seconds


def _bad(at: int, why: str) -> BadQueryError:
    return BadQueryError(f'invalid parameter "query": 1:{at + 1}: parse error: {why}')


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _braces(text: str, at: int) -> tuple[list[Matcher], int]:
    matchers: list[Matcher] = []
    while True:
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return matchers, at + 1
        found = _MATCHER.match(text, at)
        if not found:
            raise _bad(at, "unexpected character inside braces")
        matchers.append(_matcher(found[1], found[2], _unquoted(found[3])))
        at = found.end()
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != "}":
            raise _bad(at, 'unexpected end of input inside braces, expected "," or "}"')


def _matcher(label: str, operator: str, value: str) -> Matcher:
    try:
        pattern = re.compile(value, re.DOTALL) if operator in ("=~", "!~") else None
    except re.error as error:
        raise _bad(0, f"error parsing regexp: {error}: {value!r}") from None
    return Matcher(label, operator, value, pattern)


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])


def _needs_something(matcher: Matcher) -> bool:
    return not matcher.holds({})
