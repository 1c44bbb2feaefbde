"""Upgrading and downgrading the schema. Migrations are in ``migrations/versions``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from tertulia.db.engine import Database
from tertulia.errors import ConfigError

_LOCK: Final = 0x7E27_0114
"""The PostgreSQL advisory lock by which one process at a time migrates. (SQLite has one writer anyway.)"""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


async def upgrade(database: Database, revision: str = "head") -> None:
    """Upgrade the database to ``revision``. Other processes that do the same wait."""
    await _run(database, command.upgrade, revision)


async def downgrade(database: Database, revision: str) -> None:
    """Downgrade the database to ``revision``; ``base`` is empty. What only newer versions store is lost.

    Raises:
        ConfigError: there is no such revision.
    """
    scripts = ScriptDirectory.from_config(_config())
    known = ["base", *reversed([script.revision for script in scripts.walk_revisions()])]
    if revision not in known:
        raise ConfigError(f"there is no schema {revision!r}: it is one of {', '.join(known)}")
    await _run(database, command.downgrade, revision)


async def _run(database: Database, change: Callable[[Config, str], None], revision: str) -> None:
    def run(connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config = _config()
        config.attributes["connection"] = connection
        change(config, revision)

    async with database.migrating() as connection:
        await connection.run_sync(run)
