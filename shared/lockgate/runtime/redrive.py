"""Answers operators who ask for another try of what is stuck among the parked events, without a restart.

They write a row (`redrives` of the service's schema; `lockgate parked redrive` does); whichever replica has the
partition looks once a second, tries under the engine's lock, and answers in the same transaction. Nothing is
dropped by this: what cannot be taken waits on, in order. Talks to the store, the reader and the engine.
"""

import asyncio

import structlog

from lockgate.runtime.batch import Redrive
from lockgate.runtime.engine import Engine
from lockgate.runtime.reader import Reader
from lockgate.runtime.store import RETRYABLE, STARTING_OVER, ConflictError, Store

log = structlog.get_logger()

LOOK_SECONDS = 1.0


class Redrives:
    def __init__(self, store: Store, reader: Reader, engine: Engine) -> None:
        self._store = store
        self._reader = reader
        self._engine = engine

    async def run(self) -> None:
        """Answers until it is cancelled. What fails stays open, and is tried again."""
        while True:
            try:
                await self._round()
            except ConflictError as conflict:
                log.info(
                    "another replica was first; redrives will be looked at again", conflict=str(conflict)
                )
            except RETRYABLE as error:
                log.warning("redrives will be looked at again", error=repr(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def _round(self) -> None:
        parts = sorted(self._engine.owned)
        for asked in await self._store.open_redrives(parts) if parts else ():
            async with self._engine.alone():
                if self._reader.stale or asked.part not in self._engine.owned:
                    return
                if not await self._answer(asked):
                    return

    async def _answer(self, asked: Redrive) -> bool:
        said = log.bind(writer=asked.writer, key=asked.key, redrive=asked.id, asked_by=asked.asked_by)
        try:
            answer = await self._engine.redrive(asked)
        except STARTING_OVER:
            self._reader.mark_stale()
            raise
        except Exception:  # noqa: BLE001  # whatever the driver says of one outcome; logged with its trace
            self._reader.mark_stale()
            said.exception(
                "a redrive cannot be written; what waited is taken one by one, and it is tried again"
            )
            return False
        except BaseException:
            self._reader.mark_stale()
            raise
        said.info(
            "redriven",
            released=answer.released,
            still_parked=answer.waiting,
            number=answer.number,
            reason=answer.reason,
            detail=answer.detail,
        )
        return True
