"""What every storage can do."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tertulia.storage.checksum import Stored


class OpenFile(Protocol):
    """Something stored, as it was when it was opened, whatever is stored under its key meanwhile. To be closed."""

    size: int
    """Bytes."""
    changed_ns: int
    """When it was stored, in nanoseconds since the Unix epoch."""

    async def read(self, begin: int, size: int) -> bytes:
        """``size`` bytes from ``begin`` on, fewer at its end.

        Raises:
            StorageError: among others, it has been replaced or deleted since.
        """

    def close(self) -> None:
        """Close it. May be called again."""


class Storage(Protocol):
    """Everything may raise StorageError, and each step of it has a deadline."""

    async def put_file(self, path: Path, key: str) -> Stored:
        """Store a file, and read back what is stored. May be repeated; who is cancelled leaves nothing behind.

        Raises:
            StorageError: among others, what is stored is not what was sent.
        """

    async def get_file(self, key: str, path: Path) -> Stored:
        """Write what is stored to ``path``, which is there afterwards as a whole or not at all."""

    async def size(self, key: str) -> int | None:
        """How many bytes are stored under ``key``; None: nothing is."""

    async def open_file(self, key: str) -> OpenFile | None:
        """What is stored under ``key``, to be read in parts; None: nothing is."""

    async def delete(self, key: str) -> None:
        """Delete what is stored under ``key``, if anything is."""

    async def delete_prefix(self, prefix: str) -> None:
        """Delete everything whose key begins with ``prefix``, which ends with a slash."""

    async def sweep(self) -> None:
        """Remove what was left by processes that were killed a day ago or earlier while they stored something."""

    async def sign(self, key: str, seconds: int) -> str | None:
        """An address at which anybody can read it for so long; None: this storage has no address of its own."""
