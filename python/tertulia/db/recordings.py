"""Recordings: started, stopped, listed, composed again, deleted. Each call is one transaction and may be repeated.

The jobs of those that make the films are in :mod:`tertulia.db.jobs`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.contract.fields import Layout, RecordingStatus
from tertulia.db import recording_rows, rows
from tertulia.db.engine import Database, insert_new
from tertulia.db.models import Recording
from tertulia.db.recording_rows import RECORDING_QUERY, as_recording
from tertulia.db.tables import IS_RUNNING, RECORDINGS, ROOMS, TENANTS
from tertulia.errors import AlreadyRecording, NoSession, NotFound
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId

_EXPIRE_AT_ONCE: Final = 100
"""Recordings deleted by one call of :meth:`Recordings.expire`."""


class Recordings:
    """The queries on recordings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(
        self, recording_id: RecordingId, room_id: RoomId, session_id: SessionId, layout: Layout, at: datetime
    ) -> Recording:
        """The recording, which begins ``at`` unless it exists; it may have been stopped since.

        Raises:
            NoSession: the session is not open.
            AlreadyRecording: another recording of the session is running.
        """
        row = _new(recording_id, room_id, session_id, layout, at) | {"status": "recording", "next_try_at": None}
        async with self._database.write() as connection:
            await rows.lock_room(connection, room_id)
            found = await recording_rows.find(connection, recording_id)
            if found is None:
                await _check_open(connection, room_id, session_id)
                if not (await connection.execute(insert_new(connection, RECORDINGS, row))).rowcount:
                    raise AlreadyRecording("the meeting is being recorded")
                found = await recording_rows.find(connection, recording_id)
        return found or rows.not_found("recording")

    async def stop(self, recording_id: RecordingId, at: datetime, error: str | None = None) -> None:
        """End the recording ``at``, unless it has ended or is gone. A worker may then make its film.

        ``error``: why it ends, if nobody asked for it.
        """
        async with self._database.write() as connection:
            await recording_rows.stop_running(connection, RECORDINGS.c.id == recording_id, at, error)

    async def running(self, session_id: SessionId) -> RecordingId | None:
        """The recording of a session that is running, if any."""
        query = sa.select(RECORDINGS.c.id).where(RECORDINGS.c.session_id == session_id, IS_RUNNING)
        async with self._database.read() as connection:
            found: RecordingId | None = (await connection.execute(query)).scalar_one_or_none()
            return found

    async def all_running(self) -> dict[SessionId, RecordingId]:
        """The running recordings of all tenants, by session: for the reaper."""
        query = sa.select(RECORDINGS.c.session_id, RECORDINGS.c.id).where(IS_RUNNING)
        async with self._database.read() as connection:
            return {row.session_id: row.id for row in await connection.execute(query)}

    async def of_room(self, room_id: RoomId) -> list[Recording]:
        """The recordings of a room, the newest first."""
        query = RECORDING_QUERY.where(RECORDINGS.c.room_id == room_id)
        order = (RECORDINGS.c.created_at.desc(), RECORDINGS.c.kind, RECORDINGS.c.id.desc())
        async with self._database.read() as connection:
            return [as_recording(row) for row in await connection.execute(query.order_by(*order))]

    async def find(self, room_id: RoomId, recording_id: RecordingId) -> Recording:
        """A recording of the room.

        Raises:
            NotFound
        """
        async with self._database.read() as connection:
            found = await recording_rows.find(connection, recording_id)
        if found is None or found.room_id != room_id:
            raise NotFound("this is not a recording of the room")
        return found

    async def by_id(self, recording_id: RecordingId) -> Recording | None:
        """A recording of any room; None: there is none."""
        async with self._database.read() as connection:
            return await recording_rows.find(connection, recording_id)

    async def newest(self, limit: int, room_id: RoomId | None = None) -> list[Recording]:
        """The newest films, of one room or of all rooms and tenants: for operators."""
        query = RECORDING_QUERY.where(RECORDINGS.c.kind == "composite")
        if room_id is not None:
            query = query.where(RECORDINGS.c.room_id == room_id)
        order = (RECORDINGS.c.created_at.desc(), RECORDINGS.c.id.desc())
        async with self._database.read() as connection:
            return [as_recording(row) for row in await connection.execute(query.order_by(*order).limit(limit))]

    async def statuses(self, ids: Collection[RecordingId]) -> dict[RecordingId, RecordingStatus]:
        """The status of each of some recordings; those that are gone are left out."""
        query = sa.select(RECORDINGS.c.id, RECORDINGS.c.status).where(RECORDINGS.c.id.in_(ids))
        async with self._database.read() as connection:
            return {row.id: row.status for row in await connection.execute(query)}

    async def compose(self, film_id: RecordingId, of: Recording, layout: Layout, at: datetime) -> Recording:
        """Another film, of the raw files that ``of`` is made of. One in this layout that is not ready yet is the
        answer; one that failed, or could not be made again, is tried again.

        Raises:
            AlreadyRecording: it is still being recorded.
            NotFound: it is gone, or there is nothing to make a film of.
        """
        async with self._database.write() as connection:
            await rows.lock_room(connection, of.room_id)
            first = await recording_rows.find(connection, of.source_id)
            if first is None or first.kind == "track" or first.status == "empty":
                raise NotFound("there are no raw files left to make a film of")
            if first.status == "recording":
                raise AlreadyRecording("stop the recording first: its film is made when it has ended")
            return await _compose(connection, first, film_id, layout, at)

    async def requeue(self, recording_id: RecordingId, now: datetime) -> bool:
        """Have a film made once more. Whether there is one that was finished, or given up."""
        async with self._database.write() as connection:
            return await _requeue(connection, recording_id, now)

    async def delete(self, room_id: RoomId, recording_id: RecordingId, now: datetime) -> None:
        """Delete a recording of the room with its tracks and all films of its raw files; or one track, or one film.

        The rows are gone at once, and what is stored becomes deletions. It is no error if there is none.
        """
        ours = sa.and_(RECORDINGS.c.id == recording_id, RECORDINGS.c.room_id == room_id)
        async with self._database.write() as connection:
            await rows.lock_room(connection, room_id)
            await recording_rows.delete_rows(connection, ours, now)

    async def expire(self, now: datetime) -> int:
        """Delete recordings that are older than their tenants keep them, some at a time. Returns how many."""
        query = sa.select(TENANTS.c.id, TENANTS.c.retention_days).where(TENANTS.c.retention_days.is_not(None))
        async with self._database.read() as connection:
            tenants = (await connection.execute(query)).all()
        old = [it for tenant in tenants for it in await self._ended_before(tenant.id, now, tenant.retention_days)]
        for recording in old[:_EXPIRE_AT_ONCE]:
            await self.delete(recording.room_id, recording.id, now)
        return len(old[:_EXPIRE_AT_ONCE])

    async def _ended_before(self, tenant: TenantId, now: datetime, days: int) -> list[Recording]:
        query = RECORDING_QUERY.join(ROOMS, ROOMS.c.id == RECORDINGS.c.room_id).where(
            ROOMS.c.tenant_id == tenant,
            RECORDINGS.c.parent_id.is_(None),
            RECORDINGS.c.ended_at < now - timedelta(days=days),
        )
        async with self._database.read() as connection:
            return [as_recording(row) for row in await connection.execute(query.limit(_EXPIRE_AT_ONCE))]


def _new(
    recording_id: RecordingId, room_id: RoomId, session_id: SessionId, layout: Layout, at: datetime
) -> dict[str, object]:
    return {
        "id": recording_id,
        "session_id": session_id,
        "room_id": room_id,
        "kind": "composite",
        "layout": layout,
        "created_at": at,
        "duration": 0.0,
        **recording_rows.first_values(),
    }


async def _check_open(connection: AsyncConnection, room_id: RoomId, session_id: SessionId) -> None:
    session = await rows.find_session(connection, session_id)
    if session is None or session.room_id != room_id or session.end_time is not None:
        raise NoSession("there is no meeting in this room now")


async def _compose(
    connection: AsyncConnection, first: Recording, film_id: RecordingId, layout: Layout, at: datetime
) -> Recording:
    ours = sa.or_(RECORDINGS.c.id == first.id, RECORDINGS.c.parent_id == first.id)
    same = sa.and_(ours, RECORDINGS.c.kind == "composite", RECORDINGS.c.layout == layout)
    is_unfinished = sa.or_(RECORDINGS.c.status.in_(("processing", "failed")), RECORDINGS.c.remake_failed)
    unfinished = sa.or_(RECORDINGS.c.id == film_id, is_unfinished)
    query = RECORDING_QUERY.where(same, unfinished).order_by(RECORDINGS.c.created_at.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    if row is not None:
        film_id = row.id
        if row.status == "failed" or row.remake_failed:
            await _requeue(connection, film_id, at)
    else:
        values = _new(film_id, first.room_id, first.session_id, layout, at) | recording_rows.waiting(at)
        await connection.execute(sa.insert(RECORDINGS).values(parent_id=first.id, ended_at=first.ended_at, **values))
    return await recording_rows.find(connection, film_id) or rows.not_found("recording")


async def _requeue(connection: AsyncConnection, recording_id: RecordingId, now: datetime) -> bool:
    finished = sa.and_(RECORDINGS.c.kind == "composite", RECORDINGS.c.status.in_(("ready", "failed", "empty")))
    again = sa.update(RECORDINGS).where(RECORDINGS.c.id == recording_id, finished)
    values = recording_rows.first_values() | recording_rows.waiting(now)
    return bool((await connection.execute(again.values(values))).rowcount)
