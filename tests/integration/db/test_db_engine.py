"""The schema up and down, and a database that does not answer."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tertulia.db import engine, migrate, schema
from tertulia.db.access import Access
from tertulia.db.engine import Database, driver_url
from tertulia.db.tables import METADATA
from tertulia.errors import ConfigError, Unavailable
from tertulia.times import from_seconds


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def tables(database: Database) -> set[str]:
    async with database.read() as connection:
        return set(await connection.run_sync(lambda c: sa.inspect(c).get_table_names()))


async def test_migrations_go_up_and_down_and_up(database: Database) -> None:
    assert await schema.version(database) is None
    for _ in range(2):
        await migrate.upgrade(database)
        await migrate.upgrade(database)
        assert await schema.version(database) == schema.HEAD
        assert await tables(database) == {*METADATA.tables, "alembic_version"}
        await migrate.downgrade(database, "base")
        assert await schema.version(database) is None
        assert await tables(database) == {"alembic_version"}


async def test_they_make_what_the_code_expects(database: Database) -> None:
    await migrate.upgrade(database)
    options = {"compare_type": True, "target_metadata": METADATA}
    async with database.unhurried() as connection:
        found = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c, opts=options), METADATA)
        )
    assert found == []


@pytest.mark.parametrize(
    ("version", "oldest", "wrong"),
    [
        (schema.HEAD, schema.HEAD, None),
        ("0999", schema.HEAD, None),
        ("0999", "0001", None),
        ("0999", "0998", "is too old: install a newer one"),
        ("0001", "0001", "run `tertulia migrate`"),
        ("0999", None, "is not Tertulia's"),
        ("ae1027a6acf1", "0001", "is not Tertulia's"),
        (None, schema.HEAD, "run `tertulia migrate`"),
    ],
)
async def test_a_version_works_with_newer_schemas_that_do_not_say_otherwise(
    database: Database, version: str | None, oldest: str | None, wrong: str | None
) -> None:
    await migrate.upgrade(database)
    async with database.unhurried() as connection:
        await connection.execute(sa.text("DELETE FROM alembic_version"))
        if version is not None:
            await connection.execute(sa.text("INSERT INTO alembic_version VALUES (:it)"), {"it": version})
        if oldest is None:
            await connection.execute(sa.text("DROP TABLE compatibility"))
        else:
            await connection.execute(sa.text("UPDATE compatibility SET oldest = :it"), {"it": oldest})
    found = await schema.fault(database)
    if wrong is None:
        assert found is None
        await schema.check(database)
    else:
        assert wrong in str(found)
        with pytest.raises(ConfigError, match=wrong):
            await schema.check(database)
    if version == "0999":
        await migrate.upgrade(database)
        assert await schema.version(database) == "0999", "an older version leaves it as it is"
        with pytest.raises(ConfigError, match="only the version that made it"):
            await migrate.downgrade(database, "0001")


async def test_processes_that_migrate_at_once_do_not_collide(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(3)]
    await asyncio.gather(*(migrate.upgrade(database) for database in databases))
    assert await schema.version(databases[0]) == schema.HEAD
    await asyncio.gather(*(database.close() for database in databases))


async def test_changing_the_schema_has_no_deadline(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as short:
        short.setattr(engine, "DEADLINE", 1.0)  # to connect has that, too
        database = Database(postgres_url)
    holder = Database(postgres_url)
    async with holder.unhurried() as connection:
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(migrate.LOCK)))
        waiting = asyncio.create_task(migrate.upgrade(database))
        done, _ = await asyncio.wait([waiting], timeout=1.5)
        assert not done, "as while another process migrates"
    await waiting
    async with database.migrating() as connection:
        await connection.execute(sa.select(sa.func.pg_sleep(1.5)))
    await asyncio.gather(database.close(), holder.close())


async def test_what_a_newer_version_has_made_while_it_was_waited_for_stays(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(migrate, "PAUSE", 0.1)
    databases = database, newer = [Database(postgres_url) for _ in range(2)]
    await migrate.upgrade(database, "0014")
    async with newer.unhurried() as connection:
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(migrate.LOCK)))
        older = asyncio.create_task(migrate.upgrade(database))
        done, _ = await asyncio.wait([older], timeout=0.5)
        assert not done
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0999'"))
    await older
    assert await schema.version(database) == "0999"
    monkeypatch.setattr(migrate, "TRIES", 1)
    async with newer.unhurried() as connection:
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(migrate.LOCK)))
        with pytest.raises(Unavailable, match="another process migrates"):
            await migrate.upgrade(database)
    await asyncio.gather(*(it.close() for it in databases))


async def test_a_table_in_use_is_waited_for_without_keeping_others_from_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(migrate, "PAUSE", 0.2)
    databases = database, holder, reader = [Database(postgres_url) for _ in range(3)]
    await migrate.upgrade(database, "0014")
    async with holder.read() as connection:
        await connection.execute(sa.text("SELECT count(*) FROM recordings"))  # holds it to the end of the transaction
        changing = asyncio.create_task(migrate.upgrade(database))
        for _ in range(10):
            async with reader.read() as reading:
                await reading.execute(sa.text("SELECT count(*) FROM recordings"))
            await asyncio.sleep(0.05)
        assert not changing.done()
    await changing
    assert await schema.version(database) == schema.HEAD
    monkeypatch.setattr(migrate, "TRIES", 1)
    async with holder.read() as connection:
        await connection.execute(sa.text("SELECT count(*) FROM recordings"))
        with pytest.raises(Unavailable, match="a table is in use"):
            await migrate.downgrade(database, "0014")
    await asyncio.gather(*(it.close() for it in databases))


async def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Without tries of our own, about one round in thirty failed."""

    async def use(database: Database) -> None:
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT 1"))

    for number in range(20):
        databases = [Database(f"sqlite:///{tmp_path}/{number}.db") for _ in range(8)]
        await asyncio.gather(*[use(database) for database in databases for _ in range(2)])
        await asyncio.gather(*[database.close() for database in databases])


async def test_what_raises_is_rolled_back(database: Database) -> None:
    await migrate.upgrade(database)

    async def fail() -> None:
        async with database.write() as connection:
            await connection.execute(sa.text("DELETE FROM alembic_version"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await schema.version(database) == schema.HEAD


async def test_more_callers_than_connections_take_turns(database: Database) -> None:
    await migrate.upgrade(database)
    access = Access(database)
    at = from_seconds(time.time())
    await asyncio.gather(*(access.ensure_tenant(f"t{i % 7}", at) for i in range(60)))
    assert len(await access.tenants()) == 7


async def test_nothing_waits_longer_than_the_deadline(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate.upgrade(database)

    async def stall() -> None:
        async with database.write():
            await asyncio.Event().wait()

    with monkeypatch.context() as short:
        short.setattr(engine, "DEADLINE", 0.2)
        with pytest.raises(Unavailable):
            await stall()
    assert await schema.version(database) == schema.HEAD


async def test_a_database_that_is_not_there(database_url: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    missing = "sqlite:////nowhere/at/all.db"
    if not database_url.startswith("sqlite"):
        missing = f"postgresql://postgres@127.0.0.1:{port}/x"
    threads = set(threading.enumerate())
    database = Database(missing)
    with pytest.raises(Unavailable, match="the database does not answer"):
        await schema.version(database)
    await database.close()
    # aiosqlite does not wait for the thread of a connection that failed, which needs this loop once more.
    for thread in set(threading.enumerate()) - threads:
        await asyncio.to_thread(thread.join)


async def test_a_server_that_ends_a_statement_is_away(postgres_url: str) -> None:
    database = Database(postgres_url)
    with pytest.raises(Unavailable, match="terminating connection"):
        async with database.write() as connection:
            await connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with pytest.raises(Unavailable, match="read-only"):
        async with database.write() as connection:
            await connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            await connection.execute(sa.text("CREATE TABLE t (id int)"))
    with pytest.raises(sa.exc.ProgrammingError):
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT * FROM nowhere"))
    await database.close()


async def test_a_database_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "DEADLINE", 0.3)
    accepted: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = Database(f"postgresql://postgres@127.0.0.1:{port}/x")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await schema.version(database)
    assert time.monotonic() - began < 5
    await database.close()
    for writer in accepted:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_a_wrong_password_is_told_without_it(postgres_url: str) -> None:
    database = Database(sa.make_url(postgres_url).set(database="nosuch").render_as_string(hide_password=False))
    with pytest.raises(Unavailable, match="nosuch"):
        await schema.version(database)
    await database.close()


@pytest.mark.parametrize(
    ("url", "driver", "tls"),
    [
        ("sqlite:////data/t.db", "sqlite+aiosqlite", None),
        ("postgres://u:p%40@h/d", "postgresql+asyncpg", None),
        ("postgresql://u@h/d?sslmode=require", "postgresql+asyncpg", "require"),
        ("postgresql+asyncpg://u@h/d?sslmode=disable&application_name=x", "postgresql+asyncpg", "disable"),
    ],
)
def test_urls_as_people_write_them(url: str, driver: str, tls: str | None) -> None:
    found, arguments = driver_url(url)
    assert found.drivername == driver
    assert "sslmode" not in found.query
    assert arguments.get("ssl") == tls


def test_certificates_are_checked_where_asked() -> None:
    _, arguments = driver_url("postgresql://u@h/d?sslmode=verify-full")
    assert arguments["ssl"].check_hostname
    with pytest.raises(ConfigError, match="sslmode"):
        driver_url("postgresql://u@h/d?sslmode=maybe")
