"""``tertulia recording``: what operators do with recordings. Everything yields lines for people."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tertulia import times
from tertulia.contract import Layout
from tertulia.db.engine import Database
from tertulia.db.models import Recording
from tertulia.db.recording_rows import directory_of
from tertulia.db.recordings import Recordings
from tertulia.errors import NotFound, Refused, StorageError
from tertulia.ids import RecordingId, RoomId, new_uuid
from tertulia.recorder import manifest
from tertulia.recorder.gathering import fetch, load_manifest
from tertulia.recorder.manifest import Manifest
from tertulia.recorder.place import Place
from tertulia.storage import Storage, open_storage

FILMS: Final = "films"
"""Where an export has what can be played, beside the raw parts."""
OK: Final = "ok"
"""How the line of a file that is right begins."""
LIST: Final = "parts.json"
"""The list of raw files in an export."""


class _Expected(NamedTuple):
    """A file, and what is known of it."""

    name: str
    size: int
    sha256: str


class Operator:
    """The commands."""

    def __init__(self, database: Database, storage_url: str, recordings: Path) -> None:
        self._rows = Recordings(database)
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
        row, now = await self._find(recording_id), times.from_seconds(time.time())
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
        storage = self._storage()
        place = Place(directory.parent, directory.name)
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        stored = await self._export_raw(storage, row, place)
        yield f"{directory}: {len(stored.files)} raw files"
        for film in await self._films(row):
            if film.path is None:
                continue
            path = directory / FILMS / film.path.removeprefix(directory_of(film.room_id, row.source_id))
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            await storage.get_file(film.path, path)
            yield str(path)

    async def _export_raw(self, storage: Storage, row: Recording, place: Place) -> Manifest:
        prefix = directory_of(row.room_id, row.source_id)
        stored = await load_manifest(storage, prefix, place.path)
        if stored is None:
            local = Place(self._recordings, row.source_id)
            stored = await asyncio.to_thread(_copy_local, local, place)
        else:
            await fetch(storage, prefix, stored, place)
        await asyncio.to_thread((place.path / LIST).write_bytes, stored.encode())
        return stored

    # -- verify

    async def verify(self, recording_id: str) -> AsyncIterator[str]:
        """Download each of a recording's files from storage and check it: a line for each.

        Raises:
            Refused: not all of them are right; raised at the end.
        """
        tally = Tally(recording_id)
        async for line in self._stored(recording_id):
            yield tally.take(line)
        tally.end()

    async def _stored(self, recording_id: str) -> AsyncIterator[str]:
        row = await self._find(recording_id)
        storage, prefix = self._storage(), directory_of(row.room_id, row.source_id)
        expected = [_Expected(f.path, f.size or 0, f.sha256 or "") for f in await self._films(row) if f.path]
        with tempfile.TemporaryDirectory(prefix="tertulia-verify-") as name:
            stored = await load_manifest(storage, prefix, Path(name))
            if stored is not None:
                expected += [_Expected(prefix + file.path, file.size, file.sha256) for file in stored.files]
            for file in expected:
                yield await _check_stored(storage, file, Path(name) / "file")

    # -- what they have in common

    async def _find(self, recording_id: str) -> Recording:
        row = await self._rows.by_id(RecordingId(recording_id.lower()))
        if row is None:
            raise NotFound(f"there is no recording {recording_id}: see `tertulia recording list`")
        return row

    async def _films(self, row: Recording) -> list[Recording]:
        """The film itself, its tracks, and other films of the same raw files."""
        return [it for it in await self._rows.of_room(row.room_id) if it.source_id == row.source_id]

    def _storage(self) -> Storage:
        return open_storage(self._storage_url)


class Tally:
    """Counts the lines of a check of ``what``."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._count = self._wrong = 0

    def take(self, line: str) -> str:
        """Count a line; returns it."""
        self._count += 1
        self._wrong += not line.startswith(OK)
        return line

    def end(self) -> None:
        """Say how it went.

        Raises:
            Refused: a file is not right, or there is none.
        """
        if not self._count:
            raise Refused(f"there is nothing to check in {self._what}")
        if self._wrong:
            raise Refused(f"{self._wrong} of {self._count} files are not right")


def verify_directory(directory: Path) -> Iterator[str]:
    """Check the raw parts in a directory, or an export: a line for each file.

    Raises:
        Refused: not all of them are right; raised at the end.
    """
    tally = Tally(str(directory))
    for line in _check_directory(directory):
        yield tally.take(line)
    tally.end()


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
        files.append(manifest.StoredFile(file.part, file.name, file.size, _sha256(path)))
    if not files:
        raise Refused(f"there are no raw files of it, neither in storage nor in {local.path}")
    return Manifest(tuple(files))


async def _check_stored(storage: Storage, file: _Expected, scratch: Path) -> str:
    try:
        await storage.get_file(file.name, scratch)
    except StorageError as error:
        return f"MISSING  {file.name}: {error.message}"
    return await asyncio.to_thread(_check, file, scratch)


def _check_directory(directory: Path) -> Iterator[str]:
    """Against the list of an export, where there is one; else whether each file can be read."""
    listed = directory / LIST
    if listed.exists():
        for file in manifest.decode(listed.read_bytes()).files:
            path = directory / file.part / file.name
            known = _Expected(f"{file.part}/{file.name}", file.size, file.sha256)
            yield _check(known, path) if path.exists() else f"MISSING  {known.name}"
        return
    yield from _read_parts(directory)


def _read_parts(directory: Path) -> Iterator[str]:
    from tertulia.recorder.raw.recording import read  # noqa: PLC0415 — only where raw files are read

    place = Place(directory.parent, directory.name)
    if place.parts():
        trouble = read(directory).trouble
        for file in place.raw_files():
            yield f"{OK}       {file.part}/{file.name}: {file.size} bytes"
        for what in trouble:
            yield f"LOST     {what}"


def _check(file: _Expected, path: Path) -> str:
    size = path.stat().st_size
    if size != file.size:
        return f"WRONG    {file.name}: {size} bytes instead of {file.size}"
    if _sha256(path) != file.sha256:
        return f"WRONG    {file.name}: its checksum is not {file.sha256}"
    return f"{OK}       {file.name}: {size} bytes, sha256 {file.sha256}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
