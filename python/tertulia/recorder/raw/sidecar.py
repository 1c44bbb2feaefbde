"""``part.jsonl``: what happened in a part of a recording, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from tertulia.recorder.raw.errors import BadSidecar
from tertulia.recorder.raw.sample import Codec, Kind, Source

FILE: Final = "part.jsonl"
_LONGEST_LINE: Final = 1 << 18
Micros = Annotated[int, Meta(ge=0, le=1 << 53)]
Number = Annotated[int, Meta(ge=0, lt=1 << 32)]


class _Line(Struct, frozen=True, tag_field="t", rename="camel", kw_only=True):
    at: Micros
    """Microseconds since the part began."""


class Part(_Line, frozen=True, tag="part"):
    """The first line."""

    version: Literal[1]
    recording: str
    room: str
    node: str
    wall: Micros
    """Unix microseconds at ``at`` 0."""


class Joined(_Line, frozen=True, tag="joined"):
    """A person who is recorded is there."""

    peer: Number
    user: str
    name: str


class Left(_Line, frozen=True, tag="left"):
    """And gone."""

    peer: Number


class Renamed(_Line, frozen=True, tag="renamed"):
    """A person who is recorded has another name."""

    peer: Number
    name: str


class TrackBegan(_Line, frozen=True, tag="track"):
    """A file begins."""

    track: Number
    peer: Number
    source: Source
    kind: Kind
    codec: Codec
    clock_rate: Annotated[int, Meta(ge=1, le=1_000_000)]
    ssrc: Number
    file: Annotated[str, Meta(pattern="^[^/]+$", max_length=255)]
    """Its name, in the directory of the part."""
    channels: int | None = None
    fmtp: str = ""


class Report(_Line, frozen=True, tag="report"):
    """A sender report (RFC 3550 section 6.4.1)."""

    track: Number
    ntp: Annotated[int, Meta(ge=0)]
    """Seconds since 1900 in the upper 32 bits, fractions in the lower."""
    rtp: Number


class Paused(_Line, frozen=True, tag="paused"):
    """Its user muted it, or switched the camera off."""

    track: Number


class Resumed(_Line, frozen=True, tag="resumed"):
    """And on again."""

    track: Number


class Ended(_Line, frozen=True, tag="ended"):
    """Nothing more comes in its file."""

    track: Number


class Gap(_Line, frozen=True, tag="gap"):
    """So many packets were left out."""

    track: Number
    lost: Number


class Speakers(_Line, frozen=True, tag="speakers"):
    """Who speaks, loudest first."""

    users: list[str]


class End(_Line, frozen=True, tag="end"):
    """The part is whole."""

    reason: str


class Wrong(Struct, frozen=True):
    """A line that says nothing, because it is not as it should be."""


Line = Part | Joined | Renamed | Left | TrackBegan | Report | Paused | Resumed | Ended | Gap | Speakers | End


class _Tag(Struct):
    t: str


_line: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)
_tag: Final = msgspec.json.Decoder(_Tag)
_KNOWN: Final = {line.__struct_config__.tag for line in Line.__args__}


def read_lines(path: Path) -> Iterator[Line | Wrong]:
    """The lines of a sidecar, up to one that is no JSON: there it was cut off. Kinds that we do not know are passed
    over.

    The first is a :class:`Part`. Nothing comes of a file that was cut off within its first line. Raises
    :class:`BadSidecar` if it begins with anything else.
    """
    with path.open("rb") as file:
        line = file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
            return
        first = _decode(line)
        if not isinstance(first, Part):
            raise BadSidecar("A sidecar has to begin with a part of version 1")
        yield first
        while (line := file.readline(_LONGEST_LINE)).endswith(b"\n"):
            decoded = _decode(line)
            if decoded is not None:
                yield decoded
            elif not _is_json(line):
                return
            elif not _is_of_unknown_kind(line):
                yield Wrong()


def _decode(line: bytes) -> Line | None:
    try:
        return _line.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_of_unknown_kind(line: bytes) -> bool:
    try:
        return _tag.decode(line).t not in _KNOWN
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
