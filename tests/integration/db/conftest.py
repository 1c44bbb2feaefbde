"""A database with the schema, on SQLite and PostgreSQL, and two tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tertulia.db import engine, migrate
from tertulia.db.access import Access
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.ids import TenantId

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
"""The moment that most of this happens at."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database may take its time on a busy machine: how long is too long is a test of its own."""
    monkeypatch.setattr(engine, "DEADLINE", 60.0)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await migrate.upgrade(database)
    yield database
    await database.close()


@pytest.fixture
def directory(database: Database) -> Directory:
    return Directory(database)


@pytest.fixture
async def tenant(database: Database) -> TenantId:
    return (await Access(database).create_tenant("first", AT)).id


@pytest.fixture
async def other(database: Database) -> TenantId:
    return (await Access(database).create_tenant("other", AT)).id
