"""Making films as jobs, which workers take by a lease on the recording's row.

``now`` is the worker's clock. Clocks may differ by less than the lease without its renewal interval (10 s of 15): by
more, and a job is taken from a worker that is alive. That costs work, but no harm is done, since each time a job is
taken it gets another lease, and whoever does not hold the present one can change nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tertulia.contract.fields import RecordingStage
from tertulia.db import recording_rows, rows
from tertulia.db.engine import Database, insert_new
from tertulia.db.models import Job, Made, MadeTrack
from tertulia.db.recording_rows import to_row
from tertulia.db.tables import IS_PROCESSING, RECORDINGS, ROOMS
from tertulia.ids import RecordingId, new_uuid


def track_id(recording_id: RecordingId, name: str) -> RecordingId:
    """The id of a recording's track: the same each time it is made."""
    return RecordingId(str(uuid.uuid5(uuid.UUID(recording_id), name)))


class Jobs:
    """The queries of workers. Those that return bool return whether the worker still has the lease: if not, nothing
    was changed, and the worker has to drop the job."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, worker: str, now: datetime, lease_seconds: float) -> Job | None:
        """Take the job that has waited longest. None: there is none to do."""
        async with self._database.read() as connection:
            if (await connection.execute(_due(now))).first() is None:
                return None
        async with self._database.write() as connection:
            # Of workers that come at once, each takes another row. (SQLite has one writer anyway.)
            row = (await connection.execute(_due(now).with_for_update(of=RECORDINGS, skip_locked=True))).first()
            if row is None:
                return None
            lease = {"lease": new_uuid(), "leased_by": worker, "leased_until": now + timedelta(seconds=lease_seconds)}
            takes = sa.update(RECORDINGS).where(RECORDINGS.c.id == row.id)
            await connection.execute(takes.values(attempts=RECORDINGS.c.attempts + 1, **lease))
            return await _job(connection, row.id, worker, lease_seconds)

    async def renew(
        self,
        job: Job,
        now: datetime,
        stage: RecordingStage,
        progress: float,
        expected_at: datetime | None = None,
        *,
        over: str | None = None,
    ) -> bool:
        """Keep the lease, and say how far it is. ``over``: the error that does not hold any more."""
        until = now + timedelta(seconds=job.lease_seconds)
        renews = sa.update(RECORDINGS).where(_held(job))
        about = {"stage": stage, "progress": progress, "expected_at": expected_at}
        values: dict[str, Any] = {"leased_until": until, **about}
        if over is not None:
            values["error"] = sa.func.nullif(RECORDINGS.c.error, over)
        async with self._database.write() as connection:
            return bool((await connection.execute(renews.values(values))).rowcount)

    async def give_back(self, job: Job, retry_at: datetime, error: str | None = None) -> bool:
        """Let any worker take it from ``retry_at`` on. This attempt does not count. ``error``: what keeps it from being
        done."""
        values = _given_up(retry_at) | ({} if error is None else {"error": error})
        return await self._update(job, _held(job), attempts=RECORDINGS.c.attempts - 1, **values)

    async def failed(self, job: Job, error: str, retry_at: datetime | None, *, by_film: bool = False) -> bool:
        """Say why it could not be made, and let any worker try again from ``retry_at`` on; None: it has failed, or if
        it was made before, it is the film that it was.

        ``by_film``: making the film itself failed, not what it needs.
        """
        values = {"error": error, "film_faults": job.film_faults + by_film}
        if retry_at is not None:
            return await self._update(job, _held_or(job, "processing"), **values, **_given_up(retry_at))
        return await self._end(job, "failed", **values)

    async def empty(self, job: Job) -> bool:
        """Say that there is nothing in its raw files. If it was made before, it is the film that it was."""
        lost = "there is nothing left of which it could be made again"
        return await self._end(job, "empty", error=sa.case((RECORDINGS.c.path.is_not(None), lost), else_=sa.null()))

    async def ready(
        self, job: Job, film: Made, tracks: Sequence[MadeTrack] = (), trouble: str | None = None, *, now: datetime
    ) -> bool:
        """Say what was made and stored. The session names the film's path from now on. Tracks that it had before, and
        which are not among ``tracks``, are deleted.

        ``trouble``: what is missing from it, in words for people.
        """
        async with self._database.write() as connection:
            await rows.lock_room(connection, job.room_id)
            done = sa.update(RECORDINGS).where(_held_or(job, "ready"))
            values = {**_FINISHED, **to_row(film), "status": "ready", "progress": 1.0, "error": trouble}
            values["remake_failed"] = False
            if not (await connection.execute(done.values(values))).rowcount:
                return False
            await _drop_tracks(connection, job, tracks, now)
            for track in tracks:
                await _put_track(connection, job, track)
            await recording_rows.keep_stored(connection, [film.path, *(track.file.path for track in tracks)])
            await recording_rows.set_recording_url(connection, job.session_id)
        return True

    async def _end(self, job: Job, status: str, **values: Any) -> bool:
        """End the job without a new film. The film that there was before, if any, is ready again."""
        was_made = RECORDINGS.c.path.is_not(None)
        kept = {
            "status": sa.case((was_made, "ready"), else_=status),
            "progress": sa.case((was_made, 1.0), else_=RECORDINGS.c.progress),
            "remake_failed": was_made,
        }
        ours = sa.or_(_held_or(job, status), sa.and_(_held_or(job, "ready"), RECORDINGS.c.remake_failed))
        async with self._database.write() as connection:
            await rows.lock_room(connection, job.room_id)
            ends = sa.update(RECORDINGS).where(ours).values(kept | _FINISHED | values)
            if not (await connection.execute(ends)).rowcount:
                return False
            await recording_rows.set_recording_url(connection, job.session_id)
        return True

    async def _update(self, job: Job, where: sa.ColumnElement[bool], **values: Any) -> bool:
        async with self._database.write() as connection:
            return bool((await connection.execute(sa.update(RECORDINGS).where(where).values(values))).rowcount)


_FINISHED: Final[dict[str, Any]] = {
    "stage": None,
    "expected_at": None,
    "next_try_at": None,
    "leased_by": None,
    "leased_until": None,
}
"""``lease`` stays, so that what a worker says twice, because it got no answer, is the same as said once."""


def _given_up(retry_at: datetime) -> dict[str, Any]:
    return {"stage": "waiting", "expected_at": None, "next_try_at": retry_at, "leased_by": None, "leased_until": None}


def _due(now: datetime) -> sa.Select[Any]:
    """The job to be done first. Another film waits until the one that was recorded is made: its raw files are moved."""
    first = RECORDINGS.alias("first")
    is_made = ~sa.exists().where(first.c.id == RECORDINGS.c.parent_id, first.c.status == "processing")
    is_free = sa.or_(RECORDINGS.c.leased_until.is_(None), RECORDINGS.c.leased_until < now)
    due = (IS_PROCESSING, RECORDINGS.c.next_try_at <= now, is_free, is_made)
    return sa.select(RECORDINGS.c.id).where(*due).order_by(RECORDINGS.c.next_try_at, RECORDINGS.c.id).limit(1)


def _held(job: Job) -> sa.ColumnElement[bool]:
    ours = sa.and_(RECORDINGS.c.id == job.id, RECORDINGS.c.lease == job.lease)
    return sa.and_(ours, IS_PROCESSING, RECORDINGS.c.leased_until.is_not(None))


def _held_or(job: Job, status: str) -> sa.ColumnElement[bool]:
    ours = sa.and_(RECORDINGS.c.id == job.id, RECORDINGS.c.lease == job.lease)
    return sa.or_(_held(job), sa.and_(ours, RECORDINGS.c.status == status))


async def _job(connection: AsyncConnection, recording_id: RecordingId, worker: str, lease_seconds: float) -> Job:
    source = RECORDINGS.alias("source")
    query = (
        sa.select(RECORDINGS, ROOMS.c.tenant_id, source.c.key_id.label("source_key_id"))
        .join(ROOMS, ROOMS.c.id == RECORDINGS.c.room_id)
        .join(source, source.c.id == sa.func.coalesce(RECORDINGS.c.parent_id, RECORDINGS.c.id))
    )
    row = (await connection.execute(query.where(RECORDINGS.c.id == recording_id))).one()
    return Job(
        id=row.id,
        source_id=row.parent_id or row.id,
        room_id=row.room_id,
        session_id=row.session_id,
        tenant_id=row.tenant_id,
        layout=row.layout,
        key_id=row.source_key_id,
        created_at=row.created_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
        # A worker of an earlier version that has it made once more leaves this as it was.
        film_faults=min(row.film_faults, row.attempts - 1),
        error=row.error,
        worker=worker,
        lease=row.lease,
        lease_seconds=lease_seconds,
    )


async def _drop_tracks(connection: AsyncConnection, job: Job, tracks: Sequence[MadeTrack], now: datetime) -> None:
    made = [track_id(job.id, track.name) for track in tracks]
    old = (RECORDINGS.c.parent_id == job.id, RECORDINGS.c.kind == "track", RECORDINGS.c.id.not_in(made))
    await recording_rows.delete_rows(connection, sa.and_(*old), now)


async def _put_track(connection: AsyncConnection, job: Job, track: MadeTrack) -> None:
    key = track_id(job.id, track.name)
    begins = job.created_at + timedelta(seconds=track.offset)
    about = {"user_id": track.user_id, "user_name": track.user_name, "source": track.source, "offset": track.offset}
    values = {**about, **to_row(track.file), "created_at": begins}
    fixed = {"id": key, "session_id": job.session_id, "room_id": job.room_id, "parent_id": job.id, "kind": "track"}
    row = {**recording_rows.first_values(), **fixed, **values, "status": "ready", "progress": 1.0}
    if not (await connection.execute(insert_new(connection, RECORDINGS, row))).rowcount:
        await connection.execute(sa.update(RECORDINGS).where(RECORDINGS.c.id == key).values(values))
