"""People of a tenant in meetings, counted in Redis."""

from __future__ import annotations

import asyncio

import pytest

from tertulia.errors import QuotaExceeded
from tertulia.ids import TenantId, new_uuid
from tertulia.redis.client import Redis
from tertulia.state import keys
from tertulia.state.seats import AT_ONCE, Seat, TenantSeats
from tests.integration.state.rooms import new_room, new_user

LONG = 60.0


def new_tenant() -> TenantId:
    return TenantId(new_uuid())


def new_seat() -> Seat:
    return new_room(), new_user()


async def counted(redis: Redis, tenant: TenantId) -> int:
    key = keys.tenant_keys(tenant).seats
    return int(await redis.call(key, "ZCARD", key))


async def test_so_many_and_no_more_whatever_the_race(redis: Redis) -> None:
    seats, tenant = TenantSeats(redis, LONG), new_tenant()
    wanted = [new_seat() for _ in range(40)]
    found = await asyncio.gather(*(seats.take(tenant, seat, 7) for seat in wanted), return_exceptions=True)
    assert sum(isinstance(one, QuotaExceeded) for one in found) == 33
    assert await counted(redis, tenant) == 7
    await TenantSeats(redis, LONG).take(new_tenant(), wanted[0], 1)  # another tenant's are its own


async def test_who_is_counted_may_come_again_and_who_left_makes_room(redis: Redis) -> None:
    seats, tenant = TenantSeats(redis, LONG), new_tenant()
    ann, bob = new_seat(), new_seat()
    await seats.take(tenant, ann, 1)
    await seats.take(tenant, ann, 1)
    await seats.take(tenant, ann, 0)
    with pytest.raises(QuotaExceeded, match="1 people"):
        await seats.take(tenant, bob, 1)
    with pytest.raises(QuotaExceeded):
        await seats.take(tenant, (bob[0], ann[1]), 1)  # in another room they count again
    await seats.release(tenant, [ann, bob])
    await seats.take(tenant, bob, 1)


async def test_who_is_not_counted_again_is_counted_no_more(redis: Redis) -> None:
    tenant, ann, bob, cyn = new_tenant(), new_seat(), new_seat(), new_seat()
    await TenantSeats(redis, 0.2).take(tenant, ann, 2)
    await TenantSeats(redis, LONG).take(tenant, bob, 2)
    await asyncio.sleep(0.25)
    seats = TenantSeats(redis, LONG)
    await seats.take(tenant, cyn, 2)
    with pytest.raises(QuotaExceeded):
        await seats.take(tenant, ann, 2)


async def test_people_in_meetings_are_counted_however_many(redis: Redis) -> None:
    seats, tenant = TenantSeats(redis, LONG), new_tenant()
    there = [new_seat() for _ in range(2 * AT_ONCE + 1)]
    await seats.count(tenant, there)
    await seats.count(tenant, there)
    assert await counted(redis, tenant) == len(there)
    with pytest.raises(QuotaExceeded):
        await seats.take(tenant, new_seat(), len(there))
    key = keys.tenant_keys(tenant).seats
    assert 0 < await redis.call(key, "PTTL", key) <= LONG * 1000
    await seats.release(tenant, there)
    assert await counted(redis, tenant) == 0
