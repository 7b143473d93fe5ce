"""Loads at once what a batch needs, so that deciding seldom waits. Talks to the state (and through it to the store)."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime

import structlog

from lockgate.messages.decision import Core, RowKey
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.values import EVERY
from lockgate.runtime.foreseeing import foresee
from lockgate.runtime.inlet_id import inlet_id
from lockgate.runtime.state import State

log = structlog.get_logger()

LOOKS = 3
"""So often a batch is looked through for more rows: what `*` reads, then an application, and then what that depends on."""

MOST = 2_000
"""So many events and applications are looked through at a time: one event of a region may be for all that run there. The others wait
for the database when they are decided.
"""

Under = tuple[str, Message[Payload]]
"""A key, and an event that is decided under it."""


class Preloading:
    """What a core or a row raises here it raises again where the event is decided, alone; there it is parked."""

    def __init__(self, core: Core, state: State) -> None:
        self._core = core
        self._state = state

    async def load(self, messages: Sequence[Message[Payload]], now: datetime) -> None:
        keys: set[str] = set()
        rows: set[RowKey] = set()
        looked: list[Under] = []
        for message in messages:
            try:
                under = self._core.keys(message)
                rows.update(row for key in under for row in self._core.touches(key, message))
                keys.update(under)
                looked += [(key, message) for key in under if key == EVERY or key not in self._state.keys]
            except Exception as error:  # noqa: BLE001  # a bug of the core, which is met again where it is parked
                log.debug("the core raised; the event will be parked", error=repr(error))
        ids = [inlet_id(message) for message in messages if message.number is None]
        await self._state.need(keys, marked(messages), rows, ids)
        if len(messages) > 1:  # one alone waits for as much when it is decided
            await self._look_ahead(looked, now)

    async def _look_ahead(self, looked: Sequence[Under], now: datetime) -> None:
        """What the events read beyond that, and the applications which `*` passes them on to. Of what is read under a key
        that is remembered only what is certain: the rest is remembered too, as a rule.
        """
        whole = {key for key, _ in looked}
        for _ in range(LOOKS):
            queue, keys, rows = deque(looked), set[str](), set[RowKey]()
            looked = []
            for _ in range(MOST):
                if not queue:
                    break
                key, message = queue.popleft()
                if key not in self._state.keys:
                    whole.add(key)
                found = foresee(self._core, key, message, now, self._state.rows, whole=key in whole)
                queue.extend((to, message) for to in found.forward)
                if found.missing:
                    keys.add(key)
                    rows.update(found.missing)
                    looked.append((key, message))
            if not looked:
                return
            await self._state.need(keys, (), rows, ())


def marked(messages: Sequence[Message[Payload]]) -> set[str]:
    """The keys under which it has to be known how far the writers of these events, and of their causes, were read."""
    internal = [message for message in messages if message.number is not None]
    return {m.key for m in internal} | {c.key for m in internal for c in m.after}
