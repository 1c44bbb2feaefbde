"""The signing keys in SQL: those of tenants, which sign tokens, and the server's own, for all else that it signs.

With a master key, the tables have the secrets encrypted by it. What is not encrypted yet becomes so when it is read.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia import times
from tertulia.db import audit
from tertulia.db.engine import Database
from tertulia.db.rows import lock_tenant
from tertulia.db.tables import SIGNING_KEYS, TENANT_SIGNING_KEYS, TENANTS
from tertulia.errors import ConfigError
from tertulia.ids import TenantId
from tertulia.master_key import MasterKey, WrongMasterKey
from tertulia.tokens import INVITE_MAX_SECONDS, SigningKey, new_signing_key

_TABLES: Final = (SIGNING_KEYS, TENANT_SIGNING_KEYS)
_NO_MASTER: Final = "the signing keys are encrypted: set TERTULIA_MASTER_KEY or TERTULIA_MASTER_KEY_FILE"
_WRONG_MASTER: Final = "the master key is not the one that the signing keys were encrypted with"


class SigningKeys:
    """The queries. ``master`` encrypts the secrets; None: they are kept as they are."""

    def __init__(self, database: Database, master: MasterKey | None) -> None:
        self._database = database
        self._master = master

    async def all(self, now: float) -> list[SigningKey]:
        """The keys of all tenants and of the server, which gets one if none of its own is active.

        Raises:
            Unavailable
            ConfigError: they are encrypted, and the master key is missing, or another one.
        """
        rows = await self._read()
        if not any(row.tenant_id is None and row.retired_at is None for row in rows):
            async with self._database.write() as connection:
                await self._add(connection, new_signing_key(now, None))
            rows = await self._read()
        if self._master is not None and not all(row.is_sealed for row in rows):
            await self._seal(self._master, [row for row in rows if not row.is_sealed])
        return [self._as_key(row) for row in rows]

    async def ensure(self, tenant: TenantId, now: float) -> None:
        """Create a key that signs for the tenant, unless it has one.

        Raises:
            Unavailable
            NotFound: there is no such tenant.
        """
        keys = TENANT_SIGNING_KEYS.c
        active = sa.select(keys.kid).where(keys.tenant_id == tenant, keys.retired_at.is_(None)).limit(1)
        async with self._database.write() as connection:
            await lock_tenant(connection, tenant)
            if (await connection.execute(active)).first() is None:
                await self._add(connection, new_signing_key(now, tenant))

    async def rotate(self, now: float, *, tenant: TenantId | None, revoke: bool = False) -> SigningKey:
        """Retire the tenant's keys, and create the one that signs from now on; None: those of all tenants and of the
        server. With ``revoke``, they are deleted, and void what they have signed. Returns the new key.

        Keys with nothing left to verify are deleted. The other tenants get new keys when they need them.

        Raises:
            Unavailable
            NotFound: there is no such tenant.
        """
        async with self._database.write() as connection:
            key = new_signing_key(max(now, await _after_all(connection)), tenant)
            if tenant is None:
                concerned = [row.id for row in await connection.execute(sa.select(TENANTS.c.id))]
                await _retire(connection, SIGNING_KEYS, sa.true(), now, revoke=revoke)
                await _retire(connection, TENANT_SIGNING_KEYS, sa.true(), now, revoke=revoke)
            else:
                concerned = [tenant]
                await lock_tenant(connection, tenant)
                ours = TENANT_SIGNING_KEYS.c.tenant_id == tenant
                await _retire(connection, TENANT_SIGNING_KEYS, ours, now, revoke=revoke)
            action = "signing-key.revoked" if revoke else "signing-key.rotated"
            for one in concerned:
                entry = audit.by_operator(one, times.from_seconds(now), action, key.kid)
                await audit.add(connection, entry)
            await self._add(connection, key)
        return key

    async def _read(self) -> list[sa.Row[Any]]:
        async with self._database.read() as connection:
            return [*await connection.execute(_KEYS)]

    async def _add(self, connection: AsyncConnection, key: SigningKey) -> None:
        values: dict[str, Any] = {
            "kid": key.kid,
            "secret": key.secret if self._master is None else _wrap(self._master, key.tenant_id, key.kid, key.secret),
            "is_sealed": self._master is not None,
            "created_at": times.from_seconds(key.created_at),
            "retired_at": None,
        }
        if key.tenant_id is None:
            await connection.execute(sa.insert(SIGNING_KEYS).values(values))
        else:
            await connection.execute(sa.insert(TENANT_SIGNING_KEYS).values(values | {"tenant_id": key.tenant_id}))

    async def _seal(self, master: MasterKey, plain: list[sa.Row[Any]]) -> None:
        """Encrypt what was written without a master key."""
        async with self._database.write() as connection:
            for row in plain:
                wrapped = _wrap(master, row.tenant_id, row.kid, row.secret)
                if row.tenant_id is None:
                    table, ours = SIGNING_KEYS, SIGNING_KEYS.c.kid == row.kid
                else:
                    table, theirs = TENANT_SIGNING_KEYS, TENANT_SIGNING_KEYS.c
                    ours = sa.and_(theirs.tenant_id == row.tenant_id, theirs.kid == row.kid)
                seals = sa.update(table).where(ours, table.c.is_sealed.is_(False))
                await connection.execute(seals.values(secret=wrapped, is_sealed=True))

    def _as_key(self, row: sa.Row[Any]) -> SigningKey:
        retired_at = row.retired_at.timestamp() if row.retired_at else None
        return SigningKey(row.kid, self._secret(row), row.created_at.timestamp(), retired_at, row.tenant_id)

    def _secret(self, row: sa.Row[Any]) -> bytes:
        if not row.is_sealed:
            return bytes(row.secret)
        if self._master is None:
            raise ConfigError(_NO_MASTER)
        try:
            return self._master.unwrap(row.secret, _purpose(row.tenant_id, row.kid))
        except WrongMasterKey:
            raise ConfigError(_WRONG_MASTER) from None


def _columns(table: sa.Table, tenant: sa.ColumnElement[Any]) -> sa.Select[Any]:
    c = table.c
    return sa.select(c.kid, c.secret, c.is_sealed, c.created_at, c.retired_at, tenant.label("tenant_id"))


_KEYS: Final = sa.union_all(
    _columns(SIGNING_KEYS, sa.cast(sa.null(), TENANT_SIGNING_KEYS.c.tenant_id.type)),
    _columns(TENANT_SIGNING_KEYS, TENANT_SIGNING_KEYS.c.tenant_id),
)
"""All keys; the server's own have no tenant."""


async def _after_all(connection: AsyncConnection) -> float:
    """A moment after every key was made: commands run on machines whose clocks differ, and keys go by their order."""
    latest = [sa.select(sa.func.max(table.c.created_at)).scalar_subquery() for table in _TABLES]
    found = (await connection.execute(sa.select(*latest))).one()
    # Two milliseconds: what is stored is rounded down to one.
    return max((moment.timestamp() + 0.002 for moment in found if moment is not None), default=0.0)


async def _retire(
    connection: AsyncConnection, table: sa.Table, ours: sa.ColumnElement[bool], now: float, *, revoke: bool
) -> None:
    expired = table.c.retired_at < times.from_seconds(now - INVITE_MAX_SECONDS)
    await connection.execute(sa.delete(table).where(ours if revoke else sa.and_(ours, expired)))
    active = sa.update(table).where(ours, table.c.retired_at.is_(None))
    await connection.execute(active.values(retired_at=times.from_seconds(now)))


def _wrap(master: MasterKey, tenant: TenantId | None, kid: str, secret: bytes) -> bytes:
    return master.wrap(secret, _purpose(tenant, kid))


def _purpose(tenant: TenantId | None, kid: str) -> str:
    return f"signing key {kid} of {'the server' if tenant is None else f'tenant {tenant}'}"
