"""What raw files hold of flashes and beeps, by the formats' documents alone: nothing of the recorder is used.

MJR00002 as Janus describes it, RTP by RFC 3550, VP8 by RFC 7741, the sidecar by docs/decisions/0015. A sender report
says which moment of the sender's clock an RTP timestamp is; sound and picture of one person are placed on that clock.
"""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av

from tests.integration.recorder.film import loudness, rises

_VIDEO_RATE = 90_000
_LAST_RTP = 1 << 32
_START_OF_PARTITION_0 = 0x10
"""The S bit and the partition index of a VP8 payload descriptor."""


class Packet(NamedTuple):
    """An RTP packet, without header extensions and padding. ``arrived`` is Unix time."""

    arrived: float
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes


class Report(NamedTuple):
    """A sender report: seconds of the sender's clock, and the RTP timestamp of that moment."""

    ntp: float
    rtp: int


def skews(directory: Path, user: str) -> list[float]:
    """By how much each flash that the user sent was captured after the beep next to it."""
    found = []
    for part in _parts(directory):
        light = [it for track in _tracks(part, user, "camera") for it in _light(track)]
        loud = [it for track in _tracks(part, user, "microphone") for it in _loud(track)]
        if light and loud:
            beeps = rises(loud)
            found += [min((flash - beep for beep in beeps), key=abs) for flash in rises(light)]
    return found


def last_arrivals(directory: Path) -> list[float]:
    """When the last packet of each part came, in Unix time; parts in the order in which they began."""
    return [
        max(packet.arrived for file in part.glob("*.mjr") for packet in packets(file)) for part in _parts(directory)
    ]


def packets(path: Path) -> Iterator[Packet]:
    """The packets of an MJR file, as they came; as far as it is whole."""
    data = path.read_bytes()
    assert data.startswith(b"MJR00002")
    (length,) = struct.unpack_from(">H", data, 8)
    began = json.loads(data[10 : 10 + length])["u"] / 1e6
    at = 10 + length
    while at + 10 <= len(data):
        mark, ms, size = struct.unpack_from(">4sIH", data, at)
        assert mark == b"MEET"
        if at + 10 + size <= len(data):
            yield _packet(began + ms / 1e3, data[at + 10 : at + 10 + size])
        at += 10 + size


def _packet(arrived: float, data: bytes) -> Packet:
    sequence, timestamp = struct.unpack_from(">HI", data, 2)
    begin = 12 + 4 * (data[0] & 15)
    if data[0] & 0x10:
        begin += 4 + 4 * struct.unpack_from(">H", data, begin + 2)[0]
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    return Packet(arrived, sequence, timestamp, bool(data[1] & 0x80), data[begin:end])


class _Track(NamedTuple):
    rate: int
    reports: list[Report]
    packets: list[Packet]
    """In order."""

    def second(self, timestamp: int) -> float:
        """The moment of the sender's clock, by the report next to it."""
        report = min(self.reports, key=lambda report: abs(_apart(timestamp, report.rtp, _LAST_RTP)))
        return report.ntp + _apart(timestamp, report.rtp, _LAST_RTP) / self.rate


def _apart(number: int, other: int, modulus: int) -> int:
    return (number - other + modulus // 2) % modulus - modulus // 2


def _parts(directory: Path) -> list[Path]:
    return sorted(sidecar.parent for sidecar in directory.glob("*/part.jsonl"))


def _tracks(part: Path, user: str, source: str) -> Iterator[_Track]:
    lines: list[dict[str, Any]] = [json.loads(line) for line in (part / "part.jsonl").read_bytes().splitlines()]
    peers = {line["peer"] for line in lines if line["t"] == "joined" and line["user"] == user}
    reports = defaultdict(list)
    for line in lines:
        if line["t"] == "report":
            reports[line["track"]].append(Report(line["ntp"] / (1 << 32), line["rtp"]))
    for line in lines:
        if line["t"] == "track" and line["peer"] in peers and line["source"] == source:
            some = [packet for packet in packets(part / line["file"]) if packet.payload]
            if reports[line["track"]] and some:
                assert line["codec"] in {"VP8", "opus"}
                first = some[0].sequence
                some.sort(key=lambda packet: _apart(packet.sequence, first, 1 << 16))
                yield _Track(line["clockRate"], reports[line["track"]], some)


def _light(track: _Track) -> Iterator[tuple[float, float]]:
    """How bright each picture is, and when it was captured: from the first keyframe, and after a loss from the next."""
    decoder = av.CodecContext.create("vp8", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    is_decodable = False
    for timestamp, frame in groupby(track.packets, lambda packet: packet.timestamp):
        data = _whole_frame(list(frame))
        is_decodable = data is not None and (is_decodable or _is_keyframe(data))
        if data is not None and is_decodable:
            for picture in decoder.decode(av.Packet(data)):
                yield track.second(timestamp), float(picture.to_ndarray(format="gray").mean())


def _whole_frame(packets: list[Packet]) -> bytes | None:
    """The frame in these packets; None: a packet is missing (RFC 7741, section 4.2; the marker ends a frame)."""
    first, last = packets[0], packets[-1]
    begins = first.payload[0] & 0x1F == _START_OF_PARTITION_0
    follow = all(_apart(after.sequence, packet.sequence, 1 << 16) == 1 for packet, after in pairwise(packets))
    return b"".join(_vp8(packet.payload) for packet in packets) if begins and follow and last.marker else None


def _is_keyframe(frame: bytes) -> bool:
    """By the P bit (RFC 6386, section 9.1)."""
    return not frame[0] & 1


def _vp8(payload: bytes) -> bytes:
    """Without its payload descriptor (RFC 7741, section 4.2)."""
    begin = 1
    if payload[0] & 0x80:
        extended, begin = payload[1], 2
        if extended & 0x80:
            begin += 2 if payload[begin] & 0x80 else 1
        begin += bool(extended & 0x40) + bool(extended & 0x30)
    return payload[begin:]


def _loud(track: _Track) -> Iterator[tuple[float, float]]:
    """How loud each 5 ms are, and when they were captured."""
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    for packet in track.packets:
        for sound in decoder.decode(av.Packet(packet.payload)):
            yield from loudness(track.second(packet.timestamp), sound)
