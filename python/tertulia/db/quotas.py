"""What a tenant may have, within a transaction."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.db.models import Tenant
from tertulia.db.rows import lock_tenant
from tertulia.db.tables import ROOMS, TENANTS
from tertulia.errors import QuotaExceeded
from tertulia.ids import RoomId, TenantId
from tertulia.room.quotas import Quotas


async def of_tenant(connection: AsyncConnection, tenant: TenantId) -> Quotas:
    """All its quotas."""
    row = (await connection.execute(sa.select(TENANTS).where(TENANTS.c.id == tenant))).one()
    return Tenant(**row._mapping).quotas


async def of_tenants(connection: AsyncConnection, tenants: Collection[TenantId]) -> dict[TenantId, Quotas]:
    """All quotas of each of these tenants."""
    rows = await connection.execute(sa.select(TENANTS).where(TENANTS.c.id.in_(tenants)))
    return {tenant.id: tenant.quotas for tenant in (Tenant(**row._mapping) for row in rows)}


async def lock_rooms(connection: AsyncConnection, tenant: TenantId) -> None:
    """Let one transaction at a time add rooms to a tenant, if it has a quota of them."""
    if await _most(connection, tenant) is not None:
        await lock_tenant(connection, tenant)


async def check_rooms(connection: AsyncConnection, tenant: TenantId, room_id: RoomId) -> None:
    """Check that the tenant has that room, or fewer than it may have.

    Raises:
        QuotaExceeded
    """
    most = await _most(connection, tenant)
    if most is None:
        return
    theirs = sa.select(ROOMS.c.id).where(ROOMS.c.tenant_id == tenant)
    counted = sa.select(sa.func.count()).select_from(theirs.limit(most).subquery())
    if (await connection.execute(counted)).scalar_one() < most:
        return
    if (await connection.execute(theirs.where(ROOMS.c.id == room_id))).first() is None:
        raise QuotaExceeded(f"the tenant has {most} rooms, as many as it may have: delete one first")


async def _most(connection: AsyncConnection, tenant: TenantId) -> int | None:
    query = sa.select(TENANTS.c.max_rooms).where(TENANTS.c.id == tenant)
    most: int | None = (await connection.execute(query)).scalar_one_or_none()
    return most
