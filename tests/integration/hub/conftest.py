"""What the hub's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.hub import harness
from tests.integration.hub.harness import Fleet, Worker


@pytest.fixture
async def fleet(valkey_url: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    """A Redis, a database, no workers yet."""
    async with harness.fleet(valkey_url, f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as made:
        yield made


@pytest.fixture
async def worker(fleet: Fleet) -> Worker:
    """A worker whose clocks do not strike during a test."""
    return await fleet.worker()
