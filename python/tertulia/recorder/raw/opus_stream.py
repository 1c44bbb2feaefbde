"""A track of Opus without holes, as a file for players has to be: they play packet after packet.

Its time is counted in samples, and never more than 20 ms off. A packet that is missing becomes one of a single byte,
which a decoder conceals (RFC 6716 section 4.4); where more than 60 ms are missing there is silence. Two quartzes
differ, so now and then there is too much sound, or too little: then a packet is left out or concealed, where it is
quiet as soon as the difference is 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from tertulia.recorder.raw.formats.opus import read_frame_duration
from tertulia.recorder.raw.sample import Sample

RATE: Final = 48_000
_STEP: Final = 960
"""Samples: 20 ms."""
_QUIET_STEP: Final = 480
_QUIET: Final = 60
"""-dBov."""
_MOST_CONCEALED: Final = 2880
_SILENCE: Final = (
    (5760, b"\xfb\x06" + 6 * b"\xff\xfe"),
    (960, b"\xf8\xff\xfe"),
    (480, b"\xf0\xff\xfe"),
    (240, b"\xe8\xff\xfe"),
    (120, b"\xe0\xff\xfe"),
)
"""Packets of silence, from 120 to 2.5 ms (CELT, full band, mono)."""


class Packet(NamedTuple):
    """An Opus packet of a stream without holes."""

    begin: int
    """Samples of 48 kHz since the recording began; where the packet before ends."""
    data: bytes
    length: int
    """Samples of 48 kHz."""


def fill(samples: Iterable[Sample]) -> Iterator[Packet]:
    """The stream from the beginning of the recording to the end of the last sample."""
    at, last = 0, b""
    for sample in samples:
        behind = round(sample.at * RATE) - at
        step = _QUIET_STEP if sample.level is not None and sample.level >= _QUIET else _STEP
        if behind <= -step:
            continue
        if behind >= step:
            for packet in _bridge(at, behind, last):
                yield packet
                at = packet.begin + packet.length
        length = round(sample.duration * RATE)
        yield Packet(at, sample.data, length)
        at, last = at + length, sample.data


def _bridge(at: int, length: int, last: bytes) -> Iterator[Packet]:
    frame = round(read_frame_duration(last) * RATE) if last else 0
    if length <= _MOST_CONCEALED and 0 < frame <= _STEP:
        for number in range(round(length / frame)):
            yield Packet(at + number * frame, bytes([last[0] & 0xFC]), frame)
        return
    for size, data in _SILENCE:
        while length >= size:
            yield Packet(at, data, size)
            at, length = at + size, length - size
