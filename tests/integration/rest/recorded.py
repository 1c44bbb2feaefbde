"""Recordings as the other parts leave them: what the hub starts and stops, and what workers make of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from tertulia import times
from tertulia.db.deletions import Deletions
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.db.jobs import Jobs
from tertulia.db.models import Deletion, Job, Made, MadeTrack, Recording
from tertulia.db.recording_keys import RecordingKeys
from tertulia.db.recordings import Recordings
from tertulia.ids import RecordingId, RoomId, SessionId, UserId
from tertulia.master_key import MasterKey
from tertulia.storage import SealedStorage, SealingKey, open_storage
from tests.integration.rest.conftest import Rest, new_id

T = TypeVar("T")


def now() -> datetime:
    return times.from_seconds(time.time())


def in_sql(rest: Rest, act: Callable[[Database], Awaitable[T]]) -> T:
    """Do something in the server's database."""

    async def run() -> T:
        database = Database(rest.settings["TERTULIA_DATABASE_URL"])
        try:
            return await act(database)
        finally:
            await database.close()

    with ThreadPoolExecutor(1) as thread:  # a test may have a loop running
        return thread.submit(asyncio.run, run()).result(60)


def stopped(rest: Rest, room: str) -> Recording:
    """A recording of an earlier meeting in the room, which waits for a worker."""

    async def make(database: Database) -> Recording:
        room_id, session, recording = RoomId(room), SessionId(new_id()), RecordingId(new_id())
        recordings, directory = Recordings(database), Directory(database)
        await directory.open_session(session, room_id, now())
        await recordings.start(recording, room_id, session, "grid", now())
        await directory.close_session(session, now())
        return await recordings.find(room_id, recording)

    return in_sql(rest, make)


def claimed(rest: Rest, recording: Recording) -> Job:
    """The recording as a job that a worker has taken."""

    async def claim(database: Database) -> Job:
        while True:
            job = await Jobs(database).claim("tests", now(), 60)
            assert job is not None, "it is no job"
            if job.id == recording.id:  # those of other tests are in the same database
                return job

    return in_sql(rest, claim)


def ready(rest: Rest, room: str, film: bytes = b"a film") -> Recording:
    """A recording whose film and one track have been made and stored."""
    recording = stopped(rest, room)
    job = claimed(rest, recording)
    directory = f"recordings/{room}/{recording.id}"
    track = MadeTrack("0", UserId(new_id()), "Ann", "camera", 1.5, stored(rest, f"{directory}/tracks/0.webm", b"track"))
    made = stored(rest, f"{directory}/grid.mp4", film)
    assert in_sql(rest, lambda database: Jobs(database).ready(job, made, [track], now=now()))
    return in_sql(rest, lambda database: Recordings(database).find(recording.room_id, recording.id))


def stored(rest: Rest, key: str, content: bytes) -> Made:
    """A file in the server's storage."""
    path = rest.storage / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Made(key, 12.5, len(content), "ab" * 32)


def sealed(rest: Rest, room: str, film: Path) -> Recording:
    """A recording whose film is stored encrypted, with a new key of its tenant."""
    recording = stopped(rest, room)
    job = claimed(rest, recording)
    key = f"recordings/{room}/{recording.id}/grid.mp4"

    async def store(database: Database) -> None:
        keys = RecordingKeys(database, MasterKey(bytes.fromhex(rest.settings["TERTULIA_MASTER_KEY"])))
        key_id = await keys.replace(job.tenant_id, b"k" * 32, now())
        storage = SealedStorage(open_storage(rest.storage.as_uri()), keys).sealing(SealingKey(key_id, b"k" * 32))
        made = Made(key, 12.5, *await storage.put_file(film, key), key_id)
        assert await Jobs(database).ready(job, made, now=now())

    in_sql(rest, store)
    return in_sql(rest, lambda database: Recordings(database).find(recording.room_id, recording.id))


def deletions(rest: Rest) -> list[Deletion]:
    """What is to be deleted from storage."""
    return in_sql(rest, lambda database: Deletions(database).due(now(), 1000))
