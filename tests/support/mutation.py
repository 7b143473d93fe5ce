"""A function of the product with one safeguard taken out: its own source, changed in one place.

The change is text for text, and the text must be there exactly once: when the safeguard is written otherwise, the
test that takes it out says so instead of passing. `Gate` and `returned` hold the product at a chosen place, so that
no race decides whether the safeguard is needed.
"""

import asyncio
import inspect
import textwrap
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

PATIENCE = 40.0


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


async def fails(check: Awaitable[None], saying: str) -> None:
    """A test that is awaited fails, for the reason that its safeguard is there for."""
    with pytest.raises((AssertionError, pytest.fail.Exception), match=saying):
        await check


class Gate:
    """Lets no call of a coroutine function through until it is opened; what calls it waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        self._called, self._open = asyncio.Event(), asyncio.Event()
        function: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def held(*given: Any, **named: Any) -> Any:
            self._called.set()
            await self._open.wait()
            return await function(*given, **named)

        monkeypatch.setattr(owner, name, held)

    async def holds(self) -> None:
        """Waits until somebody waits at the gate."""
        async with asyncio.timeout(PATIENCE):
            await self._called.wait()

    def open(self) -> None:
        self._open.set()


def returned(monkeypatch: pytest.MonkeyPatch, owner: Any, *names: str) -> list[str]:
    """A list to which each of these coroutine functions adds its name whenever it has returned."""
    found: list[str] = []

    def noting(name: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def noted(*given: Any, **named: Any) -> Any:
            result = await function(*given, **named)
            found.append(name)
            return result

        return noted

    for name in names:
        monkeypatch.setattr(owner, name, noting(name, getattr(owner, name)))
    return found
