"""Hands what work reports to the engine: those that wait for their turn at the same time are one transaction.

A deployer that rolls out in a thousand regions has hundreds of reports at a time. A transaction for each, and a record or two in
a request of its own for all who read them, was most of what a release over many regions cost. Talks to the engine and the store.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import structlog

from lockgate.runtime.batch import WorkName, WorkRow
from lockgate.runtime.engine import Engine
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.reader import Reader
from lockgate.runtime.store import STARTING_OVER, Store

log = structlog.get_logger()

MOST = 50
"""So many reports are decided at once; then what is committed and sent meanwhile gets its turn."""


class Fate(Enum):
    """What became of a report."""

    TAKEN = auto()
    AGAIN = auto()  # nothing of it is written; it is to be handed over again
    UNWANTED = auto()  # its work was replaced or cancelled


@dataclass(eq=False, slots=True)
class _Said:
    row: WorkRow
    body: dict[str, Any]
    final: bool
    fate: Fate | None = None

    @property
    def name(self) -> WorkName:
        return (self.row.key, self.row.name)


class Reporting:
    def __init__(self, store: Store, reader: Reader, engine: Engine) -> None:
        self._store = store
        self._reader = reader
        self._engine = engine
        self._waiting: dict[_Said, None] = {}
        self._apart: set[WorkName] = set()
        """Work whose reports go alone, because something in their company could not be decided or written."""

    async def hand_over(self, row: WorkRow, body: dict[str, Any], *, final: bool) -> Fate:
        """Tries it once. What the core raises about this very report comes out."""
        await self._reader.fresh.wait()
        said = _Said(row, body, final)
        self._waiting[said] = None
        try:
            async with self._engine.alone():
                if said.fate is None:
                    await self._take(self._company(said))
        finally:
            self._waiting.pop(said, None)
        return said.fate or Fate.AGAIN

    def _company(self, said: _Said) -> list[_Said]:
        """Those that are taken with it: of each piece of work one, since the next may depend on it."""
        if said.name in self._apart:
            return [said]
        company = {said.name: said}
        for each in self._waiting:
            if len(company) == MOST:
                break
            if each.name not in self._apart:
                company.setdefault(each.name, each)
        return list(company.values())

    async def _take(self, company: list[_Said]) -> None:
        """Whatever happens, nobody of the company waits for another one to take it."""
        for each in company:
            self._waiting.pop(each, None)
        try:
            if not self._reader.stale:
                await self._decide(company)
        except STARTING_OVER as error:
            self._reader.mark_stale()
            log.info("reports will be delivered again", count=len(company), error=repr(error))
        except BaseException as error:
            self._reader.mark_stale()  # what the engine remembers is not to be trusted
            if len(company) == 1 or not isinstance(error, Exception):
                raise
            self._apart.update(each.name for each in company)
            log.warning("reports will be delivered one by one", count=len(company), error=repr(error))
        finally:
            _all(company, Fate.AGAIN)

    async def _decide(self, company: list[_Said]) -> None:
        wanted = await self._store.wanted_work([each.row for each in company])
        due = [each for each in company if each.name in wanted and each.row.part in self._engine.owned]
        _all([each for each in company if each not in due], Fate.UNWANTED)
        if not due:
            return
        taken = await self._engine.take_reports([(each.row, each.body, each.final) for each in due])
        _all([each for each in due if each.name in taken], Fate.TAKEN)
        self._apart.difference_update(taken)
        for _ in taken:
            reach(Point.REPORTED)


def _all(company: list[_Said], fate: Fate) -> None:
    for each in company:
        each.fate = each.fate or fate
