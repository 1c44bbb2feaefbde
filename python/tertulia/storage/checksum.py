"""Size and SHA-256 of what is stored."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

_PIECE: Final = 1 << 20


class Stored(NamedTuple):
    """What is stored under a key, as it was read from there; or a file that is to be stored."""

    size: int
    """Bytes."""
    sha256: str
    """In hex."""


class Checksum:
    """Of bytes that pass by."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size = 0

    def add(self, data: bytes | memoryview) -> None:
        """These have passed."""
        self._digest.update(data)
        self._size += len(data)

    @property
    def stored(self) -> Stored:
        """What has passed so far."""
        return Stored(self._size, self._digest.hexdigest())


def checksum_of(path: Path) -> Stored:
    """Of a file.

    Raises:
        OSError
    """
    checksum = Checksum()
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            checksum.add(data)
    return checksum.stored
