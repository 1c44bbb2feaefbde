"""What is made of a recording, and what the process that makes it says. Paths are relative to the work directory."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from tertulia.contract.fields import Source
from tertulia.ids import UserId
from tertulia.recorder.place import RawFile


class File(Struct, frozen=True):
    """A file that can be played. ``begins``: the Unix time in seconds of its first moment; ``duration`` in seconds."""

    path: str
    begins: float
    duration: float


class TrackFile(Struct, frozen=True):
    """The file of one track, and whose it is."""

    file: File
    user_id: UserId
    user_name: str
    source: Source


class Films(Struct, frozen=True):
    """The composite, and the files of the tracks. ``trouble``: what of the recording was lost, in words. ``raw``: the
    files that there were when they were read; those that turn up later are in another film."""

    composite: File
    tracks: tuple[TrackFile, ...]
    trouble: tuple[str, ...] = ()
    raw: tuple[RawFile, ...] = ()


class Fraction(Struct, frozen=True, tag="fraction"):
    """So much is done, 0 to 1."""

    done: float


class Alive(Struct, frozen=True, tag="alive"):
    """It gets on, by less than a fraction could say: it reads a long recording, or encodes a long track."""


class Finished(Struct, frozen=True, tag="finished"):
    """All is made, and ``list`` is the file with the :class:`Films`, of which there may be many."""

    list: str


class Nothing(Struct, frozen=True, tag="nothing"):
    """There is nothing that can be played: ``reason`` says why."""

    reason: str


class Broken(Struct, frozen=True, tag="broken"):
    """It failed. ``is_disk``: for want of space on the disk, or because the disk fails."""

    error: str
    is_disk: bool


Said = Fraction | Alive | Finished | Nothing | Broken
"""One line on the standard output of the process, as JSON. It is short: long lines are cut (``tertulia.process``)."""


def read_films(path: Path) -> Films:
    """The films that a list names.

    Raises:
        OSError
        ValueError: it is no such list; another version may have written it.
    """
    return msgspec.json.decode(path.read_bytes(), type=Films)
