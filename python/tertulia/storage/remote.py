"""S3, Azure Blob Storage and Google Cloud Storage, by obstore."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import from_url

from tertulia.errors import ConfigError, StorageError
from tertulia.ids import new_token
from tertulia.storage.address import Address
from tertulia.storage.checksum import Checksum, Stored
from tertulia.storage.keys import check_key, check_prefix, content_type

REQUEST_SECONDS: Final = 60
"""For one request with its body."""
RETRY_SECONDS: Final = 60
"""For how long a request that failed is repeated at once. Later attempts are the caller's."""
CALL_SECONDS: Final = 150.0
"""The last line, for a step with all its repetitions."""
ABORT_SECONDS: Final = 10.0
"""How long who is cancelled waits until the upload is given up."""
_PIECE: Final = 8 << 20
"""Bytes read or sent at once: they have to pass within REQUEST_SECONDS, so 140 kB/s are enough."""
_MOST_PARTS: Final = 9_000
"""Of an upload: S3 allows 10,000."""
_AT_ONCE: Final = 4
"""Parts on their way at the same time."""
_DELETED_AT_ONCE: Final = 500

T = TypeVar("T")


class RemoteStorage:
    """Objects in a bucket or container."""

    def __init__(self, address: Address) -> None:
        self._name = address.name
        try:
            # Whether it is http or https is up to the endpoint, which is in the environment.
            self._store: Any = from_url(
                address.url,
                client_options={
                    "allow_http": True,
                    "connect_timeout": timedelta(seconds=10),
                    "timeout": timedelta(seconds=REQUEST_SECONDS),
                },
                retry_config={
                    "max_retries": 5,
                    "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                    "backoff": {"max_backoff": timedelta(seconds=5)},
                },
            )
        except (BaseError, ValueError):
            # Its text may hold what is in the environment.
            raise ConfigError(
                f"the storage {self._name} cannot be used: check TERTULIA_STORAGE_URL and the credentials in the "
                "environment"
            ) from None

    async def put_file(self, path: Path, key: str) -> Stored:
        """Store a file, and read back what is stored: see :class:`~tertulia.storage.port.Storage`."""
        source = _Source(path)
        await self._upload(source, check_key(key))
        stored = await self._read(key, None)
        if stored != source.sent:
            raise StorageError(f"{key} in {self._name} is not what was sent", is_retryable=True)
        return stored

    async def get_file(self, key: str, path: Path) -> Stored:
        """Write what is stored to ``path``."""
        temporary = path.with_name(f".{path.name}.{new_token(size=6)}.part")
        try:
            stored = await self._read(key, temporary)
            temporary.replace(path)
        except OSError as e:
            raise StorageError(f"cannot write {path}: {e.strerror or e}", is_retryable=True) from None
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
        return stored

    async def size(self, key: str) -> int | None:
        """How many bytes are stored under ``key``; None: nothing is."""
        try:
            return int((await self._call(key, obstore.head_async(self._store, check_key(key))))["size"])
        except _Missing:
            return None

    async def delete(self, key: str) -> None:
        """Delete what is stored under ``key``, if anything is."""
        with contextlib.suppress(_Missing):
            await self._call(key, obstore.delete_async(self._store, check_key(key)))

    async def delete_prefix(self, prefix: str) -> None:
        """Delete everything whose key begins with ``prefix``."""
        check_prefix(prefix)
        # What is listed is deleted before the list goes on: it begins anew, so that nothing is left out.
        while keys := await self._some(prefix):
            for key in keys:  # whoever made it, and whatever its name: it is below the prefix
                with contextlib.suppress(_Missing):
                    await self._call(key, obstore.delete_async(self._store, key))

    async def sweep(self) -> None:
        """Nothing: uploads that were not completed are dropped by a rule of the bucket (docs/operations.md)."""

    async def sign(self, key: str, seconds: int) -> str | None:
        """An address at which anybody can read it for so long."""
        signing = obstore.sign_async(self._store, "GET", check_key(key), timedelta(seconds=seconds))
        return str(await self._call(key, signing))

    async def open_file(self, key: str) -> RemoteFile | None:
        """What is stored under ``key``, to be read in parts; None: nothing is."""
        try:
            found = await self._call(key, obstore.head_async(self._store, check_key(key)))
        except _Missing:
            return None
        return RemoteFile(found, lambda begin, end: self._range(key, begin, end))

    async def _range(self, key: str, begin: int, end: int) -> bytes:
        return bytes(await self._call(key, obstore.get_range_async(self._store, key, start=begin, end=end)))

    async def _some(self, prefix: str) -> list[str]:
        """Some of the keys that begin with ``prefix``."""
        pages = obstore.list(self._store, prefix, chunk_size=_DELETED_AT_ONCE)

        async def first() -> list[str]:
            async for page in pages:
                return [item["path"] for item in page]
            return []

        return await self._call(prefix, first())

    async def _upload(self, source: _Source, key: str) -> None:
        """Send a file. Who is cancelled first has the upload given up, else its parts would stay in the bucket."""
        attributes = {"Content-Type": content_type(key)}
        if source.is_small:
            await self._call(key, obstore.put_async(self._store, key, await source.whole(), attributes=attributes))
            return
        sending = obstore.put_async(
            self._store,
            key,
            source.pieces(),
            attributes=attributes,
            chunk_size=source.piece,
            max_concurrency=_AT_ONCE,
        )
        # Each of its requests has a deadline of its own.
        task = asyncio.create_task(self._translated(key, sending))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            source.is_stopped = True
            await asyncio.wait({task}, timeout=ABORT_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _read(self, key: str, path: Path | None) -> Stored:
        """Read what is stored, in pieces, and write it to ``path`` unless None."""
        size = await self.size(key)
        if size is None:
            raise _Missing(f"{key} is not in {self._name}", is_retryable=False)
        checksum, begin = Checksum(), 0
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(path.open("xb")) if path is not None else None
            while begin < size:
                reading = obstore.get_range_async(self._store, key, start=begin, end=min(begin + _PIECE, size))
                data = memoryview(await self._call(key, reading))
                await asyncio.to_thread(checksum.add, data)
                if file is not None:
                    await asyncio.to_thread(file.write, data)
                begin += len(data)
        return checksum.stored

    async def _call(self, key: str, asked: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._translated(key, asked)
        except TimeoutError:
            raise StorageError(f"{self._name} does not answer", is_retryable=True) from None

    async def _translated(self, key: str, asked: Awaitable[T]) -> T:
        """Turns obstore's errors into ours: the texts of those hold what the store said, credentials included."""
        try:
            return await asked
        except (BaseError, FileNotFoundError) as e:
            raise self._error(key, e) from None

    def _error(self, key: str, error: Exception) -> StorageError:
        text = str(error)
        if "<Code>NoSuchBucket<" in text or "<Code>ContainerNotFound<" in text:
            return StorageError(f"{self._name} does not exist: create it", is_retryable=False)
        if isinstance(error, FileNotFoundError):
            return _Missing(f"{key} is not in {self._name}", is_retryable=False)
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            return StorageError(
                f"{self._name} refuses the credentials{_reason(text)}: check those in the environment",
                is_retryable=False,
            )
        return StorageError(f"{self._name} does not do what it is asked{_reason(text)}", is_retryable=True)


class RemoteFile:
    """An object: see :class:`~tertulia.storage.port.OpenFile`. Nothing is held open."""

    def __init__(self, found: Any, read: Callable[[int, int], Awaitable[bytes]]) -> None:
        self.size = int(found["size"])
        self.changed_ns = round(found["last_modified"].timestamp() * 1e9)
        self._read = read

    async def read(self, begin: int, size: int) -> bytes:
        """``size`` bytes from ``begin`` on, fewer at its end."""
        end = min(begin + size, self.size)
        return await self._read(begin, end) if begin < end else b""

    def close(self) -> None:
        """Nothing is held open."""


class _Missing(StorageError):
    """There is nothing under that key."""


class _Source:
    """A file that is being sent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._readable():
            size = path.stat().st_size
        self.is_small = size <= _PIECE
        self.piece = max(_PIECE, -(-size // _MOST_PARTS))
        self._checksum = Checksum()
        self.is_stopped = False

    @property
    def sent(self) -> Stored:
        """What was read of it."""
        return self._checksum.stored

    async def whole(self) -> bytes:
        """All of it."""
        with self._readable():
            data = await asyncio.to_thread(self._path.read_bytes)
        self._checksum.add(data)
        return data

    async def pieces(self) -> AsyncIterator[bytes]:
        """It in pieces. What is raised here ends the upload, and nothing of it is kept."""
        with self._readable(), self._path.open("rb") as file:
            while data := await asyncio.to_thread(file.read, self.piece):
                if self.is_stopped:
                    raise StorageError(f"sending {self._path} was stopped", is_retryable=True)
                await asyncio.to_thread(self._checksum.add, data)
                yield data

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            raise StorageError(f"cannot read {self._path}: {e.strerror or e}", is_retryable=False) from None


def _reason(text: str) -> str:
    """What of an error's text can be shown: the status and the code that the store gave."""
    status = re.search(r"status code: (\d{3})", text)
    code = re.search(r"<Code>([A-Za-z]{1,60})</Code>", text)
    found = [f"HTTP {status[1]}"] if status else []
    found += [code[1]] if code else []
    found += ["it does not answer in time"] if "TimedOut" in text else []
    return f" ({', '.join(found)})" if found else ""
