"""Encoded frames into RTP payloads, as a browser makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tertulia.recorder.raw.recording import Codec

_MOST: Final = 400
"""Bytes in a payload: little, so that small pictures are in pieces, too."""


def _pieces(data: bytes, most: int = _MOST) -> list[bytes]:
    return [data[at : at + most] for at in range(0, len(data), most)]


def opus(data: bytes, number: int, *, is_keyframe: bool) -> list[bytes]:
    """RFC 7587."""
    return [data]


def vp8(data: bytes, number: int, *, is_keyframe: bool) -> list[bytes]:
    """RFC 7741, with a picture id of 15 bits."""
    id_ = (0x8000 | number & 0x7FFF).to_bytes(2)
    return [bytes([0x90 if not i else 0x80, 0x80]) + id_ + piece for i, piece in enumerate(_pieces(data))]


def vp9(data: bytes, number: int, *, is_keyframe: bool) -> list[bytes]:
    """RFC 9628, not flexible, one layer."""
    pieces, id_ = _pieces(data), (0x8000 | number & 0x7FFF).to_bytes(2)
    heads = [
        0x80 | (0 if is_keyframe else 0x40) | (0x08 if not i else 0) | (0x04 if i == len(pieces) - 1 else 0)
        for i in range(len(pieces))
    ]
    return [bytes([head]) + id_ + piece for head, piece in zip(heads, pieces, strict=True)]


def h264(data: bytes, number: int, *, is_keyframe: bool) -> list[bytes]:
    """RFC 6184, mode 1: parameter sets in STAP-A, slices alone or in FU-A."""
    units = [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    sets = [unit for unit in units if unit[0] & 31 in {7, 8}]
    payloads = [b"\x78" + b"".join(len(unit).to_bytes(2) + unit for unit in sets)] if sets else []
    for unit in units:
        if unit[0] & 31 in {7, 8}:
            continue
        if len(unit) <= _MOST:
            payloads.append(unit)
            continue
        pieces = _pieces(unit[1:])
        for i, piece in enumerate(pieces):
            flags = (0x80 if not i else 0) | (0x40 if i == len(pieces) - 1 else 0)
            payloads.append(bytes([unit[0] & 0xE0 | 28, flags | unit[0] & 31]) + piece)
    return payloads


def av1(data: bytes, number: int, *, is_keyframe: bool) -> list[bytes]:
    """RTP Payload Format For AV1: OBUs without delimiter and sizes, one element a packet."""
    pieces: list[tuple[bytes, bool, bool]] = []
    for unit in _obus(data):
        parts = _pieces(unit)
        pieces += [(part, bool(i), i < len(parts) - 1) for i, part in enumerate(parts)]
    return [
        bytes([(0x80 if continues else 0) | (0x40 if goes_on else 0) | 0x10 | (0x08 if is_keyframe and not i else 0)])
        + piece
        for i, (piece, continues, goes_on) in enumerate(pieces)
    ]


def _obus(data: bytes) -> list[bytes]:
    units, at = [], 0
    while at < len(data):
        head, begin = data[at], at
        at += 2 if head & 4 else 1
        extension = data[begin + 1 : at]
        size, shift = 0, 0
        while True:
            byte = data[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        if head >> 3 & 15 != 2:
            units.append(bytes([head & ~2]) + extension + data[at : at + size])
        at += size
    return units


Packetizer = Callable[..., list[bytes]]
PACKETIZERS: Final[dict[Codec, Packetizer]] = {"opus": opus, "VP8": vp8, "VP9": vp9, "H264": h264, "AV1": av1}
