"""Who is signed in, and as which user."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.db import audit, rows, sign_in_settings
from tertulia.db.engine import Database
from tertulia.db.models import AuditEntry, SignIn, SignInSetting, User
from tertulia.db.tables import IDENTITIES, SIGN_INS, USERS
from tertulia.ids import TenantId, UserId, new_token, new_uuid

LIFETIME: Final = timedelta(hours=12)
"""How long somebody is signed in: a working day. Then the provider says again who they are."""
MOST_OF_USER: Final = 20
"""Browsers in which one user can be signed in; beyond, the one of the oldest sign-in is signed out."""
_SECRET_BYTES: Final = 32


class Identity(NamedTuple):
    """Who somebody is at their provider. ``email`` None: it has verified none."""

    subject: str
    email: str | None
    name: str


class Browser(NamedTuple):
    """Where somebody signs in."""

    address: str | None
    request_id: str
    """Both for the audit log."""
    secret: str | None = None
    """Of the sign-in there that the new one replaces."""


class NewSignIn(NamedTuple):
    """A sign-in, and its secret, which cannot be read again."""

    sign_in: SignIn
    secret: str


class SignIns:
    """The queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self,
        setting: SignInSetting,
        identity: Identity,
        at: datetime,
        browser: Browser,
        *,
        is_administrator: bool,
        links: bool,
    ) -> NewSignIn | None:
        """Sign somebody in, as the user that they were before; else as a new one. Who was signed in in this browser is
        signed out. None: ``setting``, by which they came, does not hold any more, and nothing has changed.

        ``links``: the issuer speaks for the domain of ``email``, so that somebody new to us takes over the user of the
        tenant who has it, unless that user has signed in there as somebody else.

        Raises:
            NotFound: the tenant is gone.
        """
        secret, tenant = new_token(size=_SECRET_BYTES), setting.tenant_id
        async with self._database.write() as connection:
            await rows.lock_tenant(connection, tenant)
            if not await sign_in_settings.holds(connection, setting):
                return None
            if browser.secret is not None:
                await _end_replaced(connection, browser, browser.secret, at)
            user = await _user(connection, setting, identity, at, links=links)
            await _drop_oldest(connection, tenant, user.id)
            sign_in = SignIn(new_uuid(), user, is_administrator, at + LIFETIME)
            row = {
                "id": sign_in.id,
                "digest": _digest(secret),
                "tenant_id": tenant,
                "user_id": user.id,
                "is_administrator": is_administrator,
                "created_at": at,
                "expires_at": sign_in.expires_at,
            }
            await connection.execute(sa.insert(SIGN_INS).values(row))
            await audit.add(connection, _entry(tenant, user.id, "user.signed-in", at, browser))
        return NewSignIn(sign_in, secret)

    async def find(self, secret: str, now: datetime) -> SignIn | None:
        """The sign-in of this secret; None: there is none, or it has ended or expired."""
        query = sa.select(
            SIGN_INS.c.id.label("sign_in_id"), SIGN_INS.c.is_administrator, SIGN_INS.c.expires_at, *USERS.c
        ).join(USERS, sa.and_(USERS.c.tenant_id == SIGN_INS.c.tenant_id, USERS.c.id == SIGN_INS.c.user_id))
        query = query.where(SIGN_INS.c.digest == _digest(secret), SIGN_INS.c.expires_at > now)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        user = User(**{name: row._mapping[name] for name in User.__struct_fields__})
        return SignIn(row.sign_in_id, user, row.is_administrator, row.expires_at)

    async def end(self, sign_in_id: str) -> None:
        """Sign out. May be called again."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(SIGN_INS).where(SIGN_INS.c.id == sign_in_id))

    async def end_all(self, tenant: TenantId, at: datetime) -> int:
        """Sign everybody of the tenant out, for the operator. Returns how many browsers that were."""
        async with self._database.write() as connection:
            ended = await connection.execute(sa.delete(SIGN_INS).where(SIGN_INS.c.tenant_id == tenant))
            await audit.add(connection, audit.by_operator(tenant, at, "users.signed-out", None))
            return ended.rowcount

    async def purge(self, now: datetime) -> None:
        """Delete those that have expired."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(SIGN_INS).where(SIGN_INS.c.expires_at <= now))


async def _user(
    connection: AsyncConnection, setting: SignInSetting, identity: Identity, at: datetime, *, links: bool
) -> User:
    tenant, issuer = setting.tenant_id, setting.issuer
    known = await _known(connection, tenant, issuer, identity.subject)
    if known is not None:
        return known
    owners = await _owners(connection, tenant, identity.email)
    if links and len(owners) == 1 and not await _has_subject(connection, tenant, issuer, owners[0].id):
        user = owners[0]
    else:
        email = None if owners else identity.email  # unique within the tenant
        user = User(UserId(new_uuid()), tenant, email, identity.name, None, at)
        row = rows.user_row(tenant, user.id, user.display_name, user.email, None, at)
        await connection.execute(sa.insert(USERS).values(row))
    linked = {"tenant_id": tenant, "issuer": issuer, "subject": identity.subject, "user_id": user.id}
    await connection.execute(sa.insert(IDENTITIES).values(linked | {"created_at": at}))
    return user


async def _known(connection: AsyncConnection, tenant: TenantId, issuer: str, subject: str) -> User | None:
    query = sa.select(IDENTITIES.c.user_id).where(
        IDENTITIES.c.tenant_id == tenant, IDENTITIES.c.issuer == issuer, IDENTITIES.c.subject == subject
    )
    user_id = (await connection.execute(query)).scalar_one_or_none()
    return None if user_id is None else await rows.find_user(connection, tenant, user_id)


async def _owners(connection: AsyncConnection, tenant: TenantId, email: str | None) -> Sequence[User]:
    """The users who have an email address, in whatever case."""
    if email is None:
        return []
    query = sa.select(USERS).where(USERS.c.tenant_id == tenant, sa.func.lower(USERS.c.email) == email.lower())
    return [User(**row._mapping) for row in await connection.execute(query.limit(2))]


async def _has_subject(connection: AsyncConnection, tenant: TenantId, issuer: str, user_id: UserId) -> bool:
    theirs = sa.select(IDENTITIES.c.subject).where(
        IDENTITIES.c.tenant_id == tenant, IDENTITIES.c.issuer == issuer, IDENTITIES.c.user_id == user_id
    )
    return (await connection.execute(theirs)).first() is not None


async def _end_replaced(connection: AsyncConnection, browser: Browser, secret: str, at: datetime) -> None:
    """The browser is about to lose the secret: nobody could sign out by it."""
    it = sa.and_(SIGN_INS.c.digest == _digest(secret), SIGN_INS.c.expires_at > at)
    row = (await connection.execute(sa.select(SIGN_INS.c.tenant_id, SIGN_INS.c.user_id).where(it))).one_or_none()
    if row is not None and (await connection.execute(sa.delete(SIGN_INS).where(it))).rowcount:
        await audit.add(connection, _entry(row.tenant_id, row.user_id, "user.signed-out", at, browser))


async def _drop_oldest(connection: AsyncConnection, tenant: TenantId, user_id: UserId) -> None:
    """Leave room for one more."""
    theirs = sa.and_(SIGN_INS.c.tenant_id == tenant, SIGN_INS.c.user_id == user_id)
    newest = sa.select(SIGN_INS.c.id).where(theirs).order_by(SIGN_INS.c.created_at.desc(), SIGN_INS.c.id)
    kept = [row.id for row in await connection.execute(newest.limit(MOST_OF_USER - 1))]
    await connection.execute(sa.delete(SIGN_INS).where(theirs, SIGN_INS.c.id.not_in(kept)))


def _entry(tenant: TenantId, user_id: UserId, action: str, at: datetime, browser: Browser) -> AuditEntry:
    return AuditEntry(
        id=new_uuid(),
        tenant_id=tenant,
        at=at,
        action=action,
        actor=f"user {user_id}",
        address=browser.address,
        request_id=browser.request_id,
        target=user_id,
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
