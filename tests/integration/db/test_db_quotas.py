"""Quotas of rooms: counted under a lock on the tenant's row, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from tertulia.contract.settings import Settings
from tertulia.db.access import Access
from tertulia.db.admissions import Admissions
from tertulia.db.audit import Audit
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.errors import QuotaExceeded
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.room.quotas import Quotas
from tests.integration.db.conftest import AT

HOST = UserId("6f1c0000-0000-4000-8000-000000000001")


async def add(directory: Directory, tenant: TenantId, room: str | None = None, host: UserId = HOST) -> RoomId:
    made = await directory.create_room(tenant, RoomId(room or new_uuid()), host, Settings(), AT)
    return made.id


async def test_no_race_overruns_the_rooms_of_a_tenant(
    database: Database, directory: Directory, tenant: TenantId, other: TenantId
) -> None:
    await Access(database).set_quotas(tenant, Quotas(rooms=3), AT)
    hosts = [UserId(new_uuid()) for _ in range(8)]
    found = await asyncio.gather(*(add(directory, tenant, host=host) for host in hosts), return_exceptions=True)
    rooms = [one for one in found if isinstance(one, str)]
    assert len(rooms) == 3
    assert all(isinstance(one, str | QuotaExceeded) for one in found)
    assert len((await directory.list_rooms(tenant)).rooms) == 3
    assert sum([await directory.find_user(tenant, host) is not None for host in hosts]) == 3  # nothing was touched
    await asyncio.gather(*(add(directory, other) for _ in range(5)))


async def test_what_exists_stays_and_a_deletion_makes_room(
    database: Database, directory: Directory, tenant: TenantId
) -> None:
    access = Access(database)
    rooms = [await add(directory, tenant) for _ in range(2)]
    await access.set_quotas(tenant, Quotas(rooms=1), AT)
    assert await add(directory, tenant, rooms[0]) == rooms[0]  # a request that is repeated
    await directory.check_room_is_within_quota(tenant, rooms[0])
    for _ in range(2):
        with pytest.raises(QuotaExceeded, match="1 rooms"):
            await add(directory, tenant)
        with pytest.raises(QuotaExceeded):
            await directory.check_room_is_within_quota(tenant, RoomId(new_uuid()))
        await directory.delete_room(tenant, rooms.pop(), AT)
    await add(directory, tenant)
    await access.set_quotas(tenant, Quotas(), AT)
    await add(directory, tenant)


async def test_a_quota_of_none_at_all(database: Database, directory: Directory, tenant: TenantId) -> None:
    await Access(database).set_quotas(tenant, Quotas(rooms=0), AT)
    with pytest.raises(QuotaExceeded):
        await add(directory, tenant)


async def test_a_record_tells_what_a_meeting_has_to_keep_to(
    database: Database, directory: Directory, tenant: TenantId
) -> None:
    access, admissions, room = Access(database), Admissions(database), await add(directory, tenant)
    assert (await admissions.record(room, tenant)).quotas == Quotas()
    await access.set_quotas(tenant, Quotas(rooms=9, people=8, room_people=7, room_mbits=6, mbits=5), AT)
    assert (await admissions.record(room, tenant)).quotas == Quotas(people=8, room_people=7, room_mbits=6, mbits=5)
    every = Quotas(rooms=9, people=8, room_people=7, room_mbits=6, mbits=5)
    assert (await access.tenant("first")).quotas == (await directory.quotas([tenant]))[tenant] == every
    assert await directory.joining(tenant, room, HOST) == (
        await directory.room(room),
        await directory.find_user(tenant, HOST),
        every,
    )
    [entry] = (await Audit(database).page(tenant)).entries
    assert (entry.action, entry.details["people"]) == ("quotas.set", "8")
