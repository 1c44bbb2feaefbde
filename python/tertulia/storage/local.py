"""A directory as storage. Only its owner can read what is in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from tertulia.errors import StorageError
from tertulia.ids import new_token
from tertulia.storage.checksum import Checksum, Stored
from tertulia.storage.keys import check_key, check_prefix

CALL_SECONDS: Final = 30.0
"""How long a step may take: a network file system that hangs must not hang everybody."""
_STALLED_SECONDS: Final = 60.0
"""How long copying a file may go on without a byte."""
_CHUNK: Final = 1 << 20
_TEMPORARY: Final = ".part"
_LEFT: Final = re.compile(r"\..+\.[A-Za-z0-9_-]{8}" + re.escape(_TEMPORARY))
"""A temporary file's name, as :class:`_Copy` makes it: no key has a name that begins with a dot."""
_STALE_SECONDS: Final = 86400
"""The age at which a temporary file is of a process that died."""

T = TypeVar("T")


class LocalStorage:
    """Files below ``root``, which is created if need be: directories 0700, files 0600."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put_file(self, path: Path, key: str) -> Stored:
        """Store a file: see :class:`~tertulia.storage.port.Storage`."""
        target = self.path_of(key)
        await _call("create a directory for", target, lambda: _make_directories(self._root, target.parent))
        return await _Copy(path, target).run(is_durable=True)

    async def get_file(self, key: str, path: Path) -> Stored:
        """Write what is stored to ``path``."""
        return await _Copy(self.path_of(key), path).run(is_durable=False)

    async def size(self, key: str) -> int | None:
        """How many bytes are stored under ``key``; None: nothing is."""
        path = self.path_of(key)

        def size() -> int | None:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found = path.stat()
                return found.st_size if stat.S_ISREG(found.st_mode) else None
            return None

        return await _call("look for", path, size)

    async def delete(self, key: str) -> None:
        """Delete what is stored under ``key``, if anything is."""
        path = self.path_of(key)

        def delete() -> None:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                path.unlink()
            self._tidy(path.parent)

        await _call("delete", path, delete)

    async def delete_prefix(self, prefix: str) -> None:
        """Delete everything whose key begins with ``prefix``."""
        directory = self._root / check_prefix(prefix)

        def delete() -> None:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                shutil.rmtree(directory)
            self._tidy(directory.parent)

        await _call("delete", directory, delete)

    async def sweep(self) -> None:
        """Remove what killed processes have left. It may take long, but can be cancelled after each directory."""
        directories = [self._root]
        while directories:
            directories += await asyncio.to_thread(_drop_stale, directories.pop())

    async def sign(self, key: str, seconds: int) -> str | None:
        """None: web workers serve these files, at addresses that they sign."""
        check_key(key)
        return None

    async def open_file(self, key: str) -> LocalFile | None:
        """What is stored under ``key``, to be read in parts; None: nothing is."""
        path = self.path_of(key)

        def opened() -> LocalFile | None:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    os.close(number)
                    return None
                return LocalFile(path, os.fdopen(number, "rb", buffering=0))
            return None

        return await _call("read", path, opened)

    def path_of(self, key: str) -> Path:
        """The file of ``key``, below the root: the names of a key have no meaning for the file system.

        Raises:
            ValueError: it is no key.
        """
        return self._root / check_key(key)

    def _tidy(self, directory: Path) -> None:
        """Remove directories that are empty."""
        with contextlib.suppress(OSError):
            while directory != self._root:
                directory.rmdir()
                directory = directory.parent


class LocalFile:
    """A file that is open: see :class:`~tertulia.storage.port.OpenFile`."""

    def __init__(self, path: Path, file: FileIO) -> None:
        found = os.fstat(file.fileno())
        self.size = found.st_size
        self.changed_ns = found.st_mtime_ns
        """When it was written, in nanoseconds since the Unix epoch."""
        self._path = path
        self._file = file

    async def read(self, begin: int, size: int) -> bytes:
        """``size`` bytes from ``begin`` on, fewer at its end."""
        return await _call("read", self._path, lambda: os.pread(self._file.fileno(), size, begin))

    def close(self) -> None:
        """Close it. May be called again."""
        self._file.close()


class _Copy:
    """One file being copied on a thread, piece by piece, under a temporary name beside the target."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self._temporary = target.with_name(f".{target.name}.{new_token(size=6)}{_TEMPORARY}")

    async def run(self, *, is_durable: bool) -> Stored:
        """Copy it, and read it back. Raises StorageError."""
        try:
            sent = await self._copy(is_durable=is_durable)
            stored = await self._read_back(sent)
            await _call("rename", self._temporary, lambda: self._finish(is_durable=is_durable))
        except BaseException:
            with contextlib.suppress(OSError):
                self._temporary.unlink()
            raise
        return stored

    async def _copy(self, *, is_durable: bool) -> Stored:
        sent = Checksum()

        def piece(source: BinaryIO, target: BinaryIO) -> bool:
            data = source.read(_CHUNK)
            target.write(data)
            target.flush()
            sent.add(data)
            return bool(data)

        source = await _open("read", self._source, lambda: self._source.open("rb"))
        with source, await _open("write", self._temporary, lambda: _create(self._temporary)) as target:
            while await _call("write", self._target, lambda: piece(source, target), _STALLED_SECONDS):
                pass
            if is_durable:
                await _call("write", self._target, lambda: os.fsync(target.fileno()), _STALLED_SECONDS)
        return sent.stored

    async def _read_back(self, sent: Stored) -> Stored:
        stored = await _checksum(self._temporary)
        if stored != sent:
            raise StorageError(f"{self._target} is not what was written: check the disk", is_retryable=True)
        return stored

    def _finish(self, *, is_durable: bool) -> None:
        self._temporary.replace(self._target)
        if is_durable:
            _sync_directory(self._target.parent)


async def _call(what: str, path: Path, act: Callable[[], T], seconds: float = CALL_SECONDS) -> T:
    """Run ``act`` on a thread. Raises StorageError."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(act)
    except TimeoutError:
        raise StorageError(f"the disk of {path} did not answer within {seconds:.0f} s", is_retryable=True) from None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise StorageError(f"cannot {what} {path}: there is no such file", is_retryable=False) from None
    except OSError as e:
        is_retryable = not isinstance(e, PermissionError)
        raise StorageError(f"cannot {what} {path}: {e.strerror or e}", is_retryable=is_retryable) from None


async def _open(what: str, path: Path, act: Callable[[], BinaryIO]) -> BinaryIO:
    """As :func:`_call`. Whoever is cancelled waits for the thread, and leaves no file open."""
    opening = asyncio.ensure_future(_call(what, path, act))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with contextlib.suppress(StorageError):
            (await opening).close()
        raise


async def _checksum(path: Path) -> Stored:
    """With a deadline for each piece, since a large file may take long."""
    checksum = Checksum()

    def piece(source: BinaryIO) -> bool:
        data = source.read(_CHUNK)
        checksum.add(data)
        return bool(data)

    with await _open("read", path, lambda: path.open("rb")) as source:
        while await _call("read", path, lambda: piece(source), _STALLED_SECONDS):
            pass
    return checksum.stored


def _make_directories(root: Path, directory: Path) -> None:
    """With mkdir's ``parents`` only the last one would have the mode."""
    root.mkdir(parents=True, mode=0o700, exist_ok=True)
    made = root
    for name in directory.relative_to(root).parts:
        made = made / name
        with contextlib.suppress(FileExistsError):
            made.mkdir(mode=0o700)
            _sync_directory(made.parent)


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _sync_directory(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _drop_stale(directory: Path) -> list[Path]:
    """Delete what processes that died have left in a directory. Returns the directories in it."""
    found = []
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    found.append(Path(entry))
                elif _LEFT.fullmatch(entry.name) and entry.stat().st_mtime < time.time() - _STALE_SECONDS:
                    Path(entry).unlink()
    return found
