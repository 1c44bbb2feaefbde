"""Recordings within a transaction: what :mod:`tertulia.db.recordings`, the jobs and the directory have in common.

Whoever changes more than one row of a room locks the room first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.db.engine import insert_new
from tertulia.db.models import Recording
from tertulia.db.tables import DELETIONS, IS_RUNNING, RECORDINGS, SESSIONS, Moment
from tertulia.ids import RecordingId, RoomId, SessionId

DELETION_GRACE: Final = timedelta(minutes=1)
"""How long after its lease a worker may go on storing files of a recording that was deleted meanwhile."""
RECORDING_QUERY: Final = sa.select(*(RECORDINGS.c[name] for name in Recording.__struct_fields__))
"""Recordings."""
_FIRST: Final = RECORDINGS.c.parent_id.is_(None)
"""Recordings that were made in a meeting, not tracks or other films of them."""


def directory_of(room_id: RoomId, recording_id: RecordingId) -> str:
    """What every path in blob storage begins with that belongs to a recording."""
    return f"recordings/{room_id}/{recording_id}/"


def as_recording(row: sa.Row[Any]) -> Recording:
    """A row of :data:`RECORDING_QUERY`."""
    return Recording(**row._mapping)


def first_values() -> dict[str, Any]:
    """The values of a row that is new, or is to be made once more."""
    return {
        "error": None,
        "progress": 0.0,
        "expected_at": None,
        "attempts": 0,
        "film_faults": 0,
        "remake_failed": False,
        "leased_by": None,
        "lease": None,
        "leased_until": None,
    }


def waiting(at: datetime) -> dict[str, Any]:
    """The values of a row that waits for a worker, from ``at`` on."""
    return {"status": "processing", "stage": "waiting", "progress": 0.0, "expected_at": None, "next_try_at": at}


async def find(connection: AsyncConnection, recording_id: RecordingId) -> Recording | None:
    """A recording; None: there is none."""
    row = (await connection.execute(RECORDING_QUERY.where(RECORDINGS.c.id == recording_id))).one_or_none()
    return as_recording(row) if row else None


async def stop_running(
    connection: AsyncConnection, which: sa.ColumnElement[bool], at: datetime, error: str | None = None
) -> None:
    """End the running recordings among ``which``: a worker may make their films. ``error``: why, if nobody asked."""
    moment = sa.literal(at, Moment())
    ended = sa.case((RECORDINGS.c.created_at > moment, RECORDINGS.c.created_at), else_=moment)
    stops = sa.update(RECORDINGS).where(which, IS_RUNNING).values(ended_at=ended, error=error, **waiting(at))
    await connection.execute(stops)


async def set_recording_url(connection: AsyncConnection, session_id: SessionId) -> None:
    """Let the session name its newest recording that is ready; none: it names none."""
    newest = (
        sa.select(RECORDINGS.c.path)
        .where(RECORDINGS.c.session_id == session_id, _FIRST, RECORDINGS.c.status == "ready")
        .order_by(RECORDINGS.c.created_at.desc(), RECORDINGS.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    await connection.execute(sa.update(SESSIONS).where(SESSIONS.c.id == session_id).values(recording_url=newest))


async def delete_rows(connection: AsyncConnection, which: sa.ColumnElement[bool], now: datetime) -> None:
    """Delete the recordings among ``which`` with what was made of them; what is stored of all becomes deletions."""
    ids = sa.select(RECORDINGS.c.id).where(which).scalar_subquery()
    films = sa.and_(RECORDINGS.c.parent_id.in_(ids), RECORDINGS.c.kind == "composite")
    gone = (await connection.execute(sa.select(*_STORED).where(sa.or_(which, films)))).all()
    for values in _deletions(gone, now):
        await connection.execute(insert_new(connection, DELETIONS, values))
    await connection.execute(sa.delete(RECORDINGS).where(which))
    for session_id in sorted({row.session_id for row in gone}):
        await set_recording_url(connection, session_id)


async def keep_stored(connection: AsyncConnection, paths: Sequence[str]) -> None:
    """Do not delete from storage what has been stored there anew."""
    await connection.execute(sa.delete(DELETIONS).where(DELETIONS.c.path.in_(paths)))


_STORED: Final = [
    RECORDINGS.c[name] for name in ("id", "room_id", "session_id", "parent_id", "kind", "path", "leased_until")
]


def _deletions(gone: Sequence[sa.Row[Any]], now: datetime) -> list[dict[str, Any]]:
    """What is stored of recordings that are deleted. The file of a track is in the directory of its composite."""
    composites = {row.id for row in gone if row.kind == "composite"}
    found = []
    for row in gone:
        is_leased = row.leased_until is not None and row.leased_until > now
        values = {"due_at": row.leased_until + DELETION_GRACE if is_leased else now, "attempts": 0, "error": None}
        if row.kind == "composite":
            found.append({"path": directory_of(row.room_id, row.id), "recording_id": row.id, **values})
        elif row.parent_id not in composites:
            found.append({"path": row.path, "recording_id": None, **values})
    return found


def to_row(value: msgspec.Struct) -> dict[str, Any]:
    """The fields of a struct as values of a row."""
    return msgspec.structs.asdict(value)
