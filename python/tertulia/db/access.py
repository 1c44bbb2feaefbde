"""Tenants and their API keys."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa
from msgspec import structs

from tertulia.db import audit
from tertulia.db.engine import Database, insert_new
from tertulia.db.models import ApiKey, Tenant
from tertulia.db.tables import API_KEYS, TENANTS
from tertulia.errors import AlreadyExists, FieldError, NotFound
from tertulia.ids import TenantId, new_token, new_uuid
from tertulia.room.quotas import Quotas

KEY_PREFIX: Final = "tk_"
"""How every API key begins."""
_KEY_BYTES: Final = 32


class NewKey(NamedTuple):
    """A key and its secret, which cannot be read again."""

    key: ApiKey
    secret: str


class Access:
    """The queries on tenants and API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_tenant(self, name: str, at: datetime) -> Tenant:
        """Create a tenant.

        Raises:
            AlreadyExists: the name is taken.
        """
        tenant = Tenant(TenantId(new_uuid()), name, at)
        values = {"id": tenant.id, "name": name, "created_at": at}
        async with self._database.write() as connection:
            if not (await connection.execute(insert_new(connection, TENANTS, values))).rowcount:
                raise AlreadyExists([FieldError("name", f"there is a tenant {name} already")])
        return tenant

    async def ensure_tenant(self, name: str, at: datetime) -> Tenant:
        """The tenant of that name, created if need be."""
        values = {"id": new_uuid(), "name": name, "created_at": at}
        async with self._database.write() as connection:
            await connection.execute(insert_new(connection, TENANTS, values))
            row = (await connection.execute(sa.select(TENANTS).where(TENANTS.c.name == name))).one()
            return Tenant(**row._mapping)

    async def tenants(self) -> list[Tenant]:
        """All tenants, by name."""
        async with self._database.read() as connection:
            rows = await connection.execute(sa.select(TENANTS).order_by(TENANTS.c.name))
            return [Tenant(**row._mapping) for row in rows]

    async def tenant(self, name_or_id: str) -> Tenant:
        """A tenant, by name or id.

        Raises:
            NotFound
        """
        for tenant in await self.tenants():
            if name_or_id in (tenant.name, tenant.id):
                return tenant
        raise NotFound(f"there is no tenant {name_or_id}: see `tertulia tenant list`")

    async def set_retention(self, tenant: TenantId, days: int | None) -> None:
        """Keep the tenant's recordings for so many days after they ended; None: until somebody deletes them.

        Raises:
            ValueError: less than a day.
        """
        if days is not None and days < 1:
            raise ValueError("recordings are kept for at least one day")
        async with self._database.write() as connection:
            await connection.execute(sa.update(TENANTS).where(TENANTS.c.id == tenant).values(retention_days=days))

    async def set_quotas(self, tenant: TenantId, quotas: Quotas, at: datetime) -> None:
        """Change what the tenant may have. What it has already stays."""
        values = {f"max_{name}": limit for name, limit in structs.asdict(quotas).items()}
        said = {name: "none" if limit is None else str(limit) for name, limit in structs.asdict(quotas).items()}
        async with self._database.write() as connection:
            await connection.execute(sa.update(TENANTS).where(TENANTS.c.id == tenant).values(values))
            await audit.add(connection, audit.by_operator(tenant, at, "quotas.set", None, **said))

    async def create_key(self, tenant: TenantId, name: str, at: datetime) -> NewKey:
        """Create an API key, for the operator. Its secret is only in this answer; the table has a digest."""
        secret = new_token(KEY_PREFIX, _KEY_BYTES)
        key = ApiKey(new_uuid(), tenant, name, at, None)
        values = {"id": key.id, "tenant_id": tenant, "name": name, "digest": _digest(secret), "created_at": at}
        async with self._database.write() as connection:
            await connection.execute(sa.insert(API_KEYS).values(values))
            await audit.add(connection, audit.by_operator(tenant, at, "key.created", key.id, name=name))
        return NewKey(key, secret)

    async def keys(self, tenant: TenantId | None = None) -> list[ApiKey]:
        """The keys of a tenant, or of all, the oldest first, including revoked ones."""
        query = _KEY.order_by(API_KEYS.c.created_at, API_KEYS.c.id)
        if tenant is not None:
            query = query.where(API_KEYS.c.tenant_id == tenant)
        async with self._database.read() as connection:
            return [ApiKey(**row._mapping) for row in await connection.execute(query)]

    async def revoke_key(self, key_id: str, at: datetime) -> None:
        """Revoke a key, from the next request on. May be called again.

        Raises:
            NotFound
        """
        ours = API_KEYS.c.id == key_id
        async with self._database.write() as connection:
            row = (await connection.execute(_KEY.where(ours))).one_or_none()
            if row is None:
                raise NotFound(f"there is no key {key_id}: see `tertulia key list`")
            revokes = sa.update(API_KEYS).where(ours, API_KEYS.c.revoked_at.is_(None))
            if (await connection.execute(revokes.values(revoked_at=at))).rowcount:
                entry = audit.by_operator(row.tenant_id, at, "key.revoked", key_id, name=row.name)
                await audit.add(connection, entry)

    async def key_of(self, secret: str) -> ApiKey | None:
        """The key with this secret. None: there is none, or it is revoked."""
        query = _KEY.where(API_KEYS.c.digest == _digest(secret), API_KEYS.c.revoked_at.is_(None))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return ApiKey(**row._mapping) if row else None


_KEY: Final = sa.select(*(c for c in API_KEYS.c if c.name != "digest"))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
