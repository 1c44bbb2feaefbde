"""One MP4 file out of the segments and the sound, without encoding anything again."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av import Packet
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from tertulia.recorder.film.format import AAC_PRIMING, SAMPLE_TIME, SEGMENT_SECONDS


class Unjoinable(Exception):
    """Segments that were encoded in different ways."""


def join(segments: Sequence[Path], sound: Path, out: Path, report: Callable[[float], None]) -> None:
    """Write ``out``, its index first (so that a player can begin before it has everything). ``report`` hears what part
    of the segments is in it.

    The sound begins ``AAC_PRIMING`` samples early: the muxer writes an edit list that makes players skip them.
    """
    with (
        av.open(out, "w", format="mp4", options={"movflags": "faststart"}) as film,
        av.open(segments[0]) as first,
        av.open(sound, options={"ignore_editlist": "1"}) as sounds,
    ):
        video = film.add_stream_from_template(first.streams.video[0])
        audio = film.add_stream_from_template(sounds.streams.audio[0])
        extradata = first.streams.video[0].codec_context.extradata
        for packet in heapq.merge(
            _of_segments(segments, video, extradata, report),
            _moved(sounds.demux(audio=0), audio, -AAC_PRIMING * SAMPLE_TIME),
            key=_time,
        ):
            film.mux(packet)


def _of_segments(
    segments: Sequence[Path], video: VideoStream, extradata: bytes | None, report: Callable[[float], None]
) -> Iterator[Packet[Any]]:
    for number, path in enumerate(segments):
        with av.open(path) as segment:
            if segment.streams.video[0].codec_context.extradata != extradata:
                raise Unjoinable(f"{path.name} was encoded in another way than {segments[0].name}: remove both")
            yield from _moved(segment.demux(video=0), video, Fraction(number * SEGMENT_SECONDS))
        report((number + 1) / len(segments))


def _moved(packets: Iterator[Packet[Any]], stream: VideoStream | AudioStream, by: Fraction) -> Iterator[Packet[Any]]:
    """The packets for another stream, later by so many seconds."""
    for packet in packets:
        if packet.dts is None or packet.pts is None or packet.time_base is None:
            continue  # the end of a file
        shift = round(by / packet.time_base)
        packet.pts += shift
        packet.dts += shift
        packet.stream = stream
        yield packet


def _time(packet: Packet[Any]) -> Fraction:
    return Fraction(packet.dts or 0) * (packet.time_base or 0)
