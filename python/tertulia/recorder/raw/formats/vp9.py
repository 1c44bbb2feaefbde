"""VP9 (RFC 9628)."""

from __future__ import annotations

from typing import NamedTuple

from tertulia.recorder.raw.errors import BadPayload
from tertulia.recorder.raw.formats.picture import Layer, Picture
from tertulia.recorder.raw.formats.reader import Reader


class _Descriptor(NamedTuple):
    flags: int
    number: int | None
    spatial: int
    layer: Layer | None

    def is_keyframe(self) -> bool:
        """Not inter-picture predicted, and of the lowest spatial layer."""
        return not self.flags & 0x40 and not self.spatial


class Vp9:
    """The payload format of VP9. Spatial layers of one picture become a superframe (VP9 bitstream, annex B)."""

    def begins(self, payload: bytes) -> bool:
        """The beginning of a frame of the lowest spatial layer."""
        try:
            descriptor = _read_descriptor(Reader(payload))
        except BadPayload:
            return False
        return bool(descriptor.flags & 0x08) and not descriptor.spatial

    def join(self, payloads: list[bytes]) -> Picture:
        """The picture of these payloads."""
        frames: list[list[bytes]] = []
        first: _Descriptor | None = None
        for payload in payloads:
            reader = Reader(payload)
            descriptor = _read_descriptor(reader)
            first = first or descriptor
            if descriptor.flags & 0x08:
                frames.append([])
            if not frames:
                raise BadPayload("A VP9 picture begins in the middle")
            frames[-1].append(reader.rest())
        if first is None:
            raise BadPayload("A VP9 picture without a packet")
        data = _join_frames([b"".join(frame) for frame in frames])
        return Picture(data, first.is_keyframe(), first.number, first.layer)


def _join_frames(frames: list[bytes]) -> bytes:
    if len(frames) == 1:
        return frames[0]
    if len(frames) > 8:
        raise BadPayload("A VP9 picture has more than eight layers")
    size = max(1, (max(map(len, frames)).bit_length() + 7) // 8)
    marker = bytes([0xC0 | (size - 1) << 3 | len(frames) - 1])
    index = b"".join(len(frame).to_bytes(size, "little") for frame in frames)
    return b"".join([*frames, marker, index, marker])


def _read_descriptor(reader: Reader) -> _Descriptor:
    flags = reader.byte()
    number = _read_number(reader) if flags & 0x80 else None
    spatial, layer = 0, None
    if flags & 0x20:
        indices = reader.byte()
        spatial = indices >> 1 & 7
        if not flags & 0x10:
            layer = Layer(indices >> 5, reader.byte(), bool(indices & 0x10))
    if flags & 0x50 == 0x50:
        _skip_references(reader)
    if flags & 0x02:
        _skip_structure(reader)
    return _Descriptor(flags, number, spatial, layer)


def _read_number(reader: Reader) -> int:
    high = reader.byte()
    return (reader.byte() if high & 0x80 else high) & 0x7F


def _skip_references(reader: Reader) -> None:
    for _ in range(3):
        if not reader.byte() & 1:
            return
    raise BadPayload("A VP9 picture has more than three references")


def _skip_structure(reader: Reader) -> None:
    head = reader.byte()
    if head & 0x10:
        reader.take(4 * ((head >> 5) + 1))
    if head & 0x08:
        for _ in range(reader.byte()):
            reader.take(reader.byte() >> 2 & 3)
