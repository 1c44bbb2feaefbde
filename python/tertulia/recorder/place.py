"""Where a recording is on disk: ``{recordings}/{id}/``, with a directory for each part, and ``work/``."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tertulia.ids import RecordingId

SIDECAR: Final = "part.jsonl"
"""The file that makes a directory a part. Its writer holds a lock on it until the part is whole."""
WORK: Final = "work"
"""What is made, and what it is made from."""
MJR: Final = ".mjr"
_MAGIC: Final = b"MJR00002"
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class RawFile(NamedTuple):
    """A file of a part."""

    part: str
    name: str
    size: int


class Place:
    """The directory of one recording, which need not exist."""

    def __init__(self, recordings: Path, recording_id: str) -> None:
        self.path = recordings / recording_id

    @property
    def work(self) -> Path:
        """Where its film is made."""
        return self.path / WORK

    def parts(self) -> list[Path]:
        """The directories of its parts, in the order in which they began."""
        return sorted(sidecar.parent for sidecar in self.path.glob(f"*/{SIDECAR}"))

    def raw_files(self) -> list[RawFile]:
        """The files of all parts."""
        return [
            RawFile(part.name, file.name, file.stat().st_size)
            for part in self.parts()
            for file in sorted(part.iterdir())
            if file.is_file() and not file.name.startswith(".")  # one that is being downloaded
        ]

    def is_being_written(self) -> bool:
        """Whether a part has a writer that is alive, on any machine that shares the directory."""
        return any(_is_locked(part / SIDECAR) for part in self.parts())

    def has_media(self, but: Collection[RawFile] = ()) -> bool:
        """Whether there is a packet in any file, leaving out those in ``but``."""
        return any(
            file.name.endswith(MJR) and file not in but and _has_packet(self.path / file.part / file.name)
            for file in self.raw_files()
        )

    def remove(self) -> None:
        """Remove everything. May be called again.

        Raises:
            OSError: something could not be removed.
        """
        if self.path.exists():
            shutil.rmtree(self.path)


def places(recordings: Path) -> Iterator[RecordingId]:
    """The recordings that have a directory. Others may have theirs beside them: a file system its ``lost+found``."""
    if recordings.is_dir():
        names = (entry.name for entry in os.scandir(recordings) if entry.is_dir())
        yield from (RecordingId(name) for name in names if _UUID.fullmatch(name))


def _is_locked(path: Path) -> bool:
    # A shared lock needs no right to write, neither here nor on NFS.
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _has_packet(path: Path) -> bool:
    """Whether something follows the header of an MJR file: the magic, the length of the JSON in 16 bits, the JSON."""
    with path.open("rb") as file:
        head = file.read(len(_MAGIC) + 2)
    if not head.startswith(_MAGIC):
        return bool(head)
    return path.stat().st_size > len(head) + int.from_bytes(head[len(_MAGIC) :], "big")
