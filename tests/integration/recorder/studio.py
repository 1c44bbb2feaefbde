"""Recordings that wait for a recorder: rows in SQL and raw files on disk; and recorders."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tertulia import times
from tertulia.contract.fields import Layout
from tertulia.contract.settings import Settings
from tertulia.db.access import Access
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.db.models import Recording
from tertulia.db.recordings import Recordings
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId, new_uuid
from tests.integration import servers
from tests.recordings.sending import Network, Peer
from tests.recordings.stage import picture, sound
from tests.recordings.writing import WrittenPart
from tests.waiting import until

PATIENCE = 90.0
"""Seconds in which a film of some seconds has to be ready, a lease that has to run out first included."""
ADA = UserId("6f1c0000-0000-4000-8000-0000000000ad")


def now() -> datetime:
    return times.from_seconds(time.time())


@dataclass
class Studio:
    """A database, a directory of raw recordings, and a storage, which recorders share."""

    directory: Path
    database: Database
    tenant: TenantId
    settings: dict[str, str]
    rooms: dict[RecordingId, RoomId] = field(default_factory=dict)

    @property
    def recordings(self) -> Path:
        return Path(self.settings["TERTULIA_RECORDINGS_DIR"])

    @property
    def rows(self) -> Recordings:
        return Recordings(self.database)

    async def started(self, layout: Layout = "grid") -> Recording:
        """A recording that is running, without a file yet."""
        room, session = RoomId(new_uuid()), SessionId(new_uuid())
        directory = Directory(self.database)
        await directory.create_room(self.tenant, room, UserId(new_uuid()), Settings(), now())
        await directory.open_session(session, room, now())
        return await self.rows.start(RecordingId(new_uuid()), room, session, layout, now())

    async def recorded(self, seconds: float = 3.0) -> Recording:
        """A recording that has ended: a person's sound and picture for so long, with a flash and a beep each second."""
        row = await self.started()
        self.write_part(row, seconds)
        await self.rows.stop(row.id, now())
        return row

    def write_part(self, row: Recording, seconds: float, node: str = "node-1", begin: float = 0.0) -> Path:
        """A part, as a node writes it."""
        part = WrittenPart(row.id, node, begin)
        peer = Peer(part, 1, ADA, Network(random.Random(row.id)))
        peer.joins(begin, "Ada")
        tracks = [peer.track("microphone", "opus"), peer.track("camera", "VP8")]
        tracks[0].send(sound(begin, begin + seconds))
        tracks[1].send(picture(begin, begin + seconds))
        peer.report_often(tracks, begin, begin + seconds)
        peer.leaves(begin + seconds)
        part.tell(begin + seconds, "end", reason="stopped")
        return part.write(self.recordings / row.id)

    async def read(self, row: Recording) -> Recording:
        return await self.rows.find(row.room_id, row.id)

    async def until(
        self, row: Recording, holds: Callable[[Recording], object], *recorders: servers.Server
    ) -> Recording:
        """Wait until the row is so."""
        end = time.monotonic() + PATIENCE
        while not holds(found := await self.read(row)):
            if time.monotonic() > end:
                logs = "\n".join(recorder.log()[-3000:] for recorder in recorders)
                raise AssertionError(f"it is still {found}\n{logs}")
            await asyncio.sleep(0.02)  # another process: there is nothing to await
        return found

    async def until_status(self, row: Recording, status: str, *recorders: servers.Server) -> Recording:
        return await self.until(row, lambda it: it.status == status, *recorders)

    async def until_cleared(self, row: Recording, patience: float = PATIENCE) -> None:
        """Wait until nothing local is left of it."""
        await until(lambda: not (self.recordings / row.id).exists(), patience)

    @contextmanager
    def recorder(self, **settings: str) -> Iterator[servers.Server]:
        """A recorder that runs."""
        with servers.command("recorder", self.directory, "recorder", settings={**self.settings, **settings}) as server:
            server.wait_for_log("recorder runs")
            yield server

    async def command(self, *words: str) -> tuple[int, str, str]:
        """A command's exit status, and what it said on standard output and standard error."""
        return await asyncio.to_thread(self._command, words)

    def _command(self, words: tuple[str, ...]) -> tuple[int, str, str]:
        argv, env = servers.tertulia_argv(*words), servers.tertulia_env(self.settings)
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr


async def new_studio(directory: Path, database_url: str, settings: dict[str, str]) -> Studio:
    """A studio with an empty database."""
    from tertulia.db import migrate

    database = Database(database_url)
    await migrate.upgrade(database)
    tenant = await Access(database).create_tenant("acme", now())
    (directory / "recordings").mkdir()
    shared = {
        "TERTULIA_DATABASE_URL": database_url,
        "TERTULIA_DATA_DIR": str(directory / "data"),
        "TERTULIA_RECORDINGS_DIR": str(directory / "recordings"),
        "TERTULIA_LOG_FORMAT": "json",
    }
    return Studio(directory, database, tenant.id, shared | settings)


@contextmanager
def being_written(part: Path) -> Iterator[None]:
    """Hold the lock of a part, as its writer does."""
    descriptor = os.open(part / "part.jsonl", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
