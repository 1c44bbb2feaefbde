"""``tertulia recording``: what operators do with recordings. Everything yields lines for people."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from tertulia import times
from tertulia.contract.fields import Layout
from tertulia.db.clock import DatabaseClock
from tertulia.db.engine import Database
from tertulia.db.models import Recording
from tertulia.db.recording_keys import RecordingKeys
from tertulia.db.recording_rows import directory_of
from tertulia.db.recordings import Recordings
from tertulia.errors import NotFound, Refused
from tertulia.ids import RecordingId, RoomId, new_uuid
from tertulia.master_key import MasterKey
from tertulia.recorder import manifest
from tertulia.recorder.gathering import fetch, load_manifest
from tertulia.recorder.manifest import Manifest
from tertulia.recorder.place import Place
from tertulia.recorder.verifying import LIST, Expected, Tally, check_stored
from tertulia.storage import SealedStorage, Storage, open_storage
from tertulia.storage.checksum import checksum_of

FILMS: Final = "films"
"""Where an export has what can be played, beside the raw parts."""


class Operator:
    """The commands."""

    def __init__(self, database: Database, master: MasterKey | None, storage_url: str, recordings: Path) -> None:
        self._clock = DatabaseClock(database)
        self._rows = Recordings(database)
        self._keys = RecordingKeys(database, master)
        self._storage_url = storage_url
        self._recordings = recordings

    async def newest(self, room_id: str | None, limit: int) -> AsyncIterator[str]:
        """The newest recordings."""
        for row in await self._rows.newest(limit, RoomId(room_id) if room_id else None):
            yield _line(row)

    async def compose(self, recording_id: str, layout: Layout | None) -> AsyncIterator[str]:
        """Have a film made: another one in ``layout``, or the same once more. Yields its id.

        Raises:
            Refused
        """
        row, now = await self._find(recording_id), await self._clock.now()
        if row.kind == "track":
            raise Refused(f"{recording_id} is a track: name its recording, {row.parent_id}")
        if layout is not None and layout != row.layout:
            yield (await self._rows.compose(RecordingId(new_uuid()), row, layout, now)).id
            return
        if row.status == "recording":
            raise Refused(f"{recording_id} is still being recorded: its film is made when it has ended")
        await self._rows.requeue(row.id, now)
        yield row.id

    # -- export

    async def export(self, recording_id: str, directory: Path) -> AsyncIterator[str]:
        """Download a recording: the raw parts and their list, and in ``films/`` what can be played.

        Raises:
            Refused, StorageError, OSError
        """
        row = await self._find(recording_id)
        place = Place(directory.parent, directory.name)
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        stored = await self._export_raw(row, place)
        yield f"{directory}: {len(stored.files)} raw files"
        for film in await self._films(row):
            if film.path is None:
                continue
            path = directory / FILMS / film.path.removeprefix(directory_of(film.room_id, row.source_id))
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            await self._storage(film).get_file(film.path, path)
            yield str(path)

    async def _export_raw(self, row: Recording, place: Place) -> Manifest:
        storage = self._storage(await self._source(row))
        prefix = directory_of(row.room_id, row.source_id)
        stored = await load_manifest(storage, prefix, place.path)
        if stored is None:
            local = Place(self._recordings, row.source_id)
            stored = await asyncio.to_thread(_copy_local, local, place)
        else:
            await fetch(storage, prefix, stored, place)
        await asyncio.to_thread((place.path / LIST).write_bytes, stored.encode())
        return stored

    async def verify(self, recording_id: str) -> AsyncIterator[str]:
        """Download each of a recording's files from storage and check it: a line for each.

        Raises:
            Refused: not all of them are right; raised at the end.
        """
        row, tally = await self._find(recording_id), Tally(recording_id)
        storage, prefix = self._storage(await self._source(row)), directory_of(row.room_id, row.source_id)
        films = [Expected(f.path, f.size or 0, f.sha256 or "") for f in await self._films(row) if f.path]
        async for line in check_stored(storage, prefix, films):
            yield tally.take(line)
        tally.end()

    # -- what they have in common

    async def _find(self, recording_id: str) -> Recording:
        row = await self._rows.by_id(RecordingId(recording_id.lower()))
        if row is None:
            raise NotFound(f"there is no recording {recording_id}: see `tertulia recording list`")
        return row

    async def _films(self, row: Recording) -> list[Recording]:
        """The film itself, its tracks, and other films of the same raw files."""
        return [it for it in await self._rows.of_room(row.room_id) if it.source_id == row.source_id]

    async def _source(self, row: Recording) -> Recording:
        """The recording that the raw files are of."""
        return row if row.source_id == row.id else await self._find(row.source_id)

    def _storage(self, row: Recording) -> Storage:
        """Where the files of a recording are."""
        return SealedStorage(open_storage(self._storage_url), self._keys).only(sealed=row.key_id is not None)


def _line(row: Recording) -> str:
    words = [row.id, times.rfc3339(row.created_at), row.status, row.layout or ""]
    if row.status == "ready":
        words += [f"{row.duration:.0f} s", f"{(row.size or 0) / 1e6:.1f} MB"]
    elif row.status == "processing":
        words += [f"{row.stage} {row.progress:.0%}"]
        words += [f"until {times.rfc3339(row.expected_at)}"] if row.expected_at else []
    return "  ".join([*words, f"room {row.room_id}", *([row.error] if row.error else [])])


def _copy_local(local: Place, place: Place) -> Manifest:
    """Copy raw files that are not stored yet."""
    if local.is_being_written():
        raise Refused("it is still being recorded: stop it first")
    files = []
    for file in local.raw_files():
        path = place.path / file.part / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(local.path / file.part / file.name, path)
        files.append(manifest.StoredFile(file.part, file.name, *checksum_of(path)))
    if not files:
        raise Refused(f"there are no raw files of it, neither in storage nor in {local.path}")
    return Manifest(tuple(files))
