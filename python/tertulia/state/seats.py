"""How many people of a tenant are in meetings, where it has a quota of them.

A tenant's rooms are in slots of their own, so to count is a step apart: it comes before the join, and is taken back
where the room does not take them. Whoever was in a meeting whose hub has died is counted until the time runs out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from tertulia.errors import QuotaExceeded
from tertulia.ids import RoomId, TenantId, UserId
from tertulia.redis.client import Redis
from tertulia.state import keys, scripts
from tertulia.state.clock import redis_ms

AT_ONCE: Final = 500
"""Seats that one script counts: Redis does nothing else meanwhile."""

Seat: TypeAlias = tuple[RoomId, UserId]
"""Somebody in a meeting. Who is in two counts twice."""


class TenantSeats:
    """Each is counted for ``lasts`` seconds, within which its hub has to count it again.

    All methods raise :class:`~tertulia.errors.Unavailable` when Redis does not answer in time.
    """

    def __init__(self, redis: Redis, lasts: float) -> None:
        self._redis = redis
        self._lasts = round(lasts * 1000)

    async def take(self, tenant: TenantId, seat: Seat, most: int) -> None:
        """Count somebody who is about to join. Who is counted already stays so.

        Raises:
            QuotaExceeded: ``most`` others are counted.
        """
        asked = scripts.TakeSeat(most, self._lasts, _name(seat))
        if not await self._redis.run(scripts.TAKE_SEAT, keys.tenant_keys(tenant), asked):
            raise _full(most)

    async def check(self, tenant: TenantId, seat: Seat, most: int) -> None:
        """Say early, without counting anybody, what :meth:`take` would. Raises QuotaExceeded."""
        key = keys.tenant_keys(tenant).seats
        if await self._redis.call(key, b"ZSCORE", key, _name(seat)) is not None:
            return
        now = await redis_ms(self._redis, key)
        if await self._redis.call(key, b"ZCOUNT", key, f"({now}", b"+inf") >= most:
            raise _full(most)

    async def count(self, tenant: TenantId, seats: Sequence[Seat]) -> None:
        """Go on counting people who are in meetings, however many they are."""
        for start in range(0, len(seats), AT_ONCE):
            people = tuple(map(_name, seats[start : start + AT_ONCE]))
            given = scripts.COUNT_SEATS.values(scripts.CountSeats(self._lasts, people))
            await self._redis.run(scripts.COUNT_SEATS, keys.tenant_keys(tenant), given)

    async def release(self, tenant: TenantId, seats: Sequence[Seat]) -> None:
        """Count people no more who have left. Who was not counted does no harm."""
        key = keys.tenant_keys(tenant).seats
        await self._redis.call(key, b"ZREM", key, *map(_name, seats))


def _full(most: int) -> QuotaExceeded:
    return QuotaExceeded(
        f"{most} people are in meetings of this tenant, as many as may be: try again when somebody has left"
    )


def _name(seat: Seat) -> str:
    return f"{seat[0]} {seat[1]}"
