"""What recorders do beside the jobs: carry out deletions and retention, and clear local files that are stored.

Everything may be done by several recorders at once, and again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from tertulia.db.clock import DatabaseClock
from tertulia.db.deletions import Deletions
from tertulia.db.engine import Database
from tertulia.db.models import Deletion
from tertulia.db.recording_rows import directory_of
from tertulia.db.recordings import Recordings
from tertulia.errors import Unavailable
from tertulia.ids import RecordingId
from tertulia.outage import Outage, repeat
from tertulia.recorder.gathering import load_manifest
from tertulia.recorder.jobs.retry import delay_after
from tertulia.recorder.place import Place, places
from tertulia.storage import SealedStorage

DELETE_SECONDS: Final = 5.0
"""How often one looks for deletions."""
CLEAR_SECONDS: Final = 60.0
"""How often one looks for local files that a recorder which was killed has left."""
EXPIRE_SECONDS: Final = 600.0
"""How often one looks for recordings that are kept no longer."""
STALE_SECONDS: Final = 86400.0
"""How often one looks in storage for what recorders that were killed have left."""
STALE_FIRST_SECONDS: Final = 600.0
"""When one first looks for it: a recorder that starts has other things to do."""
_DONE: Final = ("ready", "empty")

_log = structlog.get_logger(__name__)


class Sweeper:
    """The sweeps of one recorder."""

    def __init__(self, database: Database, storage: SealedStorage, recordings: Path) -> None:
        self._clock = DatabaseClock(database)
        self._deletions = Deletions(database)
        self._rows = Recordings(database)
        self._storage = storage
        self._recordings = recordings

    async def run(self) -> None:
        """Sweep until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_each(DELETE_SECONDS, self.delete))
            tasks.create_task(_each(CLEAR_SECONDS, self.clear_all))
            tasks.create_task(_each(EXPIRE_SECONDS, self.expire))
            tasks.create_task(_each(STALE_SECONDS, self._storage.sweep, STALE_FIRST_SECONDS))

    # -- deletions

    async def expire(self) -> None:
        """Delete what is kept no longer."""
        while count := await self._rows.expire(await self._clock.now()):
            _log.info("recordings are deleted that are kept no longer", count=count)

    async def delete(self) -> None:
        """Carry out the deletions that are due."""
        for deletion in await self._deletions.due(await self._clock.now()):
            if not await self._deletions.is_due(deletion, await self._clock.now()):
                continue  # those before it may have taken long
            try:
                await self._delete(deletion)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others are not kept by it
                await self._put_off(deletion, str(error) or type(error).__name__)
                continue
            await self._deletions.done(deletion)

    async def _delete(self, deletion: Deletion) -> None:
        if deletion.recording_id is not None:
            place = Place(self._recordings, deletion.recording_id)
            if await asyncio.to_thread(place.is_being_written):
                raise BlockingIOError("its raw files are still being written")
            await asyncio.to_thread(place.remove)
        if deletion.path.endswith("/"):
            await self._storage.delete_prefix(deletion.path)
        else:
            await self._storage.delete(deletion.path)

    async def _put_off(self, deletion: Deletion, error: str) -> None:
        delay = delay_after(deletion.attempts + 1)
        _log.warning("a recording could not be deleted", path=deletion.path, error=error, again_in=delay)
        await self._deletions.failed(deletion, error, await self._clock.now() + timedelta(seconds=delay))

    # -- what is left on disk

    async def clear_all(self) -> None:
        """Clear the directories of recordings that are done. Those that SQL does not know stay: it may be another's."""
        ids = await asyncio.to_thread(lambda: list(places(self._recordings)))
        statuses = await self._rows.statuses(ids) if ids else {}
        for recording_id, status in statuses.items():
            if status in _DONE:
                try:
                    await self.clear(recording_id)
                except Unavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - the same
                    _log.warning("the local files of a recording stay", recording=recording_id, error=str(error))

    async def clear(self, recording_id: RecordingId) -> None:
        """Remove the local files of a recording that is done. Raw files go only if they are stored: media that turns up
        late is made into the film, unless that has failed: then all stay for whoever has it made again.

        Raises:
            StorageError, Unavailable, OSError
        """
        row = await self._rows.by_id(recording_id)
        place = Place(self._recordings, recording_id)
        if row is None or row.status not in _DONE or await asyncio.to_thread(place.is_being_written):
            return
        if row.source_id == row.id:
            if row.remake_failed:
                return
            storage = self._storage.only(sealed=row.key_id is not None)
            stored = await load_manifest(storage, directory_of(row.room_id, row.id), place.work)
            files = {file.raw for file in stored.files} if stored is not None else set()
            if await asyncio.to_thread(place.has_media, files):
                _log.warning("raw files turned up that are not in the film: it is made again", recording=row.id)
                await self._rows.requeue(row.id, await self._clock.now())
                return
        await asyncio.to_thread(place.remove)


async def _each(seconds: float, sweep: Callable[[], Awaitable[None]], first: float = 0.0) -> None:
    pauses = itertools.chain((first,), itertools.repeat(seconds))
    await repeat(sweep, pauses.__next__, Outage(work=sweep.__qualname__))
