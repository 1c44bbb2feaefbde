"""What is to be deleted from storage, because the recordings are gone: done by workers, tried until it works."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tertulia.db.engine import Database
from tertulia.db.models import Deletion
from tertulia.db.tables import DELETIONS


class Deletions:
    """The queries on deletions. Several workers may carry out the same one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime, limit: int = 100) -> list[Deletion]:
        """Those to be carried out now, the longest due first."""
        query = sa.select(DELETIONS).where(DELETIONS.c.due_at <= now).order_by(DELETIONS.c.due_at, DELETIONS.c.path)
        async with self._database.read() as connection:
            return [Deletion(**row._mapping) for row in await connection.execute(query.limit(limit))]

    async def done(self, deletion: Deletion) -> None:
        """Nothing is left of it."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(DELETIONS).where(DELETIONS.c.path == deletion.path))

    async def failed(self, deletion: Deletion, error: str, retry_at: datetime) -> None:
        """It could not be carried out, and is tried again."""
        values = {"attempts": DELETIONS.c.attempts + 1, "error": error, "due_at": retry_at}
        async with self._database.write() as connection:
            await connection.execute(sa.update(DELETIONS).where(DELETIONS.c.path == deletion.path).values(values))
