"""Faults that a test or a demo puts on an API, and what they do to a request."""

import asyncio
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["down", "error", "slow", "empty", "nan"]


class Fault(BaseModel):
    """`down`: connections are refused; `error`: `status` to everything; `slow`: `seconds` more for everything.

    Prometheus alone: `empty` finds nothing, `nan` makes every value NaN.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    status: int = Field(default=500, ge=400, le=599)
    seconds: float = Field(default=2.0, ge=0)


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
