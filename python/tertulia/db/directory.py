"""Users, rooms and sessions. Each call is one transaction and may be repeated: a process may die before its answer.

With ``tenant``, another tenant's rows are not found. Only the hub, which holds a verified token, and the reaper call
without.
"""

from __future__ import annotations

import base64
import uuid
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia import times
from tertulia.contract import RoomStatus, Settings, SettingsChange
from tertulia.db.engine import Database, insert_new
from tertulia.db.models import Recording, Room, Session, User
from tertulia.db.tables import RECORDINGS, ROOMS, SESSIONS, USERS
from tertulia.errors import AlreadyExists, FieldError, Invalid, NotFound
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId

GUEST_NAME: Final = "Guest"
"""The name of a user of whom only the id is known."""


_OPEN_SESSION: Final = (
    sa.select(SESSIONS.c.id)
    .where(SESSIONS.c.room_id == ROOMS.c.id, SESSIONS.c.end_time.is_(None))
    .order_by(SESSIONS.c.start_time.desc())
    .limit(1)
    .scalar_subquery()
    .label("session_id")
)
_ROOM: Final = sa.select(ROOMS, _OPEN_SESSION)


class Position(NamedTuple):
    """A place in the list of rooms."""

    created_at: datetime
    room_id: str


class Page(NamedTuple):
    """Some rooms, the newest first, and the cursor of the next page; None: this is the last one."""

    rooms: list[Room]
    next: str | None


class Directory:
    """The queries on users, rooms and sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- users

    async def create_user(
        self,
        tenant: TenantId,
        user_id: UserId,
        display_name: str,
        email: str | None,
        at: datetime,
        *,
        again: bool = False,
    ) -> User:
        """Create a user. With ``again``, an equal one that exists is the answer: an earlier attempt created it.

        Raises:
            AlreadyExists: the id, or the email within the tenant, is taken.
        """
        row = _user_row(tenant, user_id, display_name, email, None, at)
        async with self._database.write() as connection:
            made = await connection.execute(insert_new(connection, USERS, row))
            found = await _find_user(connection, user_id)
            same = found and (found.tenant_id, found.display_name, found.email) == (tenant, display_name, email)
            if made.rowcount or (again and same):
                return found or _missing(user_id)
        taken = FieldError("id", "is taken") if found else FieldError("email", "is another user's")
        raise AlreadyExists([taken])

    async def check_user_is_new(self, tenant: TenantId, user_id: UserId, email: str | None) -> None:
        """Check that a user can be created.

        Raises:
            AlreadyExists: the id, or the email within the tenant, is taken.
        """
        errors = []
        has_email = sa.and_(USERS.c.tenant_id == tenant, USERS.c.email == email)
        async with self._database.read() as connection:
            if await _find_user(connection, user_id):
                errors.append(FieldError("id", "is taken"))
            if email is not None and (await connection.execute(sa.select(USERS.c.id).where(has_email))).first():
                errors.append(FieldError("email", "is another user's"))
        if errors:
            raise AlreadyExists(errors)

    async def ensure_user(
        self,
        tenant: TenantId,
        user_id: UserId,
        at: datetime,
        display_name: str = GUEST_NAME,
        invite_id: str | None = None,
    ) -> User:
        """The user, created if the id is not known. A known user's name and invite do not change.

        Raises:
            NotFound: the id is another tenant's user's.
        """
        async with self._database.write() as connection:
            return await _ensure_user(connection, _user_row(tenant, user_id, display_name, None, invite_id, at))

    async def find_user(self, tenant: TenantId, user_id: UserId) -> User | None:
        """The user; None: nobody has this id.

        Raises:
            NotFound: the id is another tenant's user's.
        """
        async with self._database.read() as connection:
            user = await _find_user(connection, user_id)
        return _of_tenant(user, tenant) if user else None

    async def user(self, tenant: TenantId, user_id: UserId) -> User:
        """The user.

        Raises:
            NotFound
        """
        return await self.find_user(tenant, user_id) or _missing(user_id)

    # --- rooms

    async def create_room(
        self, tenant: TenantId, room_id: RoomId, host: UserId, settings: Settings, at: datetime
    ) -> Room:
        """Create a room, and its host as a user if not known. If the room exists, it is the answer.

        Raises:
            NotFound: the host is another tenant's user.
        """
        row = {
            "id": room_id,
            "tenant_id": tenant,
            "host_user_id": host,
            "settings": msgspec.to_builtins(settings),
            "status": "SCHEDULED",
            "created_at": at,
        }
        async with self._database.write() as connection:
            await _ensure_user(connection, _user_row(tenant, host, GUEST_NAME, None, None, at))
            await connection.execute(insert_new(connection, ROOMS, row))
            return await _room(connection, room_id, tenant)

    async def room(self, room_id: RoomId, tenant: TenantId | None = None) -> Room:
        """The room.

        Raises:
            NotFound: there is none, it was deleted, or it is another tenant's.
        """
        async with self._database.read() as connection:
            return await _room(connection, room_id, tenant)

    async def list_rooms(
        self, tenant: TenantId, *, status: RoomStatus | None = None, limit: int = 50, after: Position | None = None
    ) -> Page:
        """The tenant's rooms, the newest first, from ``after`` on (see :func:`read_cursor`)."""
        query = _ROOM.where(ROOMS.c.tenant_id == tenant)
        if status is not None:
            query = query.where(ROOMS.c.status == status)
        if after is not None:
            same_moment = sa.and_(ROOMS.c.created_at == after.created_at, ROOMS.c.id < after.room_id)
            query = query.where(sa.or_(ROOMS.c.created_at < after.created_at, same_moment))
        query = query.order_by(ROOMS.c.created_at.desc(), ROOMS.c.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            rooms = [_as_room(row) for row in await connection.execute(query)]
        more = len(rooms) > limit
        return Page(rooms[:limit], _cursor(rooms[limit - 1]) if more else None)

    async def change_settings(self, tenant: TenantId, room_id: RoomId, change: SettingsChange) -> Room:
        """Merge ``change`` into the settings.

        Raises:
            NotFound
        """
        async with self._database.write() as connection:
            await _lock_room(connection, room_id)
            room = await _room(connection, room_id, tenant)
            settings = msgspec.to_builtins(room.settings.merged(change))
            await connection.execute(sa.update(ROOMS).where(ROOMS.c.id == room_id).values(settings=settings))
            return await _room(connection, room_id, tenant)

    async def delete_room(self, tenant: TenantId, room_id: RoomId) -> None:
        """Delete the room with its sessions and recordings.

        Raises:
            NotFound
        """
        query = sa.delete(ROOMS).where(ROOMS.c.id == room_id, ROOMS.c.tenant_id == tenant)
        async with self._database.write() as connection:
            if not (await connection.execute(query)).rowcount:
                _missing(room_id)

    # --- sessions

    async def open_session(self, session_id: SessionId, room_id: RoomId, at: datetime) -> Session:
        """The session, which begins ``at`` unless it exists. While it is open, its room is ACTIVE.

        A closed one stays closed, as its ``end_time`` shows.

        Raises:
            NotFound: the room is gone.
        """
        row = {"id": session_id, "room_id": room_id, "start_time": at, "end_time": None, "recording_url": None}
        async with self._database.write() as connection:
            await _lock_room(connection, room_id)
            await _room(connection, room_id, None)
            await connection.execute(insert_new(connection, SESSIONS, row))
            session = await _session(connection, session_id) or _missing(session_id)
            if session.end_time is None:
                await _set_status(connection, room_id)
        return session

    async def close_session(self, session_id: SessionId, at: datetime) -> None:
        """End the session ``at``, unless it has ended. Its room is COMPLETED when it has no open session.

        An unknown session is no error.
        """
        async with self._database.write() as connection:
            session = await _session(connection, session_id)
            if session is None:
                return
            await _lock_room(connection, session.room_id)
            ends = sa.update(SESSIONS).where(SESSIONS.c.id == session_id, SESSIONS.c.end_time.is_(None))
            if (await connection.execute(ends.values(end_time=max(at, session.start_time)))).rowcount:
                await _set_status(connection, session.room_id)

    async def session(self, session_id: SessionId) -> Session | None:
        """The session; None: there is none."""
        async with self._database.read() as connection:
            return await _session(connection, session_id)

    async def is_open(self, session_id: SessionId) -> bool:
        """Whether there is such a session, and it has not ended."""
        session = await self.session(session_id)
        return session is not None and session.end_time is None

    async def open_sessions(self) -> list[Session]:
        """All open sessions of all tenants, the oldest first: for the reaper."""
        query = sa.select(SESSIONS).where(SESSIONS.c.end_time.is_(None)).order_by(SESSIONS.c.start_time)
        async with self._database.read() as connection:
            return [Session(**row._mapping) for row in await connection.execute(query)]

    async def sessions(self, room_id: RoomId) -> list[Session]:
        """The sessions of a room, the newest first."""
        query = sa.select(SESSIONS).where(SESSIONS.c.room_id == room_id)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(SESSIONS.c.start_time.desc(), SESSIONS.c.id.desc()))
            return [Session(**row._mapping) for row in rows]

    async def recordings(self, room_id: RoomId) -> list[Recording]:
        """The recordings of a room, the newest first."""
        query = sa.select(RECORDINGS).where(RECORDINGS.c.room_id == room_id)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(RECORDINGS.c.created_at.desc(), RECORDINGS.c.id.desc()))
            return [Recording(**row._mapping) for row in rows]

    async def recording(self, room_id: RoomId, recording_id: RecordingId) -> Recording:
        """One of them.

        Raises:
            NotFound
        """
        for recording in await self.recordings(room_id):
            if recording.id == recording_id:
                return recording
        raise NotFound(f"{recording_id} is not a recording of this room")

    async def delete_recording(self, room_id: RoomId, recording_id: RecordingId) -> None:
        """Delete the row. The caller deletes the file first."""
        ours = sa.and_(RECORDINGS.c.id == recording_id, RECORDINGS.c.room_id == room_id)
        async with self._database.write() as connection:
            await connection.execute(sa.delete(RECORDINGS).where(ours))


def _user_row(
    tenant: TenantId, user_id: UserId, display_name: str, email: str | None, invite_id: str | None, at: datetime
) -> dict[str, Any]:
    return {
        "id": user_id,
        "tenant_id": tenant,
        "email": email,
        "display_name": display_name,
        "invite_id": invite_id,
        "created_at": at,
    }


async def _ensure_user(connection: AsyncConnection, row: dict[str, Any]) -> User:
    await connection.execute(insert_new(connection, USERS, row))
    user = await _find_user(connection, row["id"]) or _missing(row["id"])
    return _of_tenant(user, row["tenant_id"])


async def _find_user(connection: AsyncConnection, user_id: UserId) -> User | None:
    row = (await connection.execute(sa.select(USERS).where(USERS.c.id == user_id))).one_or_none()
    return User(**row._mapping) if row else None


def _of_tenant(user: User, tenant: TenantId) -> User:
    return user if user.tenant_id == tenant else _missing(user.id)


async def _room(connection: AsyncConnection, room_id: RoomId, tenant: TenantId | None) -> Room:
    query = _ROOM.where(ROOMS.c.id == room_id)
    if tenant is not None:
        query = query.where(ROOMS.c.tenant_id == tenant)
    row = (await connection.execute(query)).one_or_none()
    return _as_room(row) if row else _missing(room_id)


def _as_room(row: sa.Row[Any]) -> Room:
    values = dict(row._mapping)
    return Room(**(values | {"settings": msgspec.convert(values["settings"], Settings)}))


async def _lock_room(connection: AsyncConnection, room_id: RoomId) -> None:
    """Keep other transactions from changing the room and its sessions. (SQLite has one writer anyway.)"""
    await connection.execute(sa.select(ROOMS.c.id).where(ROOMS.c.id == room_id).with_for_update())


async def _set_status(connection: AsyncConnection, room_id: RoomId) -> None:
    is_open = sa.exists().where(SESSIONS.c.room_id == room_id, SESSIONS.c.end_time.is_(None))
    status = sa.case((is_open, "ACTIVE"), else_="COMPLETED")
    await connection.execute(sa.update(ROOMS).where(ROOMS.c.id == room_id).values(status=status))


async def _session(connection: AsyncConnection, session_id: SessionId) -> Session | None:
    row = (await connection.execute(sa.select(SESSIONS).where(SESSIONS.c.id == session_id))).one_or_none()
    return Session(**row._mapping) if row else None


def _missing(what: str) -> Any:
    raise NotFound(f"{what} is not known")


def _cursor(room: Room) -> str:
    return base64.urlsafe_b64encode(f"{times.to_ms(room.created_at)}:{room.id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Position:
    """The place to which a cursor points.

    Raises:
        Invalid: it is no cursor of a page.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        ms, _, room_id = text.partition(":")
        return Position(times.from_ms(int(ms)), str(uuid.UUID(room_id)))
    except (ValueError, OverflowError, OSError):
        raise Invalid([FieldError("cursor", "must be the `next` of an earlier page")]) from None
