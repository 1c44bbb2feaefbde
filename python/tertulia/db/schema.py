"""Which version the database's schema has, and which one this package needs. Only who migrates loads the migrations."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from tertulia.db.engine import Database
from tertulia.errors import ConfigError

HEAD: Final = "0015"
"""The newest one in ``migrations/versions``."""
_VERSION: Final = sa.table("alembic_version", sa.column("version_num", sa.String))
"""Where Alembic notes it."""


async def version(database: Database) -> str | None:
    """The version of the database's schema; None: it has none.

    Raises:
        Unavailable
    """
    async with database.read() as connection:
        if not await connection.run_sync(lambda c: sa.inspect(c).has_table(_VERSION.name)):
            return None
        found: str | None = await connection.scalar(sa.select(_VERSION.c.version_num))
        return found


async def check(database: Database) -> None:
    """Check that the schema is of this version.

    Raises:
        ConfigError: it is not.
        Unavailable
    """
    if await version(database) != HEAD:
        raise ConfigError("the database's schema is not of this version: run `tertulia migrate`")
