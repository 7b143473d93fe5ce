"""Brings a service's schema up to date, from the files in migrations/. Talks to PostgreSQL only."""

from importlib import resources
from typing import Any

import asyncpg


async def migrate(pool: "asyncpg.Pool[Any]", schema: str) -> None:
    """Applies what is missing, once, whichever replica comes first. `schema` is an identifier of our own settings."""
    files = sorted(
        resources.files("lockgate.runtime").joinpath("migrations").iterdir(), key=lambda file: file.name
    )
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select pg_advisory_xact_lock(hashtext('lockgate.migrate'), hashtext($1))", schema
        )
        await connection.execute(f"create schema if not exists {schema}")
        await connection.execute(
            "create table if not exists migrations (name text primary key, at timestamptz default now())"
        )
        done = {r["name"] for r in await connection.fetch("select name from migrations")}
        for file in files:
            if file.name.endswith(".sql") and file.name not in done:
                await connection.execute(file.read_text().replace("{schema}", schema))
                await connection.execute("insert into migrations (name) values ($1)", file.name)
