"""A safeguard that is taken away: a function of the code, changed text for text where it is."""

import inspect
import textwrap
from types import CodeType
from typing import Any

import pytest

from tests.support.mutation import changed, compiled

Change = tuple[str, str]
Mutant = tuple[Any, str, tuple[Change, ...]]
"""A module or class, the function in it, and each text with what stands in its place."""


def without(owner: Any, function: str, *changes: Change) -> Mutant:
    return owner, function, changes


def take_away(patch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    """Changes the function where it is, so that tables and whoever has imported it have the change too."""
    owner, name, changes = mutant
    function = _plain(inspect.getattr_static(owner, name))
    source = changed(textwrap.dedent(inspect.getsource(function)), *changes)
    patch.setattr(function, "__code__", _plain(compiled(source, name, function.__globals__)).__code__)


def code_of(owner: Any, name: str) -> CodeType:
    code: CodeType = _plain(inspect.getattr_static(owner, name)).__code__
    return code


def _plain(function: Any) -> Any:
    if isinstance(function, property):
        return function.fget
    return getattr(function, "__func__", function)
