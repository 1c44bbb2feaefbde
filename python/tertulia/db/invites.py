"""Invites and their uses. Each use makes one guest: a user whom no API key vouches for.

Whether an invite may be used is decided in the transaction that counts the use: a race cannot use it more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia import times
from tertulia.db import rows
from tertulia.db.engine import Database, insert_new
from tertulia.db.models import Invite, User
from tertulia.db.standing import is_banned, is_removed, is_revoked
from tertulia.db.tables import INVITE_USES, INVITES, ROOMS, USERS
from tertulia.errors import AlreadyExists, BadToken, FieldError, Forbidden, NotFound, UserRemoved
from tertulia.ids import RoomId, TenantId, UserId
from tertulia.tokens import ADMISSION_SECONDS, InviteClaims

TAKEN: Final = "is in use: an invite makes a new user. Send a new UUID, or your own room token instead of the invite"
"""What is wrong with the ``userId`` of somebody who exists."""
_USED_UP: Final = "the invite has been used as often as it may be: ask for a new one"
LISTED: Final = 1000
"""The most invites that a list has."""

_OWNER: Final = sa.select(ROOMS.c.tenant_id).where(ROOMS.c.id == INVITES.c.room_id).correlate(INVITES).scalar_subquery()
"""The tenant of an invite's room."""
_IS_VOID: Final = sa.or_(
    is_revoked(INVITES.c.key_id),
    is_removed(INVITES.c.room_id, INVITES.c.made_by, INVITES.c.maker_admitted_at),
    is_banned(_OWNER, INVITES.c.made_by),
)
"""Whoever made the invite may no longer come themselves."""
_INVITE: Final = sa.select(INVITES)


class Invites:
    """The queries on invites."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, invite: Invite) -> Invite:
        """Create an invite. If one with this id exists, it is the answer.

        Raises:
            UserRemoved: whoever makes it has been banned meanwhile.
        """
        async with self._database.write() as connection:
            if invite.made_by is not None:
                await _check_maker(connection, invite.room_id, invite.made_by)
            await connection.execute(insert_new(connection, INVITES, structs.asdict(invite)))
            return await _find(connection, invite.id) or invite

    async def of_room(self, room_id: RoomId, now: datetime) -> list[Invite]:
        """The room's invites that were not revoked and have not expired, the newest first."""
        query = _INVITE.where(INVITES.c.room_id == room_id, INVITES.c.revoked_at.is_(None), INVITES.c.expires_at > now)
        query = query.order_by(INVITES.c.created_at.desc(), INVITES.c.id.desc()).limit(LISTED)
        async with self._database.read() as connection:
            return [Invite(**row._mapping) for row in await connection.execute(query)]

    async def find(self, room_id: RoomId, invite_id: str) -> Invite:
        """An invite to the room that was not revoked.

        Raises:
            NotFound
        """
        async with self._database.read() as connection:
            invite = await _find(connection, invite_id)
        if invite is None or invite.room_id != room_id or invite.revoked_at is not None:
            raise NotFound("this invite is not known")
        return invite

    async def by_code(self, hashes: Sequence[bytes], now: datetime) -> tuple[Invite, TenantId] | None:
        """The invite whose code has one of these hashes, and its tenant; None: there is none that admits anybody."""
        is_valid = sa.and_(INVITES.c.revoked_at.is_(None), INVITES.c.expires_at > now, sa.not_(_IS_VOID))
        query = sa.select(INVITES, ROOMS.c.tenant_id.label("of_tenant")).join(ROOMS, ROOMS.c.id == INVITES.c.room_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query.where(INVITES.c.code_hash.in_(hashes), is_valid))).one_or_none()
        if row is None:
            return None
        fields = dict(row._mapping)
        tenant_id = fields.pop("of_tenant")
        return Invite(**fields), tenant_id

    async def revoke(self, invite_id: str, at: datetime) -> None:
        """Keep out everyone who has not joined by the invite yet. May be called again."""
        revokes = sa.update(INVITES).where(INVITES.c.id == invite_id, INVITES.c.revoked_at.is_(None))
        async with self._database.write() as connection:
            await connection.execute(revokes.values(revoked_at=at))

    async def check(self, claims: InviteClaims) -> None:
        """Check that the invite has not been revoked.

        Raises:
            BadToken: it was, or whoever made it was removed.
        """
        async with self._database.read() as connection:
            await _check(connection, claims.invite_id)

    async def check_uses(self, claims: InviteClaims) -> None:
        """Check that the invite has a use left.

        Raises:
            Forbidden
        """
        async with self._database.read() as connection:
            invite = await _find(connection, claims.invite_id)
        if invite is not None and invite.max_uses is not None and invite.uses >= invite.max_uses:
            raise Forbidden(_USED_UP)

    async def use(self, claims: InviteClaims, use_id: str, user_id: UserId, name: str, now: datetime) -> User:
        """Use an invite, which makes the user. Again with the same ``use_id``: the same user.

        Raises:
            BadToken: the invite was revoked, or whoever made it was removed.
            Forbidden: it has been used as often as it may be.
            AlreadyExists: the tenant has a user of that id.
        """
        async with self._database.write() as connection:
            user = await _user_of(connection, use_id)
            if user is not None:
                return user
            await _count(connection, claims, now)
            row = rows.user_row(claims.tenant_id, user_id, name, None, claims.invite_id, now)
            if not (await connection.execute(insert_new(connection, USERS, row))).rowcount:
                raise AlreadyExists([FieldError("userId", TAKEN)])
            use = {"id": use_id, "invite_id": claims.invite_id, "tenant_id": claims.tenant_id}
            await connection.execute(sa.insert(INVITE_USES).values(use | {"user_id": user_id, "used_at": now}))
            return User(**row)

    async def has_made(self, room_id: RoomId, user_id: UserId) -> bool:
        """Whether the user came by an invite to the room."""
        is_of_room = sa.and_(INVITES.c.room_id == room_id, INVITE_USES.c.user_id == user_id)
        query = sa.select(INVITE_USES.c.id).join(INVITES, INVITES.c.id == INVITE_USES.c.invite_id).where(is_of_room)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def ban(self, tenant: TenantId, user_id: UserId, at: datetime) -> None:
        """Keep a guest of the tenant out for good. Of no effect on anyone else."""
        async with self._database.write() as connection:
            await rows.ban(connection, tenant, user_id, at)

    async def purge(self, now: datetime) -> None:
        """Delete the invites of which no token can be valid any more."""
        before = now - timedelta(seconds=ADMISSION_SECONDS)
        async with self._database.write() as connection:
            await connection.execute(sa.delete(INVITES).where(INVITES.c.expires_at <= before))


async def _find(connection: AsyncConnection, invite_id: str) -> Invite | None:
    row = (await connection.execute(_INVITE.where(INVITES.c.id == invite_id))).one_or_none()
    return Invite(**row._mapping) if row else None


async def _user_of(connection: AsyncConnection, use_id: str) -> User | None:
    """The user that a use has made."""
    made = sa.and_(INVITE_USES.c.tenant_id == USERS.c.tenant_id, INVITE_USES.c.user_id == USERS.c.id)
    query = sa.select(USERS).join(INVITE_USES, made).where(INVITE_USES.c.id == use_id)
    row = (await connection.execute(query)).one_or_none()
    return User(**row._mapping) if row else None


async def _check_maker(connection: AsyncConnection, room_id: RoomId, user_id: UserId) -> None:
    """Check that a user was not banned. A ban waits until the transaction ends, and then revokes their invites."""
    owner = sa.select(ROOMS.c.tenant_id).where(ROOMS.c.id == room_id).scalar_subquery()
    theirs = sa.select(INVITE_USES.c.banned_at).where(
        INVITE_USES.c.tenant_id == owner, INVITE_USES.c.user_id == user_id
    )
    if any(row.banned_at is not None for row in await connection.execute(theirs.with_for_update())):
        raise UserRemoved


async def _check(connection: AsyncConnection, invite_id: str) -> None:
    query = sa.select(sa.or_(INVITES.c.revoked_at.is_not(None), _IS_VOID)).where(INVITES.c.id == invite_id)
    if (await connection.execute(query)).scalar():
        raise BadToken("the invite was revoked: ask for a new one")


async def _count(connection: AsyncConnection, claims: InviteClaims, now: datetime) -> None:
    """Count a use."""
    await connection.execute(insert_new(connection, INVITES, _unlisted(claims, now)))
    ours = INVITES.c.id == claims.invite_id
    has_uses = sa.or_(INVITES.c.max_uses.is_(None), INVITES.c.uses < INVITES.c.max_uses)
    counts = sa.update(INVITES).where(ours, has_uses, INVITES.c.revoked_at.is_(None))
    counted = (await connection.execute(counts.values(uses=INVITES.c.uses + 1))).rowcount
    await _check(connection, claims.invite_id)
    if not counted:
        raise Forbidden(_USED_UP)


def _unlisted(claims: InviteClaims, now: datetime) -> dict[str, Any]:
    """The row of an invite that was made before there was a table of them."""
    return {
        "id": claims.invite_id,
        "room_id": claims.room_id,
        "role": claims.role,
        "created_at": now,
        "expires_at": times.from_seconds(claims.expires_at),
        "uses": 0,
    }
