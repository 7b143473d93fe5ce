"""Ends what may not want to end: tasks and clients, within a bound. Used by whatever stops; talks to nobody.

A cancellation can get lost. `asyncio.wait_for` (before Python 3.12) and some closings of aiokafka swallow it, and an
error raised while a transaction is being cancelled hides it. So nothing here trusts that one cancellation is enough.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

log = structlog.get_logger()

CANCEL_SECONDS = (
    7.0  # longer than what a cancelled task still closes; a second cancellation would cut that off
)
LEFT_SECONDS = 1.0  # for what was cut off to let go of its connections


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks again and again until all have ended. What they raised is left in them."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_SECONDS)
        for task in left:
            log.warning("a task went on though it was cancelled; it is cancelled again", task=repr(task))


async def unless(stop: asyncio.Event, doing: Coroutine[Any, Any, None]) -> None:
    """Does something, or ends it as soon as it is time to stop. What it raises is raised, unless it was ended."""
    tasks = [asyncio.create_task(doing), asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        await end(tasks)


async def begin(starting: Coroutine[Any, Any, Any], seconds: float) -> None:
    """Lets something start within `seconds`. TimeoutError if it does not.

    Not cut off at once when the caller is: a client of aiokafka that is cancelled while it connects leaves that
    connection to the garbage collector.
    """
    task = asyncio.create_task(starting)
    try:
        async with asyncio.timeout(seconds):
            await asyncio.shield(task)
    except BaseException:
        _, late = await asyncio.wait({task}, timeout=LEFT_SECONDS)
        for each in late:
            each.cancel()
        raise


async def close(closing: Coroutine[Any, Any, Any], seconds: float) -> str | None:
    """Closes something within `seconds`, or leaves it. Says what went wrong, None if nothing; what it raises is part of that.

    In a task of its own: with the broker away aiokafka's closing raises CancelledError, which here would look as if
    the caller itself were cancelled, and end it without a word (seen).
    """
    task = asyncio.create_task(closing)
    try:
        _, late = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if late:
        task.cancel()
        await asyncio.wait({task}, timeout=LEFT_SECONDS)
        return f"not closed within {seconds:g} s"
    if task.cancelled():
        return "its closing was cancelled from within"
    return None if (error := task.exception()) is None else repr(error)
