"""Where the users of tenants sign in. The table has client secrets encrypted by the master key."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.db import audit, rows
from tertulia.db.engine import Database
from tertulia.db.models import SignInSetting
from tertulia.db.tables import SIGN_IN_SETTINGS, SIGN_INS, TENANTS
from tertulia.errors import Refused, Unavailable
from tertulia.ids import TenantId
from tertulia.master_key import MasterKey, WrongMasterKey

_NO_MASTER: Final = "set TERTULIA_MASTER_KEY or TERTULIA_MASTER_KEY_FILE"


class SignInSettings:
    """The queries. ``master`` is needed for what has a secret."""

    def __init__(self, database: Database, master: MasterKey | None) -> None:
        self._database = database
        self._master = master

    def with_secret(self, setting: SignInSetting, secret: str) -> SignInSetting:
        """The setting of a client that has a secret.

        Raises:
            Refused: there is no master key to keep it by.
        """
        if self._master is None:
            raise Refused(f"there is no master key to keep the client secret by: {_NO_MASTER}")
        return structs.replace(setting, wrapped_secret=self._master.wrap(secret.encode(), _purpose(setting)))

    def secret_of(self, setting: SignInSetting) -> str | None:
        """The client's secret; None: it has none.

        Raises:
            Unavailable: the master key is missing, or another one.
        """
        if setting.wrapped_secret is None:
            return None
        if self._master is None:
            raise Unavailable(f"the client secret for signing in is encrypted: {_NO_MASTER}")
        try:
            return self._master.unwrap(setting.wrapped_secret, _purpose(setting)).decode()
        except WrongMasterKey:
            raise Unavailable("the client secret for signing in was encrypted by another master key") from None

    async def replace(self, setting: SignInSetting) -> None:
        """Set where the tenant's users sign in, for the operator. Who is signed in, or on the way, has to do so again.

        Raises:
            NotFound: there is no such tenant.
        """
        row = {
            "tenant_id": setting.tenant_id,
            "issuer": setting.issuer,
            "client_id": setting.client_id,
            "wrapped_secret": setting.wrapped_secret,
            "scopes": setting.scopes,
            "domains": list(setting.domains),
            "admin_claim": setting.administrators[0] if setting.administrators else None,
            "admin_value": setting.administrators[1] if setting.administrators else None,
            "created_at": setting.set_at,
        }
        said = {"issuer": setting.issuer, "clientId": setting.client_id}
        entry = audit.by_operator(setting.tenant_id, setting.set_at, "sign-in.set", None, **said)
        async with self._database.write() as connection:
            await _clear(connection, setting.tenant_id)
            await connection.execute(sa.insert(SIGN_IN_SETTINGS).values(row))
            await audit.add(connection, entry)

    async def drop(self, tenant: TenantId, at: datetime) -> None:
        """Let nobody of the tenant sign in any more, for the operator. Who is signed in is signed out. Raises
        NotFound."""
        async with self._database.write() as connection:
            await _clear(connection, tenant)
            await audit.add(connection, audit.by_operator(tenant, at, "sign-in.dropped", None))

    async def count(self) -> int:
        """How many tenants have their users sign in here: none, one, or several (2)."""
        async with self._database.read() as connection:
            return len([*await connection.execute(sa.select(SIGN_IN_SETTINGS.c.tenant_id).limit(2))])

    async def find(self, tenant: str | None) -> SignInSetting | None:
        """The setting of the tenant of this name, or of the only one that has any (None); None: there is none."""
        query = sa.select(SIGN_IN_SETTINGS).join(TENANTS, TENANTS.c.id == SIGN_IN_SETTINGS.c.tenant_id)
        if tenant is not None:
            query = query.where(TENANTS.c.name == tenant)
        return await self._only(query)

    async def of_tenant(self, tenant: TenantId) -> SignInSetting | None:
        """The tenant's setting; None: it has none."""
        return await self._only(sa.select(SIGN_IN_SETTINGS).where(SIGN_IN_SETTINGS.c.tenant_id == tenant))

    async def _only(self, query: sa.Select[Any]) -> SignInSetting | None:
        async with self._database.read() as connection:
            found = [*await connection.execute(query.limit(2))]
        return _as_setting(found[0]) if len(found) == 1 else None


async def holds(connection: AsyncConnection, setting: SignInSetting) -> bool:
    """Whether a setting still holds, and will until the transaction ends: the caller has locked the tenant."""
    query = sa.select(SIGN_IN_SETTINGS.c.created_at).where(SIGN_IN_SETTINGS.c.tenant_id == setting.tenant_id)
    return (await connection.execute(query)).scalar_one_or_none() == setting.set_at


def _as_setting(row: sa.Row[Any]) -> SignInSetting:
    return SignInSetting(
        tenant_id=row.tenant_id,
        issuer=row.issuer,
        client_id=row.client_id,
        wrapped_secret=row.wrapped_secret,
        scopes=row.scopes,
        domains=tuple(row.domains),
        administrators=(row.admin_claim, row.admin_value) if row.admin_claim is not None else None,
        set_at=row.created_at,
    )


async def _clear(connection: AsyncConnection, tenant: TenantId) -> None:
    await rows.lock_tenant(connection, tenant)  # as SignIns.begin does: nobody signs in by what is cleared
    await connection.execute(sa.delete(SIGN_IN_SETTINGS).where(SIGN_IN_SETTINGS.c.tenant_id == tenant))
    await connection.execute(sa.delete(SIGN_INS).where(SIGN_INS.c.tenant_id == tenant))


def _purpose(setting: SignInSetting) -> str:
    return f"client secret of tenant {setting.tenant_id} at {setting.issuer}"
