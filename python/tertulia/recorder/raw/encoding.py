"""A video track into a file, encoded anew: upright, and of one size."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import av
from av.container import OutputContainer
from av.filter import Graph
from av.video.stream import VideoStream

from tertulia.recorder.raw.decoding import Decoder
from tertulia.recorder.raw.errors import Unplayable
from tertulia.recorder.raw.muxing import VIDEO_RATE, FileFormat, format_of, open_output
from tertulia.recorder.raw.recording import Span, Track

_ENCODERS: Final[dict[FileFormat, tuple[str, dict[str, str]]]] = {
    "mp4": ("libx264", {"preset": "veryfast", "crf": "23", "tune": "zerolatency"}),
    "webm": ("libvpx", {"deadline": "realtime", "cpu-used": "6", "crf": "12", "b": "2000000", "lag-in-frames": "0"}),
}
_TURNS: Final[dict[int, list[tuple[str, str | None]]]] = {
    0: [],
    90: [("transpose", "clock")],
    180: [("hflip", None), ("vflip", None)],
    270: [("transpose", "cclock")],
}
"""By how much a picture is to be turned clockwise: by which filters."""
_RATE: Final = 30
_KEYFRAME_EVERY: Final = 300
"""Pictures: to seek, one decodes so many at most."""
_MOST_PIXELS: Final = 2560 * 1440
"""Of the file's pictures. One that is larger may come among hours of small ones, all of which it makes as large."""


def encode_video(track: Track, path: Path) -> Span:
    """Returns where on the timeline it is."""
    size = fit_size(*_largest(track))
    begins, end = 0.0, -1
    upright: av.VideoFrame | None = None
    with open_output(path, track.codec) as output:
        stream = _add_stream(output, format_of(track.codec), size)
        decoder, canvas = Decoder(track.codec), _Canvas(size)
        for sample in track.samples():
            for frame in decoder.decode(sample.data):
                if sample.is_hidden:
                    continue
                begins = sample.at if upright is None else begins
                upright = canvas.fit(frame, sample.rotation)
                end = max(round((sample.at - begins) * VIDEO_RATE), end + 1)
                upright.pts, upright.time_base = end, Fraction(1, VIDEO_RATE)
                output.mux(stream.encode(upright))
        if upright is not None and (last := round((track.spans[-1].end - begins - 1 / _RATE) * VIDEO_RATE)) > end:
            # So that the last picture stands as long as it did.
            upright.pts = end = last
            output.mux(stream.encode(upright))
        output.mux(stream.encode(None))
        if upright is None:
            raise Unplayable(f"{track.name}'s {track.source} has no picture that can be decoded")
    return Span(begins, begins + end / VIDEO_RATE + 1 / _RATE)


class _Canvas:
    """Turns and scales pictures to one size, without changing their proportions."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._kind: tuple[int, int, int] | None = None
        self._graph = Graph()

    def fit(self, frame: av.VideoFrame, rotation: int) -> av.VideoFrame:
        kind = (frame.width, frame.height, rotation)
        if kind != self._kind:
            self._kind, self._graph = kind, self._make(frame, rotation)
        self._graph.push(frame)
        return cast("av.VideoFrame", self._graph.pull())

    def _make(self, frame: av.VideoFrame, rotation: int) -> Graph:
        width, height = self._size
        graph = Graph()
        last = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, VIDEO_RATE)
        )
        steps = [
            *_TURNS[rotation],
            ("scale", f"{width}:{height}:force_original_aspect_ratio=decrease"),
            ("pad", f"{width}:{height}:(ow-iw)/2:(oh-ih)/2"),
            ("format", "yuv420p"),
            ("buffersink", None),
        ]
        for name, arguments in steps:
            following = graph.add(name, arguments)
            last.link_to(following)
            last = following
        graph.configure()
        return graph


def _largest(track: Track) -> tuple[int, int]:
    """The size of the largest keyframe, upright."""
    width = height = 0
    decoder = Decoder(track.codec)
    for sample in track.samples():
        if sample.is_keyframe:
            for frame in decoder.decode(sample.data):
                turned = sample.rotation in {90, 270}
                width = max(width, frame.height if turned else frame.width)
                height = max(height, frame.width if turned else frame.height)
    if not width:
        raise Unplayable(f"{track.name}'s {track.source} has no keyframe that can be decoded")
    return width, height


def fit_size(width: int, height: int) -> tuple[int, int]:
    """A size of the same proportions that may be encoded, in even numbers."""
    scale = min(1.0, math.sqrt(_MOST_PIXELS / (width * height)))
    return 2 * math.ceil(scale * width / 2), 2 * math.ceil(scale * height / 2)


def _add_stream(output: OutputContainer, format: FileFormat, size: tuple[int, int]) -> VideoStream:
    name, options = _ENCODERS[format]
    stream = cast("VideoStream", output.add_stream(name, rate=_RATE, options=options))
    stream.width, stream.height = size
    stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, VIDEO_RATE)
    stream.codec_context.time_base, stream.codec_context.gop_size = Fraction(1, VIDEO_RATE), _KEYFRAME_EVERY
    return stream
