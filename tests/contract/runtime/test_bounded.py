"""What must end does end: also what swallows its cancellation, hangs while it closes, or cancels itself."""

import asyncio

import pytest

from lockgate.runtime import bounded


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded, "CANCEL_SECONDS", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await bounded.end([task])
    assert (task.cancelled(), swallowed) == (True, 3)


async def test_a_task_that_failed_keeps_its_error_when_it_is_ended() -> None:
    async def broken() -> None:
        raise ValueError("of its own")

    task = asyncio.create_task(broken())
    await asyncio.wait({task})
    await bounded.end([task])
    assert repr(task.exception()) == "ValueError('of its own')"


async def test_closing_is_said_to_be_well_late_broken_or_cancelled_from_within() -> None:
    async def well() -> None:
        pass

    async def broken() -> None:
        raise OSError("no broker")

    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    assert await bounded.close(well(), 10) is None
    assert await bounded.close(broken(), 10) == "OSError('no broker')"
    assert await bounded.close(cancels_itself(), 10) == "its closing was cancelled from within"
    assert await bounded.close(asyncio.Event().wait(), 0.01) == "not closed within 0.01 s"


async def test_whoever_closes_can_be_cancelled_and_takes_the_closing_along() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    closing = asyncio.create_task(bounded.close(hangs(), 60))
    await begun.wait()
    closing.cancel()
    async with asyncio.timeout(10):
        await ended.wait()
    with pytest.raises(asyncio.CancelledError):
        await closing


async def test_what_is_done_unless_it_is_time_to_stop_is_ended_then_and_raises_before() -> None:
    stop, begun, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def broken() -> None:
        raise ValueError("of its own")

    async def hangs() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ValueError, match="of its own"):
        await bounded.unless(stop, broken())
    doing = asyncio.create_task(bounded.unless(stop, hangs()))
    await begun.wait()
    stop.set()
    async with asyncio.timeout(10):
        await doing
    assert ended.is_set()
