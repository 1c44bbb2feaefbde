"""Which version the database's schema has, and which ones this package works with. Only who migrates loads the
migrations.

Migrations add before they remove, so that workers go on, and may be restarted, while the schema is newer than they are.
The table ``compatibility`` names the oldest version that the schema works with: a migration that takes away what older
versions need changes it, ``UPDATE compatibility SET oldest = '…'``.
"""

from __future__ import annotations

import re
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.db.engine import Database
from tertulia.db.tables import COMPATIBILITY
from tertulia.errors import ConfigError

HEAD: Final = "0015"
"""The newest one in ``migrations/versions``."""
_VERSION: Final = sa.table("alembic_version", sa.column("version_num", sa.String))
"""Where Alembic notes it."""
_OURS: Final = re.compile(r"[0-9]{4}")


async def version(database: Database) -> str | None:
    """The version of the database's schema; None: it has none.

    Raises:
        Unavailable
    """
    async with database.read() as connection:
        return await version_on(connection)


async def version_on(connection: AsyncConnection) -> str | None:
    """The same as :func:`version`, within a transaction."""
    if not await _has(connection, _VERSION.name):
        return None
    found: str | None = await connection.scalar(sa.select(_VERSION.c.version_num))
    return found


def is_newer(found: str | None) -> bool:
    """Whether a schema's version is one that this package does not know yet."""
    return found is not None and _OURS.fullmatch(found) is not None and found > HEAD


async def fault(database: Database) -> str | None:
    """Why this version does not work with the database's schema; None: it does.

    Raises:
        Unavailable
    """
    async with database.read() as connection:
        found = await version_on(connection)
        oldest = await _oldest(connection) if is_newer(found) else None
    if found == HEAD or (oldest is not None and oldest <= HEAD):
        return None
    if oldest is not None:
        return f"has schema {found}, for which this version, of schema {HEAD}, is too old: install a newer one"
    if found is not None and (is_newer(found) or not _OURS.fullmatch(found)):
        return f"has a schema that is not Tertulia's: {found}"
    return f"has {'no schema' if found is None else f'schema {found}'}, needs {HEAD}: run `tertulia migrate`"


async def check(database: Database) -> None:
    """Check that this version works with the schema.

    Raises:
        ConfigError: it does not.
        Unavailable
    """
    if (wrong := await fault(database)) is not None:
        raise ConfigError(f"the database {wrong}")


async def _oldest(connection: AsyncConnection) -> str | None:
    """What the mark says; None: there is none, as in databases of others."""
    if not await _has(connection, COMPATIBILITY.name):
        return None
    found: str | None = await connection.scalar(sa.select(COMPATIBILITY.c.oldest))
    return found


async def _has(connection: AsyncConnection, table: str) -> bool:
    return await connection.run_sync(lambda c: sa.inspect(c).has_table(table))
