"""Waiting for a condition with a bound, which takes the place of every sleep in tests."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

_LOOK = 0.02  # seconds between two looks


async def eventually(condition: Callable[[], Any], *, within: float = 40.0) -> Any:
    """What the condition, a function or a coroutine, returns once that is true. What it raises counts as not yet.

    AssertionError after `within` seconds, with what it returned or raised last.
    """
    deadline = asyncio.get_running_loop().time() + within
    last: object = None
    while asyncio.get_running_loop().time() < deadline:
        try:
            found = condition()
            value = await found if inspect.isawaitable(found) else found
            if value:
                return value
            last = value
        except Exception as error:  # noqa: BLE001  # a server that is away, or a topic that is not there yet
            last = error
        await asyncio.sleep(_LOOK)
    raise AssertionError(f"not within {within:.0f} s; at last: {last!r}")
