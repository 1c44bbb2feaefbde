"""The database, SQLite or PostgreSQL, to ``read`` or to ``write``. No wait is longer than :data:`DEADLINE`, but for
those of who changes the schema."""

from __future__ import annotations

import asyncio
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiosqlite
import asyncpg
import sqlalchemy as sa
from sqlalchemy import make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tertulia.errors import ConfigError, Unavailable

DEADLINE: Final = 5.0
"""Seconds for one use of the database, including the wait for a connection."""
_POOL: Final = 10
"""The most connections of a web worker. Further callers wait, within the deadline."""
_BUSY_PAUSE: Final = 0.02
"""Seconds between two attempts to switch an SQLite file to its write-ahead log."""
_WRITE: Final = "tertulia_write"
_REBUILD: Final = "tertulia_rebuild"

_DOWN: Final = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.TimeoutError,
    TimeoutError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""What drivers raise when the database does not answer, or refuses to."""
_DOWN_STATES: Final = ("08", "40", "53", "57", "58")
"""Classes of SQLSTATE (PostgreSQL, appendix A) that pass: connection, serialization, resources, operator, system."""
_READ_ONLY: Final = "25006"
"""SQLSTATE of a server that is not the primary, in a failover."""


class Database:
    """A pool of connections to the database at ``url`` (see :func:`driver_url`)."""

    def __init__(self, url: str) -> None:
        self._address, self._args = driver_url(url)
        self.is_sqlite = self._address.drivername.startswith("sqlite")
        pool: dict[str, Any] = {"pool_size": _POOL, "max_overflow": 0, "pool_timeout": DEADLINE}
        pool["pool_pre_ping"] = not self.is_sqlite
        self.engine = self._make_engine(self._args, **pool)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with.

        Raises:
            Unavailable: the database does not answer in time.
        """
        with _Unavailable():
            async with asyncio.timeout(DEADLINE), self.engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end of the block, or rolled back if the block raises.

        Raises:
            Unavailable: the database does not answer in time. Whether it committed is then unknown: repeat the call
                with the same ids.
        """
        with _Unavailable():
            async with asyncio.timeout(DEADLINE), self.unhurried() as connection:
                yield connection

    @asynccontextmanager
    async def unhurried(self) -> AsyncIterator[AsyncConnection]:
        """A transaction as in :meth:`write`, but without a deadline."""
        with _Unavailable():
            async with self.engine.connect() as connection:
                await connection.execution_options(**{_WRITE: True})
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """A transaction as in :meth:`unhurried`, to change the schema, on a connection of its own: no statement has a
        deadline, and SQLite checks foreign keys at its end only, as it changes a table by making it anew."""
        args = self._args if self.is_sqlite else {**self._args, "command_timeout": None}
        with _Unavailable():
            async with self._make_engine(args, poolclass=sa.NullPool).connect() as connection:
                await connection.execution_options(**{_WRITE: True, _REBUILD: True})
                async with connection.begin():
                    yield connection
                    if self.is_sqlite:
                        await _check_foreign_keys(connection)

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    def _make_engine(self, args: dict[str, Any], **pool: Any) -> AsyncEngine:
        # Parameters hold names and addresses of people, which must not show in error texts.
        engine = create_async_engine(self._address, connect_args=args, hide_parameters=True, **pool)
        if self.is_sqlite:
            sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine


def insert_new(connection: AsyncConnection, table: sa.Table, values: dict[str, Any]) -> sa.Insert:
    """An INSERT that does nothing if there is a row with the same unique values; its ``rowcount`` is then 0."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return insert(table).values(values).on_conflict_do_nothing()


def driver_url(url: str) -> tuple[sa.URL, dict[str, Any]]:
    """SQLAlchemy's URL and the driver's arguments for a database URL as people write it.

    ``postgres://`` and ``postgresql://`` mean asyncpg. libpq's ``sslmode``, common in URLs of managed databases, is
    understood.

    Raises:
        ConfigError: it is no URL, or its ``sslmode`` does not exist.
    """
    try:
        given = make_url(url)
    except (ValueError, sa.exc.ArgumentError):
        raise ConfigError("TERTULIA_DATABASE_URL must be like postgresql://user:password@host:5432/name") from None
    if given.drivername.startswith("sqlite"):
        return given.set(drivername="sqlite+aiosqlite"), {"timeout": DEADLINE}
    args: dict[str, Any] = {"timeout": DEADLINE, "command_timeout": DEADLINE}
    mode = given.query.get("sslmode")
    if mode is not None:
        args["ssl"] = _tls(str(mode))
    return given.set(drivername="postgresql+asyncpg").difference_update_query(["sslmode"]), args


def _tls(mode: str) -> ssl.SSLContext | str:
    if mode not in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        raise ConfigError(f"TERTULIA_DATABASE_URL: sslmode {mode} does not exist")
    if mode in ("verify-ca", "verify-full"):
        context = ssl.create_default_context()
        context.check_hostname = mode == "verify-full"
        return context
    return mode


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # else the driver begins transactions when it likes
    connection.run_async(_use_wal)
    cursor = connection.cursor()
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def _check_foreign_keys(connection: AsyncConnection) -> None:
    broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise RuntimeError(f"the migration leaves a row without the one that it refers to: {tuple(broken)}")


async def _use_wal(connection: aiosqlite.Connection) -> None:
    # If two processes switch a new file at the same time, SQLite says BUSY to one of them, whatever its timeout.
    end = time.monotonic() + DEADLINE
    while True:
        try:
            async with connection.execute("PRAGMA journal_mode=WAL"):
                return
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        await asyncio.sleep(_BUSY_PAUSE)


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get(_REBUILD):
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")  # of no effect within a transaction
    # Otherwise a transaction that first reads and then writes fails if another one wrote in between.
    immediate = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


class _Unavailable:
    """Turns what drivers raise for a database that does not answer into Unavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None and _is_down(error):
            raise Unavailable(f"the database does not answer: {_first_line(error)}") from error


def _is_down(error: BaseException) -> bool:
    if not isinstance(error, sa.exc.DBAPIError) or isinstance(error, _DOWN):
        return isinstance(error, _DOWN)
    # Without a statement: what the driver raised when it connected.
    state = sqlstate(error)
    return error.statement is None or error.connection_invalidated or state[:2] in _DOWN_STATES or state == _READ_ONLY


def sqlstate(error: sa.exc.DBAPIError) -> str:
    """The code of an error of PostgreSQL (appendix A); empty if it has none."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, sa.exc.DBAPIError) and error.__cause__ else error
    lines = str(cause).splitlines()
    return lines[0] if lines else type(error).__name__
