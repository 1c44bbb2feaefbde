"""Who may still come: the admissions that room tokens go back to, and what has ended them.

Redis knows the removals of a meeting too, and decides by them. Here they survive its loss: whoever writes the state of
a room again writes its removals with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from tertulia import times
from tertulia.db import rows
from tertulia.db.engine import Database, insert_new
from tertulia.db.models import Room
from tertulia.db.standing import is_banned, is_removed, is_revoked
from tertulia.db.tables import REMOVALS, ROOMS, TENANTS, Uuid
from tertulia.errors import BadToken, UserRemoved
from tertulia.ids import RoomId, SessionId, TenantId, UserId
from tertulia.room.participant import Removals
from tertulia.room.quotas import Quotas
from tertulia.tokens import RoomClaims

REVOKED: Final = "the API key that the token was issued for was revoked: ask for a new token"
"""What a client is told."""


_IN_MEETINGS: Final = (
    *(TENANTS.c.max_people, TENANTS.c.max_room_people),
    *(TENANTS.c.max_room_mbits, TENANTS.c.max_mbits),
)
"""The quotas that a meeting has to keep to."""
_ROOM: Final = rows.ROOM_QUERY.join(TENANTS, TENANTS.c.id == ROOMS.c.tenant_id)
_RECORD: Final = _ROOM.where(ROOMS.c.id == sa.bindparam("room")).add_columns(
    *_IN_MEETINGS,
    sa.exists().where(REMOVALS.c.room_id == ROOMS.c.id).label("has_removals"),
    is_banned(ROOMS.c.tenant_id, sa.bindparam("user", type_=Uuid)).label("is_out"),
    is_revoked(sa.bindparam("key", type_=Uuid)).label("is_revoked"),
)
"""A room, for a user and the API key that vouched for them. (Made once: every JoinRoom reads it.)"""


class Record(NamedTuple):
    """A room, who was removed from the session that is open, and what its tenant may have."""

    room: Room
    removals: Removals
    quotas: Quotas


class Admissions:
    """The queries on admissions and removals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, claims: RoomClaims) -> None:
        """Check that the admission of a room token still holds.

        Raises:
            BadToken: its user was removed since, or its API key was revoked.
        """
        admission = claims.admission
        at = times.from_ms(admission.at_ms)
        is_out = sa.or_(is_removed(claims.room_id, claims.user_id, at), is_banned(claims.tenant_id, claims.user_id))
        query = sa.select(is_out.label("is_out"), is_revoked(admission.key_id).label("is_revoked"))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one()
        _check(row.is_out, row.is_revoked)

    async def was_removed(self, room_id: RoomId, user: UserId) -> bool:
        """Whether the user was removed from the session that is open."""
        removal = sa.exists().where(REMOVALS.c.room_id == room_id, REMOVALS.c.user_id == user)
        async with self._database.read() as connection:
            return bool((await connection.execute(sa.select(removal))).scalar_one())

    async def record(self, room_id: RoomId, tenant: TenantId | None, claims: RoomClaims | None = None) -> Record:
        """The room, for whoever joins by ``claims`` (None: nobody does).

        Raises:
            NotFound: there is none, it was deleted, or it is another tenant's.
            BadToken: the user was banned, or the API key that vouched for them was revoked. (Removals from the present
                meeting are left to the join script.)
        """
        given: dict[str, str | None] = {"room": room_id, "user": None, "key": None}
        if claims is not None:
            given |= {"user": claims.user_id, "key": claims.admission.key_id}
        async with self._database.read() as connection:
            row = (await connection.execute(_RECORD, given)).one_or_none() or rows.not_found("room")
            room = rows.as_room(row)
            if tenant is not None and room.tenant_id != tenant:
                rows.not_found("room")
            _check(row.is_out, row.is_revoked)
            quotas = Quotas(
                people=row.max_people,
                room_people=row.max_room_people,
                room_mbits=row.max_room_mbits,
                mbits=row.max_mbits,
            )
            if not row.has_removals or room.session_id is None:
                return Record(room, {}, quotas)
            return Record(room, await rows.removals(connection, room.session_id), quotas)

    async def removals(self, session_id: SessionId) -> Removals:
        """Who was removed from a session that has not ended, and when."""
        async with self._database.read() as connection:
            return await rows.removals(connection, session_id)

    async def remove(self, room_id: RoomId, session_id: SessionId, user: UserId, at: datetime, *, ban: bool) -> None:
        """Keep it that ``user`` was removed from the session ``at``, unless it has ended; with ``ban``, that a guest is
        removed for good. May be called again. Of no effect if the room is gone."""
        row = {"session_id": session_id, "user_id": user, "room_id": room_id, "removed_at": at}
        ours = sa.and_(REMOVALS.c.session_id == session_id, REMOVALS.c.user_id == user)
        async with self._database.write() as connection:
            await rows.lock_room(connection, room_id)
            owner = sa.select(ROOMS.c.tenant_id).where(ROOMS.c.id == room_id)
            tenant: TenantId | None = (await connection.execute(owner)).scalar_one_or_none()
            if tenant is None:
                return
            if ban:
                await rows.ban(connection, tenant, user, at)
            session = await rows.find_session(connection, session_id)
            if session is not None and session.end_time is not None:
                return
            if not (await connection.execute(insert_new(connection, REMOVALS, row))).rowcount:
                later = sa.update(REMOVALS).where(ours, REMOVALS.c.removed_at < at)
                await connection.execute(later.values(removed_at=at))


def _check(is_out: bool, is_revoked: bool) -> None:
    if is_out:
        raise UserRemoved
    if is_revoked:
        raise BadToken(REVOKED)
