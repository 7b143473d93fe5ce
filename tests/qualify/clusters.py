"""What the long runs on a real API server have in common: so many draws, a few at a time, each in a new namespace."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

from tests.qualify.progress import say
from tests.support.controlplane import ControlPlane, programs, started
from tests.support.places import Place, served

Draw = TypeVar("Draw")
Run = Callable[[Place, Draw], Awaitable[str | None]]
"""What a draw came to; None if it does not count. AssertionError or TimeoutError if something was violated."""

Opened = Callable[[], AbstractAsyncContextManager[Run[Draw]]]
"""What a lane needs for its runs, one after the other."""


def counted(draws: Iterator[Draw], wanted: int, lanes: int, opened: Opened[Draw]) -> dict[str, Any]:
    """The figures of so many runs that count, or of as many as there are draws, on a control plane of their own."""
    with tempfile.TemporaryDirectory() as folder, started(programs(), Path(folder) / "plane") as plane:
        return asyncio.run(_counted(plane, draws, wanted, lanes, opened))


async def _counted(
    plane: ControlPlane, draws: Iterator[Draw], wanted: int, lanes: int, opened: Opened[Draw]
) -> dict[str, Any]:
    hits, violations, void = Counter[str](), list[str](), 0

    async def lane() -> None:
        nonlocal void
        async with opened() as run:
            while hits.total() + len(violations) < wanted and (draw := next(draws, None)) is not None:
                async with served(plane) as place:
                    try:
                        came_to = await run(place, draw)
                    except (AssertionError, TimeoutError) as error:
                        violations.append(f"{draw}: {error!r}"[:2000])
                        say(violations[-1])
                    else:
                        hits.update([came_to] if came_to is not None else [])
                        void += came_to is None
                    await asyncio.to_thread(
                        plane.admin.ask, "DELETE", f"/api/v1/namespaces/{place.namespace}"
                    )
                say(f"{hits.total()} of {wanted}, {void} that do not count, {len(violations)} violations")

    await asyncio.gather(*(lane() for _ in range(lanes)))
    return {
        "runs": hits.total() + len(violations),
        "void": void,
        "hits": dict(sorted(hits.items())),
        "violations": violations,
    }
