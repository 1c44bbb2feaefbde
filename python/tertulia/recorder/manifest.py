"""``raw/parts.json`` in storage: the raw files of a recording that are stored. It is stored last."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from tertulia.recorder.place import RawFile

PATH: Final = "raw/parts.json"
"""Where it is, within the directory of the recording in storage."""


class StoredFile(Struct, frozen=True):
    """A raw file that is stored, at ``raw/{part}/{name}``."""

    part: str
    name: str
    size: int
    sha256: str

    @property
    def path(self) -> str:
        """Where it is, within the directory of the recording in storage."""
        return raw_path(self.part, self.name)

    @property
    def raw(self) -> RawFile:
        """The file it is a copy of."""
        return RawFile(self.part, self.name, self.size)


def raw_path(part: str, name: str) -> str:
    """Where a raw file is, within the directory of the recording in storage."""
    return f"raw/{part}/{name}"


class Manifest(Struct, frozen=True):
    """All raw files of a recording."""

    files: tuple[StoredFile, ...]

    def encode(self) -> bytes:
        """As JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def decode(data: bytes) -> Manifest:
    """From JSON.

    Raises:
        ValueError: it is no manifest, or it names files outside the recording.
    """
    manifest = msgspec.json.decode(data, type=Manifest)
    for file in manifest.files:
        for name in (file.part, file.name):
            if name in ("", ".", "..") or "/" in name:
                raise ValueError(f"{name!r} is no name of a raw file")
    return manifest
