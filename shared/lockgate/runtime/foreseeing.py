"""Which rows a decision will read, found by deciding before it counts: what comes of that is dropped. Pure.

To which applications `*` passes an event on only its decision says, and what a core reads beyond `touches` only the decision
in question. Where nothing of them is remembered, each event of a batch would wait for the database three times and more, one
after the other; known before, the rows of all of them are loaded together.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import structlog

from lockgate.messages.decision import Core, NotLoaded, Row, RowKey, Rows
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime.decider import Loaded, check

log = structlog.get_logger()


class Foreseen(NamedTuple):
    """What has to be loaded first, or, if that is nothing, the applications that get the event next."""

    missing: tuple[RowKey, ...] = ()
    forward: tuple[str, ...] = ()


class _Bodies(Mapping[RowKey, Row | None]):
    """The rows that are remembered, without their versions."""

    def __init__(self, loaded: Mapping[RowKey, Loaded]) -> None:
        self._loaded = loaded

    def __getitem__(self, name: RowKey) -> Row | None:
        return self._loaded[name].row

    def __contains__(self, name: object) -> bool:
        return name in self._loaded

    def __iter__(self) -> Iterator[RowKey]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


def foresee(
    core: Core,
    key: str,
    given: Message[Payload],
    now: datetime,
    loaded: Mapping[RowKey, Loaded],
    *,
    whole: bool,
) -> Foreseen:
    """By the rows as they are now: what comes before it in its batch may make it read others, which are loaded then.

    If not `whole`, only what it certainly reads.
    """
    try:
        if missing := tuple(name for name in core.touches(key, given) if name not in loaded):
            return Foreseen(missing)
        if not whole:
            return Foreseen()
        step = core.decide(Rows(key, _Bodies(loaded)), given, now)
        check(core, key, step)  # what goes on to `*` again would be looked at without end
        return Foreseen(forward=step.forward)
    except NotLoaded as more:
        return Foreseen(more.keys)
    except Exception as error:  # noqa: BLE001  # a bug of the core, which is met again where the event is parked
        log.debug("the core raised; the event will be parked", error=repr(error))
        return Foreseen()
