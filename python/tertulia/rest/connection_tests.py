"""Rooms that last a minute, to test one's connection in: how many there may be, and that nothing is left of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Final

import structlog

from tertulia.contract.settings import Settings
from tertulia.db.directory import Directory, host_of_tests
from tertulia.errors import NotFound, RateLimited, Unavailable
from tertulia.hub.hub import Hub
from tertulia.hub.tasks import Tasks
from tertulia.ids import RoomId, TenantId
from tertulia.rates import RateLimit

TEST_SECONDS: Final = 60
"""A test takes half of it."""
PER_SECOND: Final = 0.1
BURST: Final = 5
"""Tests by one credential from one address: who tries again after moving closer to the router is not refused."""
AT_ONCE: Final = 20
"""Tests on one web worker: each may send and receive some Mbit/s for a few seconds."""
TENANT_AT_ONCE: Final = 8
"""Of them, those of one tenant."""
LEFT_AFTER: Final = timedelta(seconds=5 * TEST_SECONDS)
"""A room that is still there then was left by a web worker that died."""
SWEPT_FOR: Final = timedelta(days=1)
"""How long a room that was left is swept for: longer than all web workers are away. The tenant's next test finds it
later, too."""
SETTINGS: Final = Settings(max_participants=2)

_log = structlog.get_logger(__name__)


class ConnectionTests:
    """The tests that this web worker has opened."""

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory = directory
        self._hub = hub
        self._limit = RateLimit(PER_SECOND, BURST)
        self._tasks = Tasks()
        self._running: Counter[TenantId] = Counter()

    async def open(self, name: str, tenant: TenantId, room_id: RoomId, now: datetime) -> None:
        """Make the room of a test of ``name``, and those disappear that are left of earlier tests.

        Raises:
            RateLimited: it is one too many.
            QuotaExceeded, Unavailable
        """
        self._admit(name, tenant)
        self._running[tenant] += 1
        try:
            for left in await self._directory.tests(tenant, now - LEFT_AFTER):
                await self._close(tenant, left, now)
            await self._directory.create_room(tenant, room_id, host_of_tests(tenant), SETTINGS, now)
        except BaseException:
            self._ended(tenant)
            raise
        self._tasks.spawn(self._last(tenant, room_id, now))

    async def purge(self, now: datetime) -> None:
        """Make the rooms disappear that web workers which died have left. Raises Unavailable."""
        for tenant, left in await self._directory.all_tests(now - SWEPT_FOR, now - LEFT_AFTER):
            await self._close(tenant, left, now)

    async def stop(self) -> None:
        """End the tests that are running."""
        await self._tasks.stop()

    def _ended(self, tenant: TenantId) -> None:
        self._running[tenant] -= 1
        self._running += Counter()  # forgets who has none

    def _admit(self, name: str, tenant: TenantId) -> None:
        if self._running.total() >= AT_ONCE or self._running[tenant] >= TENANT_AT_ONCE:
            raise RateLimited("too many people are testing their connection: try again in a minute", TEST_SECONDS)
        if (refusal := self._limit.take(name, time.monotonic())) is not None:
            raise refusal

    async def _last(self, tenant: TenantId, room_id: RoomId, now: datetime) -> None:
        try:
            await asyncio.sleep(TEST_SECONDS)
        finally:
            self._ended(tenant)
            await self._close(tenant, room_id, now + timedelta(seconds=TEST_SECONDS))

    async def _close(self, tenant: TenantId, room_id: RoomId, now: datetime) -> None:
        try:
            await self._hub.end_room(room_id, "ended")
            await self._directory.delete_room(tenant, room_id, now)
        except NotFound:
            pass
        except Unavailable as e:
            _log.warning("a connection test is left over", room=room_id, error=e.message)
