"""MJR files of version 2, as Janus and our SFU write them: RTP packets with the time of their arrival.

A file is ``MJR00002``, a 16-bit length and so much JSON (the header), then for each packet ``MEET``, 32 bits of
milliseconds since the first packet, a 16-bit length and the packet. All numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct

from tertulia.recorder.raw.errors import BadMjr

_MAGIC: Final = b"MJR00002"
_FRAME: Final = struct.Struct(">4sIH")
_CHUNK: Final = 1 << 20
AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
VIDEO_ORIENTATION: Final = "urn:3gpp:video-orientation"


class Header(Struct, frozen=True):
    """What an MJR file says of itself; only what is used here."""

    first_packet: Annotated[int, Meta(ge=0, le=1 << 53)] = msgspec.field(name="u")
    """Unix microseconds."""
    extensions: dict[str, str] = msgspec.field(name="x", default_factory=dict)
    """URIs of header extensions by their ids."""

    def extension(self, uri: str) -> int | None:
        """The id of an extension in this file's packets."""
        return next((number for number in range(1, 256) if self.extensions.get(str(number)) == uri), None)


class Arrived(NamedTuple):
    """A packet of a file."""

    at: int
    """When it arrived, in Unix milliseconds."""
    data: bytes


_decoder: Final = msgspec.json.Decoder(Header)


def read_header(path: Path) -> Header | None:
    """The header of a file; None if the file ends before its end.

    Raises :class:`BadMjr` for what is no MJR file of version 2.
    """
    with path.open("rb") as file:
        return _read_header(file)


def read_packets(path: Path) -> Iterator[Arrived]:
    """The packets of a file, as long as they are whole and follow each other.

    Raises :class:`BadMjr` for what is no MJR file of version 2.
    """
    with path.open("rb") as file:
        header = _read_header(file)
        if header is not None:
            yield from _read_frames(file, header.first_packet // 1000)


def _read_header(file: BinaryIO) -> Header | None:
    magic = file.read(len(_MAGIC))
    if not _MAGIC.startswith(magic):
        raise BadMjr("Not an MJR file of version 2")
    length = int.from_bytes(file.read(2))
    text = file.read(length)
    if len(magic) < len(_MAGIC) or not length or len(text) < length:
        return None
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMjr(f"The header of an MJR file is wrong: {error}") from error


def _read_frames(file: BinaryIO, first: int) -> Iterator[Arrived]:
    rest = b""
    while chunk := file.read(_CHUNK):
        buffer, begin = rest + chunk, 0
        while begin + _FRAME.size <= len(buffer):
            magic, offset, length = _FRAME.unpack_from(buffer, begin)
            if magic != b"MEET":
                return
            end = begin + _FRAME.size + length
            if end > len(buffer):
                break
            yield Arrived(first + offset, buffer[begin + _FRAME.size : end])
            begin = end
        rest = buffer[begin:]
