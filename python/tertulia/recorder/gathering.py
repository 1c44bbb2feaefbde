"""Seeing that all raw files of a job are here, and whole: those on disk, and those in storage.

They may be in both: the writers of another machine, whose directory is not shared against the rule, are found late, and
then the film is made once more of all of them.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tertulia.db.models import Job
from tertulia.db.recording_rows import directory_of
from tertulia.errors import StorageError
from tertulia.recorder import manifest
from tertulia.recorder.jobs.inputs import Fault, Gathered, NoMedia, NotYet
from tertulia.recorder.jobs.retry import Cause
from tertulia.recorder.manifest import Manifest
from tertulia.recorder.place import Place
from tertulia.storage import SealedStorage, Storage, Stored

WRITER_PAUSE: Final = 2.0
"""Seconds until one looks again whether the writers have ended; they do so within a second after the recording."""
WRITING: Final = timedelta(minutes=5)
"""So long after its end the files of a recording cannot be waiting for a slow disk any more."""
STILL_WRITTEN: Final = "a node still holds its raw files, minutes after its end: it may hang"
GRACE: Final = timedelta(seconds=60)
"""Only so long after its end a recording without any file is empty: a shared file system may show files late."""
GRACE_PAUSE: Final = 5.0


async def gather(
    storage: SealedStorage, recordings: Path, job: Job, now: datetime
) -> Gathered | NotYet | NoMedia | Fault:
    """Bring the raw files of ``job`` into its directory.

    Raises:
        StorageError, OSError
    """
    place = Place(recordings, job.id)
    is_first = job.id == job.source_id
    source = place if is_first else Place(recordings, job.source_id)
    if not await asyncio.to_thread(recordings.is_dir):  # nodes make it when they start
        return Fault(f"there is no {recordings}: it has to be the nodes' TERTULIA_RECORDINGS_DIR", Cause.OUTSIDE)
    if await asyncio.to_thread(source.is_being_written):
        is_late = job.ended_at is not None and now > job.ended_at + WRITING
        return NotYet(WRITER_PAUSE, STILL_WRITTEN if is_late else None)
    if not is_first:
        await asyncio.to_thread(_link, source, place)
    storage = storage.only(sealed=job.key_id is not None)
    # After the links were made: files of the source go only when the manifest is there.
    stored = await load_manifest(storage, directory_of(job.room_id, job.source_id), place.work)
    if stored is not None:
        await fetch(storage, directory_of(job.room_id, job.source_id), stored, place)
    if await asyncio.to_thread(place.parts):
        return Gathered()
    if not is_first:
        return Fault("the raw files of this recording are gone, so no other film can be made of it", Cause.FINAL)
    if job.ended_at is None or now <= job.ended_at + GRACE:
        return NotYet(GRACE_PAUSE)
    return NoMedia()


async def load_manifest(storage: Storage, prefix: str, work: Path) -> Manifest | None:
    """The list of the stored raw files; None: there is none, as nothing was stored yet.

    Raises:
        StorageError, OSError
    """
    if await storage.size(prefix + manifest.PATH) is None:
        return None
    path = work / f".{secrets.token_hex(8)}.parts"
    await _get(storage, prefix + manifest.PATH, path)
    return await asyncio.to_thread(_read_manifest, path)


def _read_manifest(path: Path) -> Manifest:
    data = path.read_bytes()
    path.unlink()
    return manifest.decode(data)


async def fetch(storage: Storage, prefix: str, stored: Manifest, place: Place) -> None:
    """Download the raw files that ``place`` does not have, or not all of.

    Raises:
        StorageError, OSError
    """
    here = {(file.part, file.name): file.size for file in await asyncio.to_thread(place.raw_files)}
    for file in stored.files:
        if here.get((file.part, file.name), -1) < file.size:
            known = Stored(file.size, file.sha256)
            await _get(storage, prefix + file.path, place.path / file.part / file.name, known)


async def _get(storage: Storage, key: str, path: Path, known: Stored | None = None) -> None:
    """Download to ``path``, which is there only once it is whole, and what is ``known`` of it."""
    coming = path.with_name(f".{secrets.token_hex(8)}.coming")
    await asyncio.to_thread(coming.parent.mkdir, parents=True, exist_ok=True)
    try:
        found = await storage.get_file(key, coming)
        if known is not None and found != known:
            raise StorageError(f"{key} is not what was stored there", is_retryable=True)
        await asyncio.to_thread(coming.replace, path)
    finally:
        await asyncio.to_thread(coming.unlink, missing_ok=True)


def _link(source: Place, place: Place) -> None:
    """Give ``place`` the raw files of ``source`` without a copy, where the file system has links."""
    for file in source.raw_files():
        path = place.path / file.part / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _link_or_copy(source.path / file.part / file.name, path)


def _link_or_copy(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except FileNotFoundError:
        return  # the source is being cleared: the file is in storage
    except OSError:
        shutil.copyfile(old, new)
