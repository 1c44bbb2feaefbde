"""Storing what was made of a recording, and its raw files. What is stored is noted, so that it is not stored twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tertulia.db.models import Job, Made, MadeTrack
from tertulia.db.recording_rows import directory_of
from tertulia.recorder import manifest
from tertulia.recorder.films import File, Films
from tertulia.recorder.jobs.inputs import Stored
from tertulia.recorder.manifest import Manifest, StoredFile
from tertulia.recorder.place import Place
from tertulia.storage import SealedStorage, SealingKey

NOTES: Final = "stored.jsonl"
"""In the work directory: what is stored, one file a line."""
LIST: Final = "parts.json"
"""In the work directory: the manifest, before it is stored."""


class _Note(Struct, frozen=True):
    """A stored file, as it was when it was stored."""

    key: str
    size: int
    changed: int
    sha256: str
    key_id: str | None = None


class Shipping:
    """Stores the files of one job, encrypted with ``key`` unless None. ``progress`` hears what part of the bytes is
    stored."""

    def __init__(
        self,
        storage: SealedStorage,
        key: SealingKey | None,
        place: Place,
        job: Job,
        progress: Callable[[float], None],
    ) -> None:
        self._storage = storage.sealing(key)
        self._key_id = None if key is None else key.id
        self._place = place
        self._job = job
        self._progress = progress
        self._prefix = directory_of(job.room_id, job.id)
        self._notes: dict[str, _Note] = {}
        self._done = self._total = 0

    async def run(self, films: Films) -> Stored:
        """Store everything, the raw files only of the recording that they were recorded for.

        Raises:
            StorageError, OSError
        """
        raw = films.raw if self._job.id == self._job.source_id else ()
        work = self._place.work
        made = [films.composite, *(track.file for track in films.tracks)]
        self._notes = await asyncio.to_thread(_read_notes, work / NOTES)
        sizes = await asyncio.to_thread(lambda: [(work / file.path).stat().st_size for file in made])
        self._total = sum(sizes) + sum(file.size for file in raw)
        film = await self._film(films.composite)
        tracks = [
            MadeTrack(
                name=track.file.path,
                user_id=track.user_id,
                user_name=track.user_name,
                source=track.source,
                offset=track.file.begins - films.composite.begins,
                file=await self._film(track.file),
            )
            for track in films.tracks
        ]
        stored = [await self._raw(file.part, file.name) for file in raw]
        if stored:
            await asyncio.to_thread((work / LIST).write_bytes, Manifest(tuple(stored)).encode())
            await self._put(work / LIST, manifest.PATH)
        return Stored(film, tuple(tracks), "; ".join(films.trouble) or None)

    async def _film(self, file: File) -> Made:
        note = await self._put(self._place.work / file.path, file.path)
        return Made(note.key, file.duration, note.size, note.sha256, note.key_id)

    async def _raw(self, part: str, name: str) -> StoredFile:
        note = await self._put(self._place.path / part / name, manifest.raw_path(part, name))
        return StoredFile(part, name, note.size, note.sha256)

    async def _put(self, path: Path, name: str) -> _Note:
        key, about = self._prefix + name, await asyncio.to_thread(path.stat)
        note = self._notes.get(key)
        if note is None or not await self._is_stored(note, about):
            stored = await self._storage.put_file(path, key)
            note = _Note(key, stored.size, about.st_mtime_ns, stored.sha256, self._key_id)
            await asyncio.to_thread(self._write_note, note)
        self._done += note.size
        self._progress(self._done / max(self._total, 1))
        return note

    async def _is_stored(self, note: _Note, about: os.stat_result) -> bool:
        """Whether this file is stored; encrypted, if it is to be. An earlier key will do."""
        if self._key_id is not None and note.key_id is None:
            return False
        is_same = (note.size, note.changed) == (about.st_size, about.st_mtime_ns)
        return is_same and await self._storage.size(note.key) == note.size

    def _write_note(self, note: _Note) -> None:
        with (self._place.work / NOTES).open("ab") as file:
            file.write(msgspec.json.encode(note) + b"\n")


def _read_notes(path: Path) -> dict[str, _Note]:
    """The notes by key; a line that was cut off is left out."""
    notes = {}
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            note = msgspec.json.decode(line, type=_Note)
        except msgspec.DecodeError:
            continue
        notes[note.key] = note
    return notes
