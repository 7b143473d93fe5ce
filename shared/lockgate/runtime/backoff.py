"""Capped exponential backoff. The delays are fixed, so that a log says what will happen."""

import asyncio


class Backoff:
    """Waits `first`, then twice as long each time, at most `most` seconds."""

    def __init__(self, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self.peek = first

    def reset(self) -> None:
        self.peek = self._first

    async def wait(self) -> None:
        delay, self.peek = self.peek, min(self.peek * 2, self._most)
        await asyncio.sleep(delay)
