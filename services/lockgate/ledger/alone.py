"""A connection that only one process has: it holds an advisory lock, which the server frees with it. Talks to PostgreSQL."""

from importlib import resources
from typing import Any

import asyncpg

STATEMENT_SECONDS = 15.0


async def alone(
    dsn: str, *, name: str, lock: int, package: str, needs: str = ""
) -> "asyncpg.Connection[Any] | None":
    """The connection, and the `tables.sql` of a package run on it. None if another process has the lock, or a table that it
    `needs` is not there yet. Every statement has a timeout.
    """
    connection = await asyncpg.connect(
        dsn,
        timeout=STATEMENT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        server_settings={"application_name": name, "timezone": "UTC"},
    )
    try:
        ready = not needs or await connection.fetchval("select to_regclass($1) is not null", needs)
        if ready and await connection.fetchval("select pg_try_advisory_lock($1)", lock):
            await connection.execute(resources.files(package).joinpath("tables.sql").read_text("utf-8"))
            return connection
    except BaseException:
        connection.terminate()
        raise
    connection.terminate()
    return None
