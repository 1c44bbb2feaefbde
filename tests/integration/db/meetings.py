"""Meetings that are recorded, for the tests of recordings and jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tertulia.contract.fields import Layout
from tertulia.contract.settings import Settings
from tertulia.db.deletions import Deletions
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.db.jobs import Jobs
from tertulia.db.models import Job, Made, MadeTrack, Recording
from tertulia.db.recordings import Recordings
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId, new_uuid
from tests.integration.db.conftest import AT

LEASE = 15.0


def after(seconds: float) -> datetime:
    """So many seconds after the moment that most of this happens at."""
    return AT + timedelta(seconds=seconds)


def made(path: str = "recordings/film.mp4") -> Made:
    return Made(path=path, duration=12.5, size=1234567890123, sha256="ab" * 32)


def made_track(name: str, path: str) -> MadeTrack:
    return MadeTrack(name, UserId(new_uuid()), "Zoë 🙂", "microphone", 2.25, made(path))


@dataclass
class Meetings:
    """The queries, and a tenant's rooms."""

    database: Database
    tenant: TenantId

    def __post_init__(self) -> None:
        self.directory = Directory(self.database)
        self.recordings = Recordings(self.database)
        self.jobs = Jobs(self.database)
        self.deletions = Deletions(self.database)

    async def begin(self, room: RoomId | None = None) -> tuple[RoomId, SessionId]:
        """A meeting, in a new room unless given."""
        room = room or RoomId(new_uuid())
        session = SessionId(new_uuid())
        await self.directory.create_room(self.tenant, room, UserId(new_uuid()), Settings(), AT)
        await self.directory.open_session(session, room, AT)
        return room, session

    async def running(self, layout: Layout = "grid") -> Recording:
        """A recording of a new meeting."""
        room, session = await self.begin()
        return await self.recordings.start(RecordingId(new_uuid()), room, session, layout, AT)

    async def stopped(self, seconds: float = 10) -> Recording:
        """A recording that waits for a worker since then."""
        recording = await self.running()
        await self.recordings.stop(recording.id, after(seconds))
        return await self.read(recording)

    async def ready(self, *tracks: MadeTrack) -> Recording:
        """A recording whose film has been made."""
        recording = await self.stopped()
        job = await self.claim(10)
        assert job.id == recording.id
        path = f"recordings/{recording.room_id}/{recording.id}/grid.mp4"
        assert await self.jobs.ready(job, made(path), tracks, now=after(10))
        return await self.read(recording)

    async def claim(self, seconds: float, worker: str = "worker") -> Job:
        """The job that is to be done then."""
        job = await self.jobs.claim(worker, after(seconds), LEASE)
        assert job is not None
        return job

    async def read(self, recording: Recording | Job) -> Recording:
        return await self.recordings.find(recording.room_id, recording.id)

    async def deleted_paths(self, seconds: float) -> list[str]:
        """What is to be deleted from storage by then."""
        return sorted(it.path for it in await self.deletions.due(after(seconds)))
