"""AV1 (RTP Payload Format For AV1, version 1.0)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tertulia.recorder.raw.errors import BadPayload
from tertulia.recorder.raw.formats.picture import Picture
from tertulia.recorder.raw.formats.reader import Reader

_SEQUENCE_HEADER: Final = 1
_DROPPED: Final = {2, 8, 15}
"""Temporal delimiters, tile lists and padding."""
_DELIMITER: Final = bytes([0x12, 0])


class Av1:
    """The payload format of AV1."""

    def begins(self, payload: bytes) -> bool:
        """Its first element continues no other."""
        return bool(payload) and payload[0] < 0x80

    def join(self, payloads: list[bytes]) -> Picture:
        """The temporal unit of these payloads, as OBUs with sizes, a temporal delimiter first."""
        units = [unit for unit in _read_units(payloads) if unit[0] >> 3 & 15 not in _DROPPED]
        if not units:
            raise BadPayload("An AV1 temporal unit without an OBU")
        is_keyframe = bool(payloads[0][0] & 0x08) and any(unit[0] >> 3 & 15 == _SEQUENCE_HEADER for unit in units)
        return Picture(b"".join([_DELIMITER, *map(_with_size, units)]), is_keyframe)


def _read_units(payloads: list[bytes]) -> Iterator[bytes]:
    fragments: list[bytes] = []
    for payload in payloads:
        reader = Reader(payload)
        head = reader.byte()
        if bool(head & 0x80) != bool(fragments):
            raise BadPayload("A fragmented OBU has no beginning or no end")
        elements = _read_elements(reader, head >> 4 & 3)
        for element in elements[:-1]:
            yield from _close(fragments, element)
        if head & 0x40:
            fragments.append(elements[-1])
        else:
            yield from _close(fragments, elements[-1])
    if fragments:
        raise BadPayload("A fragmented OBU has no end")


def _close(fragments: list[bytes], last: bytes) -> Iterator[bytes]:
    unit = b"".join([*fragments, last])
    fragments.clear()
    if unit:
        yield unit


def _read_elements(reader: Reader, count: int) -> list[bytes]:
    elements: list[bytes] = []
    while reader and (not count or len(elements) < count):
        is_last = bool(count) and len(elements) == count - 1
        elements.append(reader.rest() if is_last else reader.take(reader.leb128()))
    if not elements or (count and (len(elements) < count or reader)):
        raise BadPayload("An AV1 packet has fewer elements than it says")
    return elements


def _with_size(unit: bytes) -> bytes:
    if unit[0] & 0x02:
        return unit
    head = 2 if unit[0] & 0x04 else 1
    if len(unit) < head:
        raise BadPayload("An OBU is too short")
    return b"".join([bytes([unit[0] | 0x02]), unit[1:head], _leb128(len(unit) - head), unit[head:]])


def _leb128(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
