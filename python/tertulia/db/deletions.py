"""What is to be deleted from storage, because the recordings are gone: done by workers, tried until it works."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tertulia.db.engine import Database
from tertulia.db.models import Deletion
from tertulia.db.tables import DELETIONS, IS_PROCESSING, RECORDINGS


class Deletions:
    """The queries on deletions. Several workers may carry out the same one.

    Files of a recording that is being made again stay until it is: what a worker stores anew may have their names.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime, limit: int = 100) -> list[Deletion]:
        """Those to be carried out now, the longest due first."""
        query = _due(now).order_by(DELETIONS.c.due_at, DELETIONS.c.path)
        async with self._database.read() as connection:
            return [Deletion(**row._mapping) for row in await connection.execute(query.limit(limit))]

    async def is_due(self, deletion: Deletion, now: datetime) -> bool:
        """Whether it is still to be carried out: what was stored anew since is some recording's again."""
        is_stored = sa.exists().where(RECORDINGS.c.path == DELETIONS.c.path)
        is_of_none = sa.or_(DELETIONS.c.recording_id.is_not(None), ~is_stored)
        query = _due(now).where(DELETIONS.c.path == deletion.path, is_of_none)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def done(self, deletion: Deletion) -> None:
        """Nothing is left of it."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(DELETIONS).where(DELETIONS.c.path == deletion.path))

    async def failed(self, deletion: Deletion, error: str, retry_at: datetime) -> None:
        """It could not be carried out, and is tried again."""
        values = {"attempts": DELETIONS.c.attempts + 1, "error": error, "due_at": retry_at}
        async with self._database.write() as connection:
            await connection.execute(sa.update(DELETIONS).where(DELETIONS.c.path == deletion.path).values(values))


def _due(now: datetime) -> sa.Select[Any]:
    # SQLite has ids without hyphens.
    directory = "/" + sa.func.replace(sa.cast(RECORDINGS.c.id, sa.Text), "-", "") + "/"
    is_in_it = sa.func.replace(DELETIONS.c.path, "-", "").contains(directory)
    return sa.select(DELETIONS).where(DELETIONS.c.due_at <= now, ~sa.exists().where(IS_PROCESSING, is_in_it))
