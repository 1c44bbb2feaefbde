"""Upgrading and downgrading the schema. Migrations are in ``migrations/versions``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from tertulia.db import schema
from tertulia.db.engine import Database, sqlstate
from tertulia.errors import ConfigError, Unavailable

LOCK: Final = 0x7E27_0114
"""The PostgreSQL advisory lock by which one process at a time migrates. (SQLite has one writer anyway.)"""
LOCK_SECONDS: Final = 3.0
"""How long a change waits for those who use a table. All who come after it wait behind it meanwhile, and meetings give
up after five seconds."""
PAUSE: Final = 2.0
"""Seconds until it is tried again: those who came meanwhile have their turn."""
TRIES: Final = 60
"""Some five minutes, in which another process that migrates has ended, too."""
_LOCK_NOT_AVAILABLE: Final = "55P03"
"""SQLSTATE (PostgreSQL, appendix A)."""

_log = structlog.get_logger(__name__)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


async def upgrade(database: Database, revision: str = "head") -> None:
    """Upgrade the database to ``revision``. Other processes that do the same wait.

    A schema that is newer than this version stays as it is.

    Raises:
        Unavailable: the database does not answer, or for minutes a table is in use or another process migrates.
    """
    await _run(database, command.upgrade, revision)


async def downgrade(database: Database, revision: str) -> None:
    """Downgrade the database to ``revision``; ``base`` is empty. What only newer versions store is lost.

    Raises:
        ConfigError: there is no such revision, or the schema is newer than this version.
        Unavailable: as in :func:`upgrade`.
    """
    scripts = ScriptDirectory.from_config(_config())
    known = ["base", *reversed([script.revision for script in scripts.walk_revisions()])]
    if revision not in known:
        raise ConfigError(f"there is no schema {revision!r}: it is one of {', '.join(known)}")
    if (newer := await _run(database, command.downgrade, revision)) is not None:
        raise ConfigError(f"only the version that made it goes back from schema {newer}")


async def _run(database: Database, change: Callable[[Config, str], None], revision: str) -> str | None:
    """Change the schema, unless it is newer than this version: then its version is returned."""

    def run(connection: sa.Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        change(config, revision)

    for _ in range(TRIES):
        try:
            async with database.migrating() as connection:
                if not database.is_sqlite:
                    await connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(LOCK_SECONDS * 1000)}")
                    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
                # A newer version may have had the lock.
                if schema.is_newer(found := await schema.version_on(connection)):
                    return found
                await connection.run_sync(run)
        except sa.exc.DBAPIError as error:
            if sqlstate(error) != _LOCK_NOT_AVAILABLE:
                raise
            _log.warning("a table is in use, or another process migrates: tried again", again_in=PAUSE)
            await asyncio.sleep(PAUSE)
        else:
            return None
    raise Unavailable(
        "a table is in use, or another process migrates, for minutes: find the transaction that does not end"
    )
