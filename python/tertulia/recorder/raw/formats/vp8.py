"""VP8 (RFC 7741)."""

from __future__ import annotations

from typing import NamedTuple

from tertulia.recorder.raw.errors import BadPayload
from tertulia.recorder.raw.formats.picture import Layer, Picture
from tertulia.recorder.raw.formats.reader import Reader


class _Descriptor(NamedTuple):
    begins: bool
    number: int | None
    layer: Layer | None


class Vp8:
    """The payload format of VP8."""

    def begins(self, payload: bytes) -> bool:
        """S is set, and it is partition 0."""
        return bool(payload) and payload[0] & 0x17 == 0x10

    def join(self, payloads: list[bytes]) -> Picture:
        """The picture of these payloads."""
        first = Reader(payloads[0])
        descriptor = _read_descriptor(first)
        parts = [first.rest()]
        for payload in payloads[1:]:
            reader = Reader(payload)
            _read_descriptor(reader)
            parts.append(reader.rest())
        data = b"".join(parts)
        if not descriptor.begins or not data:
            raise BadPayload("A VP8 picture begins in the middle")
        return Picture(data, not data[0] & 1, descriptor.number, descriptor.layer)


def _read_descriptor(reader: Reader) -> _Descriptor:
    first = reader.byte()
    fields = reader.byte() if first & 0x80 else 0
    number = _read_number(reader) if fields & 0x80 else None
    base = reader.byte() if fields & 0x40 else None
    flags = reader.byte() if fields & 0x30 else 0
    layer = None
    if base is not None and fields & 0x20:
        layer = Layer(flags >> 6, base, bool(flags & 0x20))
    return _Descriptor(first & 0x17 == 0x10, number, layer)


def _read_number(reader: Reader) -> int:
    high = reader.byte()
    return (reader.byte() if high & 0x80 else high) & 0x7F
