"""Users, rooms and sessions within a transaction: what the calls of :mod:`tertulia.db.directory` are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia import times
from tertulia.contract.settings import Settings
from tertulia.db.engine import insert_new
from tertulia.db.models import Room, Session, User
from tertulia.db.tables import INVITE_USES, INVITES, IS_RUNNING, RECORDINGS, REMOVALS, ROOMS, SESSIONS, TENANTS, USERS
from tertulia.errors import NotFound
from tertulia.ids import RoomId, SessionId, TenantId, UserId
from tertulia.room.participant import Removals

_OPEN_SESSION: Final = (
    sa.select(SESSIONS.c.id)
    .where(SESSIONS.c.room_id == ROOMS.c.id, SESSIONS.c.end_time.is_(None))
    .order_by(SESSIONS.c.start_time.desc())
    .limit(1)
    .correlate(ROOMS)
    .scalar_subquery()
)
_RUNNING_RECORDING: Final = (
    sa.select(RECORDINGS.c.id)
    .where(RECORDINGS.c.session_id == _OPEN_SESSION, IS_RUNNING)
    .correlate(ROOMS)
    .scalar_subquery()
)
ROOM_QUERY: Final = sa.select(ROOMS, _OPEN_SESSION.label("session_id"), _RUNNING_RECORDING.label("recording_id"))
"""Rooms, each with its open session, and the recording of it that is running."""


def user_row(
    tenant: TenantId, user_id: UserId, display_name: str, email: str | None, invite_id: str | None, at: datetime
) -> dict[str, Any]:
    """The values of a row of ``users``."""
    return {
        "id": user_id,
        "tenant_id": tenant,
        "email": email,
        "display_name": display_name,
        "invite_id": invite_id,
        "created_at": at,
    }


async def ensure_user(connection: AsyncConnection, row: dict[str, Any]) -> User:
    """The user of ``row``, created if the tenant has none of this id."""
    await connection.execute(insert_new(connection, USERS, row))
    return await find_user(connection, row["tenant_id"], row["id"]) or not_found("user")


async def find_user(connection: AsyncConnection, tenant: TenantId, user_id: UserId) -> User | None:
    """A user of the tenant; None: it has none of this id."""
    ours = sa.and_(USERS.c.tenant_id == tenant, USERS.c.id == user_id)
    row = (await connection.execute(sa.select(USERS).where(ours))).one_or_none()
    return User(**row._mapping) if row else None


async def find_room(connection: AsyncConnection, room_id: RoomId, tenant: TenantId | None) -> Room:
    """A room, of ``tenant`` unless None.

    Raises:
        NotFound
    """
    query = ROOM_QUERY.where(ROOMS.c.id == room_id)
    if tenant is not None:
        query = query.where(ROOMS.c.tenant_id == tenant)
    row = (await connection.execute(query)).one_or_none()
    return as_room(row) if row else not_found("room")


def as_room(row: sa.Row[Any]) -> Room:
    """A row of :data:`ROOM_QUERY`, perhaps with further columns."""
    values = {name: row._mapping[name] for name in Room.__struct_fields__}
    return Room(**(values | {"settings": msgspec.convert(values["settings"], Settings)}))


async def lock_tenant(connection: AsyncConnection, tenant: TenantId) -> None:
    """Let one transaction at a time change what there is one of for each tenant. Rows that refer to the tenant may be
    added meanwhile.

    Raises:
        NotFound
    """
    lock = sa.select(TENANTS.c.id).where(TENANTS.c.id == tenant).with_for_update(key_share=True)
    if (await connection.execute(lock)).first() is None:
        not_found("tenant")


async def lock_room(connection: AsyncConnection, room_id: RoomId) -> None:
    """Keep other transactions from changing the room and its sessions. (SQLite has one writer anyway.)"""
    await connection.execute(sa.select(ROOMS.c.id).where(ROOMS.c.id == room_id).with_for_update())


async def unlock(connection: AsyncConnection, room_id: RoomId) -> None:
    """A lock ends with the meeting."""
    settings = (await find_room(connection, room_id, None)).settings
    if settings.locked:
        unlocked = msgspec.to_builtins(msgspec.structs.replace(settings, locked=False))
        await connection.execute(sa.update(ROOMS).where(ROOMS.c.id == room_id).values(settings=unlocked))


async def set_status(connection: AsyncConnection, room_id: RoomId) -> None:
    """Make a room ACTIVE if it has an open session, else COMPLETED."""
    is_open = sa.exists().where(SESSIONS.c.room_id == room_id, SESSIONS.c.end_time.is_(None))
    status = sa.case((is_open, "ACTIVE"), else_="COMPLETED")
    await connection.execute(sa.update(ROOMS).where(ROOMS.c.id == room_id).values(status=status))


async def find_session(connection: AsyncConnection, session_id: SessionId) -> Session | None:
    """A session; None: there is none."""
    row = (await connection.execute(sa.select(SESSIONS).where(SESSIONS.c.id == session_id))).one_or_none()
    return Session(**row._mapping) if row else None


async def removals(connection: AsyncConnection, session_id: SessionId) -> Removals:
    """Who was removed from a session, and when."""
    query = sa.select(REMOVALS.c.user_id, REMOVALS.c.removed_at).where(REMOVALS.c.session_id == session_id)
    return {UserId(row.user_id): times.to_ms(row.removed_at) for row in await connection.execute(query)}


async def ban(connection: AsyncConnection, tenant: TenantId, user_id: UserId, at: datetime) -> None:
    """Keep a guest of the tenant out for good, and whoever comes by an invite of theirs, which may be valid for longer
    than their own is remembered. Of no effect on anyone else."""
    ours = sa.and_(INVITE_USES.c.tenant_id == tenant, INVITE_USES.c.user_id == user_id)
    bans = sa.update(INVITE_USES).where(ours, INVITE_USES.c.banned_at.is_(None))
    await connection.execute(bans.values(banned_at=at))
    theirs = sa.and_(
        INVITES.c.made_by == user_id,
        INVITES.c.room_id.in_(sa.select(ROOMS.c.id).where(ROOMS.c.tenant_id == tenant)),
        sa.exists().where(ours, INVITE_USES.c.banned_at.is_not(None)),
    )
    await connection.execute(sa.update(INVITES).where(theirs, INVITES.c.revoked_at.is_(None)).values(revoked_at=at))


def not_found(what: str) -> Any:
    """Raises NotFound; ``what`` is a word such as "room". (To be used as a value that does not exist.)"""
    raise NotFound(f"this {what} is not known")
