"""Whether the database is still the one that was looked at last: a restore must be noticed before anything is written.

A generation begins when the server or the database is another one than before, or knows less than it did. While the
newest was not looked at by a recovery, nothing is written and nothing is published. Talks to PostgreSQL.
"""

import asyncio
from typing import Any

import asyncpg

SECONDS = 10.0


class RestartedError(asyncpg.InterfaceError):  # type: ignore[misc]  # asyncpg has no types
    """The database is, or may be, another one than before: perhaps it was restored to an earlier time."""


class Doubt:
    def __init__(self) -> None:
        self.generation = 0
        self.sending = asyncio.Lock()
        """Held while something is published: what is on its way belongs to what is looked at."""
        self._looked = 0
        self._server: tuple[Any, ...] | None = None

    @property
    def suspect(self) -> bool:
        return self.generation != self._looked

    def looked(self, generation: int) -> None:
        """What the database had in this generation was looked at. Later ones stay in doubt."""
        self._looked = generation

    async def recognise(self, connection: "asyncpg.Connection[Any]") -> None:
        """Called with each new connection. RestartedError, once, if the server is not the one it was."""
        found = await connection.fetchrow(
            "select pg_postmaster_start_time(), oid from pg_database where datname = current_database()",
            timeout=SECONDS,
        )
        before, self._server = self._server, tuple(found)
        if before not in {None, self._server}:
            self.generation += 1
            raise RestartedError("the database server was started anew: what it has is looked at first")

    def went_back(self, what: str, known: int, found: int) -> RestartedError:
        """What to raise when the database knows less than it did, though nobody started it anew."""
        self.generation += 1
        return RestartedError(
            f"the database has {what} at {found}, and had it at {known} before: it was restored, and is looked at first"
        )
