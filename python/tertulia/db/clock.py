"""The clock of the database: one for all recorders, which share nothing else. Leases of jobs go by it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tertulia import times
from tertulia.db.engine import Database


class DatabaseClock:
    """Asks the database each time: what goes by it happens every few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Julian days begin at noon; that of 1970-01-01 is 2440588.
        of_sqlite = sa.text("SELECT (julianday('now') - 2440587.5) * 86400")
        self._query = of_sqlite if database.is_sqlite else sa.text("SELECT extract(epoch from clock_timestamp())")

    async def now(self) -> datetime:
        """This moment. Raises Unavailable."""
        async with self._database.read() as connection:
            return times.from_seconds(float((await connection.execute(self._query)).scalar_one()))
