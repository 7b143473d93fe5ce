"""Faults that a test or a demo puts on an API, and what they do to a request."""

import asyncio
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["down", "error", "slow", "lost", "empty", "nan", "gap"]


class Fault(BaseModel):
    """`down`: connections are refused; `error`: `status` to everything; `slow`: `seconds` more for everything.

    Kubernetes alone: `lost` does what a write asks and cuts the connection before the answer.
    Prometheus alone: `empty` finds nothing, `nan` makes every value NaN, `gap` misses scrapes.
    `methods` (empty: all) and `times` (None: until taken back) narrow `error`, `slow` and `lost`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    status: int = Field(default=500, ge=400, le=599)
    seconds: float = Field(default=2.0, ge=0)
    methods: tuple[str, ...] = ()
    times: int | None = Field(default=None, ge=1)

    def hits(self, method: str) -> bool:
        return not self.methods or method in self.methods

    def spent(self) -> "Fault | None":
        """What is left of the fault after it hit once."""
        if self.times is None or self.mode == "down":
            return self
        return self.model_copy(update={"times": self.times - 1}) if self.times > 1 else None


async def suffer(request: web.Request, fault: Fault | None) -> int | None:
    """Make a request suffer; the status to answer, or None to go on.

    For `down` the connection is cut: its listener is closed already, but kept connections would live on.
    """
    match fault:
        case Fault(mode="down"):
            if request.transport is not None:
                request.transport.abort()
            return 503
        case Fault(mode="error", status=status):
            return status
        case Fault(mode="slow", seconds=seconds):
            await asyncio.sleep(seconds)
        case _:
            pass
    return None
