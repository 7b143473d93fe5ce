"""The embedded PostgreSQL, seen by a client and by whoever starts and stops it."""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from lockgate.embedded import EmbeddedError, Postgres, postgres_binaries


async def run(dsn: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


@pytest.mark.parametrize("durable", [True, False])
async def test_a_server_that_is_stopped_and_started_keeps_its_port_and_its_rows(
    tmp_path: Path, *, durable: bool
) -> None:
    with Postgres(tmp_path / "postgres", durable=durable) as postgres:
        await run(postgres.dsn(), "CREATE TABLE letters AS SELECT 'a' AS letter")
        before = postgres.dsn()

        postgres.stop()
        assert not postgres.ready()
        postgres.start()

        assert postgres.dsn() == before
        assert await run(postgres.dsn(), "SELECT letter FROM letters") == [("a",)]


@pytest.mark.parametrize("durable", [True, False])
async def test_a_killed_server_comes_back_with_every_committed_row(tmp_path: Path, *, durable: bool) -> None:
    with Postgres(tmp_path / "postgres", durable=durable) as postgres:
        await run(postgres.dsn(), "CREATE TABLE numbers AS SELECT generate_series(1, 1000) AS number")

        postgres.kill()
        postgres.start()

        assert await run(postgres.dsn(), "SELECT count(*) FROM numbers") == [(1000,)]


async def test_pausing_stops_sessions_that_are_open_already(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", durable=False) as postgres:
        session = await asyncpg.connect(postgres.dsn())
        postgres.pause()
        with pytest.raises(TimeoutError):
            await session.fetchval("SELECT 1", timeout=0.5)
        postgres.resume()
        assert await session.fetchval("SELECT 2", timeout=20) == 2
        await session.close()


async def test_a_server_killed_while_paused_leaves_no_session_behind_and_comes_back(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", durable=False) as postgres:
        session = await asyncpg.connect(postgres.dsn())
        backend = psutil.Process(await session.fetchval("SELECT pg_backend_pid()"))
        postgres.pause()

        postgres.kill()

        assert not backend.is_running()
        postgres.start()
        assert await run(postgres.dsn(), "SELECT 1") == [(1,)]
        session.terminate()


async def test_a_created_database_is_empty_and_apart(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", durable=False) as postgres:
        one, two = postgres.create_database("one"), postgres.create_database("two")
        await run(one, "CREATE TABLE only_here (id int)")
        tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'"
        assert await run(one, tables) == [(1,)]
        assert await run(two, tables) == [(0,)]

        with pytest.raises(EmbeddedError, match="The database one exists already"):
            postgres.create_database("one")
        with pytest.raises(EmbeddedError, match="is no plain database name"):
            postgres.create_database('x"; DROP DATABASE one; --')


async def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", durable=False) as postgres:
        wrong = postgres.dsn().replace("://lockgate:", "://lockgate:x")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await run(wrong, "SELECT 1")


async def test_a_folder_may_have_spaces_commas_and_other_letters_in_its_name(tmp_path: Path) -> None:
    with Postgres(tmp_path / "a b, c = ü\\", durable=False) as postgres:
        assert await run(postgres.dsn(), "SELECT 1") == [(1,)]


@pytest.fixture
def place_for_all() -> Iterator[Path]:
    """A folder that every user can enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


async def test_it_runs_from_a_checkout_that_only_its_owner_can_enter(
    tmp_path: Path, place_for_all: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root this is a clone under /root: nobody, who PostgreSQL then runs as, reaches neither programs nor data."""
    checkout = tmp_path / "checkout"
    checkout.mkdir(mode=0o700)
    for part in postgres_binaries._PARTS:
        shutil.copytree(postgres_binaries._packages() / part, checkout / part, symlinks=True)
    monkeypatch.setattr(postgres_binaries, "_packages", lambda: checkout)
    monkeypatch.setattr(postgres_binaries, "_SHARED", place_for_all)
    monkeypatch.setenv("LOCKGATE_CACHE", str(checkout / "cache"))

    with Postgres(checkout / "state", durable=False) as postgres:
        assert await run(postgres.dsn(), "SELECT 1") == [(1,)]
        home = (checkout / "state" / "home").resolve()
        assert home.exists()
    assert not home.exists()
    assert not (checkout / "state").exists()


async def test_what_is_kept_serves_the_next_server_on_that_folder(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", keep=True) as first:
        await run(first.dsn(), "CREATE TABLE letters AS SELECT 'a' AS letter")
    with Postgres(tmp_path / "postgres") as second:
        assert await run(second.dsn(), "SELECT letter FROM letters") == [("a",)]


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with (
        Postgres(tmp_path / "postgres", durable=False),
        pytest.raises(EmbeddedError, match="in use by another postgres"),
    ):
        Postgres(tmp_path / "postgres").start(timeout=0.2)


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".lockgate-embedded").write_text("postgres 17")
    with pytest.raises(EmbeddedError, match=r"holds data of postgres 17; this is postgres 18"):
        Postgres(tmp_path).start()


async def test_two_servers_start_side_by_side(tmp_path: Path) -> None:
    servers = [Postgres(tmp_path / name, durable=False) for name in ("one", "two")]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Postgres.start, servers))
        for server in servers:
            assert await run(server.dsn(), "SELECT 1") == [(1,)]
    finally:
        for server in servers:
            server.close()
