"""The hands of the toy service: slow work whose end the test decides."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from lockgate.runtime.service import OpenWork
from lockgate.runtime.workers import Report, WorkFunction
from tests.support.eventually import eventually


class Hands:
    """A work function that waits for the test; by argument: what began, what was cancelled, what may end."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.began: list[str] = []
        self.cancelled: list[str] = []
        self.refused: list[str] = []
        self.free: set[str] = set()
        self.failures = 0
        self._stubborn = stubborn

    async def __call__(self, body: dict[str, Any], report: Report) -> dict[str, Any]:
        argument = body["argument"]
        self.began.append(argument)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the cluster is away")
        try:
            await eventually(lambda: argument in self.free)
        except asyncio.CancelledError:
            self.cancelled.append(argument)
            if not self._stubborn:
                raise
            await eventually(lambda: argument in self.free)
            try:
                await report({"said": f"still {argument}"})
            except Exception:
                self.refused.append(argument)
                raise
        return {"said": argument}

    @property
    def opened(self) -> OpenWork:
        @asynccontextmanager
        async def open_work() -> AsyncIterator[Mapping[str, WorkFunction]]:
            yield {"toy": self}

        return open_work
