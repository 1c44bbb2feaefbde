"""Users, rooms and sessions. Each call is one transaction and may be repeated: a process may die before its answer.

With ``tenant``, another tenant's rows are not found. Only the hub, which holds a verified token, and the reaper call
without.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.contract.fields import RoomStatus
from tertulia.contract.settings import Settings, SettingsChange
from tertulia.db import quotas, recording_rows, rows
from tertulia.db.engine import Database, insert_new
from tertulia.db.models import Room, Session, User
from tertulia.db.paging import Page, Position, behind, cursor_of
from tertulia.db.tables import RECORDINGS, REMOVALS, ROOMS, SESSIONS, TENANTS, USERS
from tertulia.errors import AlreadyExists, FieldError
from tertulia.ids import RoomId, SessionId, TenantId, UserId
from tertulia.room.quotas import Quotas

GUEST_NAME: Final = "Guest"
"""The name of a user of whom only the id is known."""
MOST_TESTS: Final = 20
"""Rooms of connection tests that are looked for at once."""
_TENANTS_AT_ONCE: Final = 500
"""Tenants in one query."""


def host_of_tests(tenant: TenantId) -> UserId:
    """Whose the rooms are in which people of a tenant test their connection."""
    return UserId(str(uuid.uuid5(uuid.NAMESPACE_URL, f"tertulia:connection-test:{tenant}")))


class Joining(NamedTuple):
    """What a join goes by."""

    room: Room
    user: User | None
    """None: the tenant has none of this id yet."""
    quotas: Quotas


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
            AlreadyExists: the id or the email is taken within the tenant.
        """
        row = rows.user_row(tenant, user_id, display_name, email, None, at)
        async with self._database.write() as connection:
            made = await connection.execute(insert_new(connection, USERS, row))
            found = await rows.find_user(connection, tenant, user_id)
            same = found and (found.display_name, found.email) == (display_name, email)
            if made.rowcount or (again and same):
                return found or rows.not_found("user")
        taken = FieldError("id", "is taken") if found else FieldError("email", "is another user's")
        raise AlreadyExists([taken])

    async def check_user_is_new(self, tenant: TenantId, user_id: UserId, email: str | None) -> None:
        """Check that a user can be created.

        Raises:
            AlreadyExists: the id or the email is taken within the tenant.
        """
        errors = []
        has_email = sa.and_(USERS.c.tenant_id == tenant, USERS.c.email == email)
        async with self._database.read() as connection:
            if await rows.find_user(connection, tenant, user_id):
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
    ) -> User:
        """The user, created if the tenant has none of this id. A known user's name does not change."""
        async with self._database.write() as connection:
            return await rows.ensure_user(connection, rows.user_row(tenant, user_id, display_name, None, None, at))

    async def find_user(self, tenant: TenantId, user_id: UserId) -> User | None:
        """The user; None: the tenant has none of this id."""
        async with self._database.read() as connection:
            return await rows.find_user(connection, tenant, user_id)

    async def user(self, tenant: TenantId, user_id: UserId) -> User:
        """The user.

        Raises:
            NotFound
        """
        return await self.find_user(tenant, user_id) or rows.not_found("user")

    # --- rooms

    async def create_room(
        self,
        tenant: TenantId,
        room_id: RoomId,
        host: UserId,
        settings: Settings,
        at: datetime,
        *,
        title: str | None = None,
        scheduled_for: datetime | None = None,
    ) -> Room:
        """Create a room, and its host as a user if not known. If the room exists, it is the answer.

        Raises:
            QuotaExceeded: the tenant has as many as it may.
            AlreadyExists: the host is a guest.
        """
        row = {
            "id": room_id,
            "tenant_id": tenant,
            "host_user_id": host,
            "settings": msgspec.to_builtins(settings),
            "status": "SCHEDULED",
            "created_at": at,
            "title": title,
            "scheduled_for": scheduled_for,
        }
        async with self._database.write() as connection:
            await quotas.lock_rooms(connection, tenant)
            await quotas.check_rooms(connection, tenant, room_id)
            user = await rows.ensure_user(connection, rows.user_row(tenant, host, GUEST_NAME, None, None, at))
            if user.is_guest:
                raise AlreadyExists([FieldError("hostId", "is a guest's, who came by an invite")])
            await connection.execute(insert_new(connection, ROOMS, row))
            return await rows.find_room(connection, room_id, tenant)

    async def check_room_is_within_quota(self, tenant: TenantId, room_id: RoomId) -> None:
        """Check that the tenant may have the room.

        Raises:
            QuotaExceeded
        """
        async with self._database.read() as connection:
            await quotas.check_rooms(connection, tenant, room_id)

    async def quotas(self, tenants: Collection[TenantId]) -> dict[TenantId, Quotas]:
        """What each of these tenants may have."""
        found: dict[TenantId, Quotas] = {}
        async with self._database.read() as connection:
            for some in _some(tenants):
                found |= await quotas.of_tenants(connection, some)
        return found

    async def joining(self, tenant: TenantId, room_id: RoomId, user_id: UserId) -> Joining:
        """What a join of a room by a user goes by.

        Raises:
            NotFound: the tenant has no such room.
        """
        async with self._database.read() as connection:
            room = await rows.find_room(connection, room_id, tenant)
            user = await rows.find_user(connection, tenant, user_id)
            return Joining(room, user, await quotas.of_tenant(connection, tenant))

    async def room(self, room_id: RoomId, tenant: TenantId | None = None) -> Room:
        """The room.

        Raises:
            NotFound: there is none, it was deleted, or it is another tenant's.
        """
        async with self._database.read() as connection:
            return await rows.find_room(connection, room_id, tenant)

    async def list_rooms(
        self,
        tenant: TenantId,
        *,
        status: RoomStatus | None = None,
        host: UserId | None = None,
        limit: int = 50,
        after: Position | None = None,
    ) -> Page:
        """The tenant's rooms, or those of one host, the newest first, from ``after`` on (see
        :func:`~tertulia.db.paging.read_cursor`)."""
        query = rows.ROOM_QUERY.where(ROOMS.c.tenant_id == tenant, ROOMS.c.host_user_id != host_of_tests(tenant))
        if status is not None:
            query = query.where(ROOMS.c.status == status)
        if host is not None:
            query = query.where(ROOMS.c.host_user_id == host)
        if after is not None:
            query = query.where(behind(after, ROOMS.c.created_at, ROOMS.c.id))
        query = query.order_by(ROOMS.c.created_at.desc(), ROOMS.c.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            rooms = [rows.as_room(row) for row in await connection.execute(query)]
        if len(rooms) <= limit:
            return Page(rooms, None)
        last = rooms[limit - 1]
        return Page(rooms[:limit], cursor_of(Position(last.created_at, last.id)))

    async def tests(self, tenant: TenantId, until: datetime) -> list[RoomId]:
        """Rooms for connection tests of a tenant that were made before."""
        async with self._database.read() as connection:
            return [room for _, room in await _tests(connection, [tenant], ROOMS.c.created_at < until)]

    async def all_tests(self, since: datetime, until: datetime) -> list[tuple[TenantId, RoomId]]:
        """Those of all tenants that were made between."""
        found: list[tuple[TenantId, RoomId]] = []
        between = ROOMS.c.created_at.between(since, until)
        async with self._database.read() as connection:
            tenants = [TenantId(row.id) for row in await connection.execute(sa.select(TENANTS.c.id))]
            for some in _some(tenants):
                found += await _tests(connection, some, between)
        return found

    async def change_settings(self, tenant: TenantId | None, room_id: RoomId, change: SettingsChange) -> Room:
        """Merge ``change`` into the settings.

        Raises:
            NotFound
        """
        return await self.change_room(tenant, room_id, change)

    async def change_room(
        self,
        tenant: TenantId | None,
        room_id: RoomId,
        change: SettingsChange,
        *,
        title: str | UnsetType | None = UNSET,
        scheduled_for: datetime | UnsetType | None = UNSET,
    ) -> Room:
        """Merge ``change`` into the settings; a title or a time that is None is removed.

        Raises:
            NotFound
        """
        given = {"title": title, "scheduled_for": scheduled_for}
        values = {name: value for name, value in given.items() if value is not UNSET}
        async with self._database.write() as connection:
            await rows.lock_room(connection, room_id)
            room = await rows.find_room(connection, room_id, tenant)
            settings = msgspec.to_builtins(room.settings.merged(change))
            await connection.execute(sa.update(ROOMS).where(ROOMS.c.id == room_id).values(settings=settings, **values))
            return await rows.find_room(connection, room_id, tenant)

    async def delete_room(self, tenant: TenantId, room_id: RoomId, now: datetime) -> None:
        """Delete the room with its sessions and recordings; what is stored of these becomes deletions.

        Raises:
            NotFound
        """
        async with self._database.write() as connection:
            await rows.lock_room(connection, room_id)
            await rows.find_room(connection, room_id, tenant)
            await recording_rows.delete_rows(connection, RECORDINGS.c.room_id == room_id, now)
            await connection.execute(sa.delete(ROOMS).where(ROOMS.c.id == room_id))

    # --- sessions

    async def open_session(self, session_id: SessionId, room_id: RoomId, at: datetime) -> Session:
        """The session, which begins ``at`` unless it exists. While it is open, its room is ACTIVE.

        A closed one stays closed, as its ``end_time`` shows.

        Raises:
            NotFound: the room is gone.
        """
        row = {"id": session_id, "room_id": room_id, "start_time": at, "end_time": None, "recording_url": None}
        async with self._database.write() as connection:
            await rows.lock_room(connection, room_id)
            await rows.find_room(connection, room_id, None)
            await connection.execute(insert_new(connection, SESSIONS, row))
            session = await rows.find_session(connection, session_id) or rows.not_found("session")
            if session.end_time is None:
                await rows.set_status(connection, room_id)
        return session

    async def close_session(self, session_id: SessionId, at: datetime) -> None:
        """End the session ``at``, unless it has ended, and its recording. Its room is COMPLETED when it has no open
        session, and locked no more. Removals from it are over.

        An unknown session is no error.
        """
        async with self._database.write() as connection:
            session = await rows.find_session(connection, session_id)
            if session is None:
                return
            await rows.lock_room(connection, session.room_id)
            ends = sa.update(SESSIONS).where(SESSIONS.c.id == session_id, SESSIONS.c.end_time.is_(None))
            if (await connection.execute(ends.values(end_time=max(at, session.start_time)))).rowcount:
                await rows.set_status(connection, session.room_id)
                await rows.unlock(connection, session.room_id)
                await recording_rows.stop_running(connection, RECORDINGS.c.session_id == session_id, at)
                await connection.execute(sa.delete(REMOVALS).where(REMOVALS.c.session_id == session_id))

    async def session(self, session_id: SessionId) -> Session | None:
        """The session; None: there is none."""
        async with self._database.read() as connection:
            return await rows.find_session(connection, session_id)

    async def is_open(self, session_id: SessionId) -> bool:
        """Whether there is such a session, and it has not ended."""
        session = await self.session(session_id)
        return session is not None and session.end_time is None

    async def open_sessions(self) -> list[Session]:
        """All open sessions of all tenants, the oldest first: for the reaper."""
        query = sa.select(SESSIONS).where(SESSIONS.c.end_time.is_(None)).order_by(SESSIONS.c.start_time)
        async with self._database.read() as connection:
            return [Session(**row._mapping) for row in await connection.execute(query)]

    async def open_settings(self) -> dict[RoomId, Settings]:
        """The settings of all rooms that have an open session, of all tenants: for the reaper."""
        is_open = sa.exists().where(SESSIONS.c.room_id == ROOMS.c.id, SESSIONS.c.end_time.is_(None))
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(ROOMS.c.id, ROOMS.c.settings).where(is_open))
            return {RoomId(row.id): msgspec.convert(row.settings, Settings) for row in found}

    async def sessions(self, room_id: RoomId) -> list[Session]:
        """The sessions of a room, the newest first."""
        query = sa.select(SESSIONS).where(SESSIONS.c.room_id == room_id)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(SESSIONS.c.start_time.desc(), SESSIONS.c.id.desc()))
            return [Session(**row._mapping) for row in found]


def _some(tenants: Collection[TenantId]) -> Iterator[list[TenantId]]:
    """As many of them at a time as go into one query."""
    rest = iter(tenants)
    while some := list(islice(rest, _TENANTS_AT_ONCE)):
        yield some


async def _tests(
    connection: AsyncConnection, tenants: Collection[TenantId], *when: sa.ColumnElement[bool]
) -> list[tuple[TenantId, RoomId]]:
    hosts = ROOMS.c.host_user_id.in_([host_of_tests(tenant) for tenant in tenants])
    query = sa.select(ROOMS.c.tenant_id, ROOMS.c.id).where(ROOMS.c.tenant_id.in_(tenants), hosts, *when)
    found = await connection.execute(query.limit(MOST_TESTS))
    return [(TenantId(row.tenant_id), RoomId(row.id)) for row in found]
