"""The audit log in SQL: who did what. Entries are never changed, and deleted when they are old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.db.engine import Database, insert_new
from tertulia.db.models import AuditEntry
from tertulia.db.paging import Position, behind, cursor_of
from tertulia.db.recording_rows import to_row
from tertulia.db.tables import AUDIT
from tertulia.ids import TenantId, new_uuid


class AuditPage(NamedTuple):
    """Some entries, the newest first, and the cursor of the next page; None: this is the last one."""

    entries: list[AuditEntry]
    next: str | None


class Audit:
    """The queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries. May be repeated."""
        async with self._database.write() as connection:
            for entry in entries:
                await add(connection, entry)

    async def page(
        self, tenant: TenantId, *, limit: int = 50, after: Position | None = None, since: datetime | None = None
    ) -> AuditPage:
        """The tenant's entries, the newest first, from ``after`` on; none from before ``since``."""
        query = sa.select(AUDIT).where(AUDIT.c.tenant_id == tenant)
        if since is not None:
            query = query.where(AUDIT.c.at >= since)
        if after is not None:
            query = query.where(behind(after, AUDIT.c.at, AUDIT.c.id))
        query = query.order_by(AUDIT.c.at.desc(), AUDIT.c.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            entries = [AuditEntry(**row._mapping) for row in await connection.execute(query)]
        if len(entries) <= limit:
            return AuditPage(entries, None)
        last = entries[limit - 1]
        return AuditPage(entries[:limit], cursor_of(Position(last.at, last.id)))

    async def purge(self, before: datetime) -> None:
        """Delete the entries from before that moment."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(AUDIT).where(AUDIT.c.at < before))


def by_operator(tenant: TenantId, at: datetime, action: str, target: str | None, **details: str) -> AuditEntry:
    """What a command on the server does."""
    return AuditEntry(
        id=new_uuid(), tenant_id=tenant, at=at, action=action, actor="operator", target=target, details=details
    )


async def add(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Add an entry in the transaction of what it is about."""
    await connection.execute(insert_new(connection, AUDIT, to_row(entry)))
