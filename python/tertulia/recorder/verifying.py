"""``tertulia recording verify``: whether files are what they were when they were stored. A line for each file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tertulia.errors import Refused, StorageError
from tertulia.recorder import manifest
from tertulia.recorder.gathering import load_manifest
from tertulia.recorder.place import Place
from tertulia.storage import Storage
from tertulia.storage.checksum import checksum_of
from tertulia.storage.sealing import Tampered

OK: Final = "ok"
"""How the line of a file that is right begins."""
LIST: Final = "parts.json"
"""The list of raw files in an export."""


class Expected(NamedTuple):
    """A file, and what is known of it."""

    name: str
    size: int
    sha256: str


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


async def check_stored(storage: Storage, prefix: str, films: Iterable[Expected]) -> AsyncIterator[str]:
    """Download the films, and the raw files of the recording in ``prefix``, one after the other.

    Raises:
        StorageError: the list of the raw files cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="tertulia-verify-") as name:
        stored = await load_manifest(storage, prefix, Path(name))
        raw = stored.files if stored is not None else ()
        for file in (*films, *(Expected(prefix + file.path, file.size, file.sha256) for file in raw)):
            yield await _check_stored(storage, file, Path(name) / "file")


def verify_directory(directory: Path) -> Iterator[str]:
    """Check the raw parts in a directory, or an export.

    Raises:
        Refused: not all of them are right; raised at the end.
    """
    tally = Tally(str(directory))
    for line in _check_directory(directory):
        yield tally.take(line)
    tally.end()


async def _check_stored(storage: Storage, file: Expected, scratch: Path) -> str:
    try:
        await storage.get_file(file.name, scratch)
    except Tampered as error:
        return f"WRONG    {error.message}"
    except StorageError as error:
        return f"MISSING  {file.name}: {error.message}"
    return await asyncio.to_thread(_check, file, scratch)


def _check_directory(directory: Path) -> Iterator[str]:
    """Against the list of an export, where there is one; else whether each file can be read."""
    listed = directory / LIST
    if not listed.exists():
        yield from _read_parts(directory)
        return
    for file in manifest.decode(listed.read_bytes()).files:
        path = directory / file.part / file.name
        known = Expected(f"{file.part}/{file.name}", file.size, file.sha256)
        yield _check(known, path) if path.exists() else f"MISSING  {known.name}"


def _read_parts(directory: Path) -> Iterator[str]:
    from tertulia.recorder.raw.recording import read  # noqa: PLC0415 — only where raw files are read

    place = Place(directory.parent, directory.name)
    if place.parts():
        trouble = read(directory).trouble
        for file in place.raw_files():
            yield f"{OK}       {file.part}/{file.name}: {file.size} bytes"
        for what in trouble:
            yield f"LOST     {what}"


def _check(file: Expected, path: Path) -> str:
    found = checksum_of(path)
    if found.size != file.size:
        return f"WRONG    {file.name}: {found.size} bytes instead of {file.size}"
    if found.sha256 != file.sha256:
        return f"WRONG    {file.name}: its checksum is not {file.sha256}"
    return f"{OK}       {file.name}: {found.size} bytes, sha256 {file.sha256}"
