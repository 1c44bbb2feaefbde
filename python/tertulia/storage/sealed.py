"""A storage in which the objects of tenants that have a key are encrypted (:mod:`tertulia.storage.sealing`)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from tertulia.errors import StorageError
from tertulia.ids import new_token
from tertulia.storage.checksum import Checksum, Stored
from tertulia.storage.port import OpenFile, Storage
from tertulia.storage.sealing import (
    CHUNK,
    HEAD,
    SEALED_CHUNK,
    Head,
    Seal,
    SealingKey,
    Tampered,
    chunks_of,
    plain_size,
)

_PIECE: Final = 128 * CHUNK
"""Bytes read, or encrypted on a thread, at once."""


class Keys(Protocol):
    """The keys that objects were encrypted with."""

    async def secret(self, key_id: str) -> bytes:
        """A key.

        Raises:
            StorageError: it is not known, or the master key is missing.
        """


class SealedStorage:
    """Reads what is encrypted and what is not; writes as it is told by :meth:`sealing`.

    Sizes and checksums are those of what was put in, whatever is stored of it.
    """

    def __init__(
        self, inner: Storage, keys: Keys, *, seals_with: SealingKey | None = None, is_strict: bool = False
    ) -> None:
        self._inner = inner
        self._keys = keys
        self._seals_with = seals_with
        self._is_strict = is_strict

    def sealing(self, key: SealingKey | None) -> SealedStorage:
        """The same, in which what is put is encrypted with this key; None: it is not encrypted."""
        return SealedStorage(self._inner, self._keys, seals_with=key, is_strict=self._is_strict)

    def only(self, *, sealed: bool) -> SealedStorage:
        """The same; if ``sealed``, what is not encrypted is not read: somebody else has put it there."""
        return SealedStorage(self._inner, self._keys, seals_with=self._seals_with, is_strict=sealed)

    async def put_file(self, path: Path, key: str) -> Stored:
        """Store a file, and read back what is stored: see :class:`~tertulia.storage.port.Storage`."""
        if self._seals_with is None:
            return await self._inner.put_file(path, key)
        with _beside(path) as sealed:
            plain = await _seal(path, sealed, self._seals_with, key)
            await self._inner.put_file(sealed, key)
        return plain

    async def get_file(self, key: str, path: Path) -> Stored:
        """Write what was put in to ``path``."""
        async with self._opened(key) as file:
            if not isinstance(file, SealedFile):
                return await self._inner.get_file(key, path)
            with _beside(path) as coming:
                plain = await _unseal(file, coming)
                coming.replace(path)
        return plain

    async def size(self, key: str) -> int | None:
        """How many bytes were put in under ``key``; None: nothing is there."""
        file = await self.open_file(key)
        if file is None:
            return None
        file.close()
        return file.size

    async def open_file(self, key: str) -> OpenFile | None:
        """What was put in under ``key``, to be read in parts; None: nothing is there."""
        file = await self._inner.open_file(key)
        if file is None:
            return None
        try:
            return await self._unsealed(key, file)
        except BaseException:
            file.close()
            raise

    async def delete(self, key: str) -> None:
        """Delete what is stored under ``key``, if anything is."""
        await self._inner.delete(key)

    async def delete_prefix(self, prefix: str) -> None:
        """Delete everything whose key begins with ``prefix``."""
        await self._inner.delete_prefix(prefix)

    async def sweep(self) -> None:
        """Remove what killed processes have left."""
        await self._inner.sweep()

    async def sign(self, key: str, seconds: int) -> str | None:
        """An address of what is stored, which is of use only if that is not encrypted."""
        return await self._inner.sign(key, seconds)

    async def _unsealed(self, key: str, file: OpenFile) -> OpenFile:
        head = Head.read(await file.read(0, min(HEAD, file.size)))
        if head is None:
            if self._is_strict:
                raise Tampered(key, "it is not encrypted any more")
            return file
        sealed = SealedFile(key, file, Seal(await self._keys.secret(head.key_id), head, key))
        await sealed.check()
        return sealed

    @asynccontextmanager
    async def _opened(self, key: str) -> AsyncIterator[OpenFile]:
        file = await self.open_file(key)
        if file is None:
            raise StorageError(f"{key} is not stored", is_retryable=False)
        try:
            yield file
        finally:
            file.close()


class SealedFile:
    """An encrypted object, to be read in parts."""

    def __init__(self, name: str, file: OpenFile, seal: Seal) -> None:
        self.size = plain_size(name, file.size)
        self.changed_ns = file.changed_ns
        self._name = name
        self._file = file
        self._seal = seal
        self._chunks = chunks_of(file.size)

    async def check(self) -> None:
        """Decrypt the last chunk: it is the last only if nothing was cut off.

        Raises:
            Tampered, StorageError
        """
        await self._decrypted(self._chunks - 1, self._chunks)

    async def read(self, begin: int, size: int) -> bytes:
        """At most ``size`` bytes from ``begin`` on; none at its end."""
        end = min(begin + size, self.size)
        if begin >= end:
            return b""
        first = begin // CHUNK
        data = await self._decrypted(first, -(-end // CHUNK))
        return data[begin - first * CHUNK : end - first * CHUNK]

    def close(self) -> None:
        """Close it. May be called again."""
        self._file.close()

    async def _decrypted(self, first: int, until: int) -> bytes:
        data = await self._file.read(HEAD + first * SEALED_CHUNK, (until - first) * SEALED_CHUNK)
        return await asyncio.to_thread(self._decrypt, first, until, data)

    def _decrypt(self, first: int, until: int, data: bytes) -> bytes:
        return b"".join(
            self._seal.decrypt(
                number,
                data[(number - first) * SEALED_CHUNK : (number - first + 1) * SEALED_CHUNK],
                is_last=number == self._chunks - 1,
            )
            for number in range(first, until)
        )


async def _seal(path: Path, sealed: Path, key: SealingKey, name: str) -> Stored:
    """Encrypt a file. The result is of the plaintext."""
    head, plain, number = Head.new(key.id), Checksum(), 0
    seal = Seal(key.secret, head, name)
    with _opened(path, "rb") as source, _opened(sealed, "xb") as target:
        size = os.fstat(source.fileno()).st_size
        target.write(head.encode())

        def piece() -> bool:
            nonlocal number
            data = source.read(_PIECE)
            plain.add(data)
            # An empty file has one chunk, too.
            for begin in range(0, max(len(data), number == 0), CHUNK):
                chunk = data[begin : begin + CHUNK]
                target.write(seal.encrypt(number, chunk, is_last=(number + 1) * CHUNK >= size))
                number += 1
            return number * CHUNK < size and bool(data)

        while await asyncio.to_thread(piece):
            pass
    if plain.stored.size != size:
        raise StorageError(f"{path} has changed while it was encrypted", is_retryable=True)
    return plain.stored


async def _unseal(file: SealedFile, path: Path) -> Stored:
    """Decrypt a file, piece by piece."""
    plain = Checksum()
    with _opened(path, "xb") as target:
        while data := await file.read(plain.stored.size, _PIECE):
            plain.add(data)
            await asyncio.to_thread(target.write, data)
    return plain.stored


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A temporary file in the same directory, which is gone afterwards. Hidden, so that nobody takes it for a file."""
    temporary = path.with_name(f".{path.name}.{new_token(size=6)}.part")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[BinaryIO]:
    is_source = mode == "rb"
    try:
        with path.open(mode) as file:
            yield file  # type: ignore[misc]
    except OSError as e:
        verb = "read" if is_source else "write"
        raise StorageError(f"cannot {verb} {path}: {e.strerror or e}", is_retryable=not is_source) from None
