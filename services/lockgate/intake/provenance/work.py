"""Intake's one kind of slow work, `check`: an artifact's bundles, in a thread, a few at a time.

It takes a few milliseconds of a core and no network, and what it is given is bounded; so it needs no limit of its own beside
the core's. The library is loaded with the first check: most installations may never need it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from lockgate.intake.checks import Check, unproven
from lockgate.intake.settings import Settings
from lockgate.messages.releases import ArtifactRefusal

Report = Callable[[dict[str, Any]], Awaitable[None]]
WorkFunction = Callable[[dict[str, Any], Report], Awaitable[dict[str, Any]]]

log = structlog.get_logger()
AT_ONCE: Final = 2


@asynccontextmanager
async def open_work(settings: Settings) -> AsyncIterator[Mapping[str, WorkFunction]]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def check(body: dict[str, Any], _report: Report) -> dict[str, Any]:
        async with turns:
            return await asyncio.to_thread(_checked, body, settings.trust_root)

    yield {"check": check}


def _checked(body: dict[str, Any], trust_root: Path | None) -> dict[str, Any]:
    """Always an answer: what raised would be tried again and again, and raise again."""
    try:
        return _found(body, trust_root)
    except Exception as error:
        log.exception("a check of provenance failed: its artifact is refused")
        told = f"the check failed ({type(error).__name__}): look at intake's log, and announce it again"
        return unproven(ArtifactRefusal.NOT_CHECKED, told).model_dump(mode="json")


def _found(body: dict[str, Any], trust_root: Path | None) -> dict[str, Any]:
    from lockgate.intake.provenance.checking import check  # noqa: PLC0415  # see above

    return check(Check.model_validate(body), trust_root).model_dump(mode="json")
