"""Stories of different applications that are told at the same time, since each spends its time with waiting."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from tests.support.story import Story
from tests.support.whole import Whole

Teller = Callable[[Story], Awaitable[None]]


class Together:
    """Begins all stories at once; each test asks for its own, and sees what went wrong in it."""

    def __init__(self, whole: Whole, *tellers: Teller) -> None:
        self._stories = {teller: whole.story(teller.__name__.replace("_", "-")) for teller in tellers}
        self._tasks: dict[Teller, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        for teller, story in self._stories.items():
            self._tasks[teller] = asyncio.create_task(_told(teller, story))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def story(self, teller: Teller) -> Story:
        """The story, told to its end."""
        await asyncio.shield(self._tasks[teller])
        return self._stories[teller]


async def _told(teller: Teller, story: Story) -> None:
    await teller(story)
