"""A function of the product with one safeguard taken out: its own source, changed in one place.

The change is text for text, and the text must be there exactly once: when the safeguard is written otherwise, the
test that takes it out says so instead of passing.
"""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import pytest


def without(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *changes: tuple[str, str]) -> None:
    """Replaces the function `name` of a class or module by itself with each change (old, new) made."""
    function: Callable[..., Any] = inspect.getattr_static(owner, name)
    source = textwrap.dedent(inspect.getsource(function))
    monkeypatch.setattr(owner, name, compiled(changed(source, *changes), name, function.__globals__))


def changed(source: str, *changes: tuple[str, str]) -> str:
    """The text with each change made. AssertionError if what is to be changed is not there exactly once."""
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} is there {source.count(old)} times, not once, in:\n{source}"
        source = source.replace(old, new)
    return source


def compiled(source: str, name: str, module: dict[str, Any]) -> Callable[..., Any]:
    """The function of this source, which sees the names of its module as they are now."""
    made: dict[str, Any] = {}
    exec(source, module, made)  # noqa: S102  # our own source
    function: Callable[..., Any] = made[name]
    return function
