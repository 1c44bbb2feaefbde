"""Where the users of tenants sign in. The table has client secrets encrypted by the master key."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.db import audit
from tertulia.db.engine import Database
from tertulia.db.models import SignInSetting
from tertulia.db.tables import SIGN_IN_SETTINGS, SIGN_INS, TENANTS
from tertulia.errors import Refused, Unavailable
from tertulia.ids import TenantId
from tertulia.master_key import MasterKey, WrongMasterKey

_NO_MASTER: Final = "set TERTULIA_MASTER_KEY or TERTULIA_MASTER_KEY_FILE"


class Offer(NamedTuple):
    """For how many tenants people can sign in here: none, one, or several (2)."""

    tenants: int


class SignInSettings:
    """The queries. ``master`` is needed for what has a secret."""

    def __init__(self, database: Database, master: MasterKey | None) -> None:
        self._database = database
        self._master = master

    async def replace(self, setting: SignInSetting, at: datetime) -> None:
        """Set where the tenant's users sign in, for the operator. Who is signed in has to do so again.

        Raises:
            Refused: there is no master key to keep its secret by.
        """
        row = {
            "tenant_id": setting.tenant_id,
            "issuer": setting.issuer,
            "client_id": setting.client_id,
            "wrapped_secret": self._wrap(setting),
            "scopes": setting.scopes,
            "domains": list(setting.domains),
            "admin_claim": setting.administrators[0] if setting.administrators else None,
            "admin_value": setting.administrators[1] if setting.administrators else None,
            "created_at": at,
        }
        async with self._database.write() as connection:
            await _clear(connection, setting.tenant_id)
            await connection.execute(sa.insert(SIGN_IN_SETTINGS).values(row))
            said = {"issuer": setting.issuer, "clientId": setting.client_id}
            await audit.add(connection, audit.by_operator(setting.tenant_id, at, "sign-in.set", None, **said))

    async def drop(self, tenant: TenantId, at: datetime) -> None:
        """Let nobody of the tenant sign in any more, for the operator. Who is signed in is signed out."""
        async with self._database.write() as connection:
            await _clear(connection, tenant)
            await audit.add(connection, audit.by_operator(tenant, at, "sign-in.dropped", None))

    async def offer(self) -> Offer:
        """Whether people can sign in here."""
        async with self._database.read() as connection:
            return Offer(len([*await connection.execute(sa.select(SIGN_IN_SETTINGS.c.tenant_id).limit(2))]))

    async def find(self, tenant: str | None) -> SignInSetting | None:
        """The setting of the tenant of this name, or of the only one that has any (None); None: there is none.

        Raises:
            Unavailable: the master key is missing, or another one.
        """
        query = sa.select(SIGN_IN_SETTINGS).join(TENANTS, TENANTS.c.id == SIGN_IN_SETTINGS.c.tenant_id)
        if tenant is not None:
            query = query.where(TENANTS.c.name == tenant)
        return await self._only(query)

    async def of_tenant(self, tenant: TenantId) -> SignInSetting | None:
        """The tenant's setting; None: it has none. Raises Unavailable as :meth:`find`."""
        return await self._only(sa.select(SIGN_IN_SETTINGS).where(SIGN_IN_SETTINGS.c.tenant_id == tenant))

    async def _only(self, query: sa.Select[Any]) -> SignInSetting | None:
        async with self._database.read() as connection:
            rows = [*await connection.execute(query.limit(2))]
        return self._as_setting(rows[0]) if len(rows) == 1 else None

    def _wrap(self, setting: SignInSetting) -> bytes | None:
        if setting.secret is None:
            return None
        if self._master is None:
            raise Refused(f"there is no master key to keep the client secret by: {_NO_MASTER}")
        return self._master.wrap(setting.secret.encode(), _purpose(setting.tenant_id, setting.issuer))

    def _as_setting(self, row: sa.Row[Any]) -> SignInSetting:
        return SignInSetting(
            tenant_id=row.tenant_id,
            issuer=row.issuer,
            client_id=row.client_id,
            secret=self._unwrap(row),
            scopes=row.scopes,
            domains=tuple(row.domains),
            administrators=(row.admin_claim, row.admin_value) if row.admin_claim is not None else None,
        )

    def _unwrap(self, row: sa.Row[Any]) -> str | None:
        if row.wrapped_secret is None:
            return None
        if self._master is None:
            raise Unavailable(f"the client secret for signing in is encrypted: {_NO_MASTER}")
        try:
            return self._master.unwrap(row.wrapped_secret, _purpose(row.tenant_id, row.issuer)).decode()
        except WrongMasterKey:
            raise Unavailable("the client secret for signing in was encrypted by another master key") from None


async def _clear(connection: AsyncConnection, tenant: TenantId) -> None:
    await connection.execute(sa.delete(SIGN_IN_SETTINGS).where(SIGN_IN_SETTINGS.c.tenant_id == tenant))
    await connection.execute(sa.delete(SIGN_INS).where(SIGN_INS.c.tenant_id == tenant))


def _purpose(tenant: TenantId, issuer: str) -> str:
    return f"client secret of tenant {tenant} at {issuer}"
