"""RTP packets (RFC 3550 section 5.1), and their numbers without wrap-around."""

from __future__ import annotations

from typing import Final, NamedTuple

from tertulia.recorder.raw.errors import BadPacket

_ONE_BYTE: Final = 0xBEDE
_TWO_BYTES: Final = 0x1000
_FURTHEST_BACK: Final = 3000
"""A sequence number further back than this is not late, the sender began anew (RFC 3550 appendix A.1)."""


class Packet(NamedTuple):
    """What is used of an RTP packet."""

    sequence: int
    timestamp: int
    is_marked: bool
    payload: bytes
    """Without padding; empty in a packet that is padding only."""
    extension: memoryview | None
    """The header extension with its four bytes of profile and length."""


def parse(data: bytes) -> Packet:
    """A packet. Raises :class:`BadPacket`."""
    if len(data) < 12 or data[0] >> 6 != 2:
        raise BadPacket("Not an RTP packet")
    begin, end, extension = 12 + 4 * (data[0] & 15), len(data), None
    if data[0] & 0x10:
        length = 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4])
        extension = memoryview(data)[begin : begin + length]
        begin += length
    if data[0] & 0x20:
        end -= data[-1]
    if begin > end or (extension is not None and len(extension) < 4):
        raise BadPacket("An RTP packet is shorter than it says")
    return Packet(int.from_bytes(data[2:4]), int.from_bytes(data[4:8]), data[1] >= 0x80, data[begin:end], extension)


def find_extension(extension: memoryview, wanted: int) -> int | None:
    """The first byte of a header extension element (RFC 8285), None if it is not there."""
    profile, at = int.from_bytes(extension[:2]), 4
    if profile != _ONE_BYTE and profile & 0xFFF0 != _TWO_BYTES:
        return None
    head = 1 if profile == _ONE_BYTE else 2
    while at + head <= len(extension):
        if extension[at] == 0:
            at += 1
            continue
        number = extension[at] >> 4 if head == 1 else extension[at]
        length = (extension[at] & 15) + 1 if head == 1 else extension[at + 1]
        if number == wanted:
            return extension[at + head] if length and at + head < len(extension) else None
        at += head + length
    return None


class Sequence:
    """Sequence numbers without wrap-around. What comes late counts back, a sender that began anew goes on upwards."""

    def __init__(self) -> None:
        self._last: int | None = None

    def unwrap(self, sequence: int) -> int:
        """The number that it stands for."""
        if self._last is None:
            # So that what comes before the first is not below zero.
            self._last = sequence + 0x10000
            return self._last
        ahead = (sequence - self._last) & 0xFFFF
        if ahead < 0x10000 - _FURTHEST_BACK:
            self._last += ahead
            return self._last
        return self._last + ahead - 0x10000


def near(timestamp: int, expected: int) -> int:
    """The number without wrap-around that an RTP timestamp stands for, nearest to the one expected."""
    return expected + ((timestamp - expected + 0x80000000) & 0xFFFFFFFF) - 0x80000000
