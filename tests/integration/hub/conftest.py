"""What the hub's tests share."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.integration.hub import harness
from tests.integration.hub.harness import Fleet, Worker


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that the product runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every migration applied, to be copied."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    asyncio.run(harness.migrated(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture
async def fleet(valkey_url: str, empty_database: Path, tmp_path: Path) -> AsyncIterator[Fleet]:
    """A Redis, a database, no workers yet."""
    path = shutil.copy(empty_database, tmp_path / "test.db")
    async with harness.fleet(valkey_url, f"sqlite+aiosqlite:///{path}") as made:
        yield made


@pytest.fixture
async def worker(fleet: Fleet) -> Worker:
    """A worker whose clocks do not strike during a test."""
    return await fleet.worker()
