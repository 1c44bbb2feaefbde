"""Putting packets into files, for players that seek: WebM with its cues, and MP4 with its index, at the beginning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
from av.container import OutputContainer
from av.stream import Stream

from tertulia.recorder.raw.opus_stream import RATE, fill
from tertulia.recorder.raw.recording import Codec, Span, Track

FileFormat = Literal["webm", "mp4"]
_OPTIONS: Final[dict[FileFormat, dict[str, str]]] = {
    "webm": {"cues_to_front": "1"},
    "mp4": {"movflags": "faststart"},
}
_PRE_SKIP: Final = 312
"""Samples of 48 kHz by which an Opus encoder is behind (RFC 7845 section 4.2): what libopus says, and WebRTC uses."""
VIDEO_RATE: Final = 90_000


def format_of(codec: Codec) -> FileFormat:
    """The format of a file with this codec."""
    return "mp4" if codec == "H264" else "webm"


@contextmanager
def open_output(path: Path, codec: Codec) -> Iterator[OutputContainer]:
    """A new file for a track of this codec."""
    wanted = format_of(codec)
    with av.open(path, "w", format=wanted, options=_OPTIONS[wanted]) as output:
        yield output


def put(
    output: OutputContainer, stream: Stream, data: bytes, at: int, length: int, rate: int, *, is_keyframe: bool
) -> None:
    """A packet, in units of ``1 / rate`` seconds."""
    packet: av.Packet[Stream] = av.Packet(data)
    packet.stream, packet.time_base = stream, Fraction(1, rate)
    packet.pts = packet.dts = at
    packet.duration, packet.is_keyframe = length, is_keyframe
    output.mux(packet)


def write_sound(track: Track, path: Path) -> Span:
    """A track of Opus as WebM. Returns where on the timeline it is."""
    end = 0
    with open_output(path, track.codec) as output:
        # An encoder that encodes nothing: it has the header that Opus needs.
        stream = output.add_stream("libopus", rate=RATE, layout="stereo", options={"application": "voip"})
        for packet in fill(track.samples()):
            put(output, stream, packet.data, packet.begin - _PRE_SKIP, packet.length, RATE, is_keyframe=True)
            end = packet.begin + packet.length
    return Span(0.0, end / RATE)
