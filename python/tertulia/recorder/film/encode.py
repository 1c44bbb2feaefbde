"""Encoders: the picture as H.264, the sound as AAC, each in a file that appears under its name when it is whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
from av import AudioFrame, VideoFrame
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from tertulia.process.cores import cores
from tertulia.recorder.film.format import (
    FPS,
    FRAME_TIME,
    HEIGHT,
    KEYFRAME_FRAMES,
    SAMPLE_RATE,
    SAMPLE_TIME,
    SOUND_BIT_RATE,
    WIDTH,
)
from tertulia.recorder.film.sound import Pcm

ENCODERS: dict[str, dict[str, str]] = {
    # Measured with four people of 360p: superfast has half the bits of ultrafast; veryfast would take a fifth more of
    # all the work. No B-frames, so that a frame's time is its place in the file. We know the cuts ourselves.
    "libx264": {
        "preset": "superfast",
        "crf": "25",
        "bf": "0",
        "forced-idr": "1",
        "x264-params": "scenecut=0:weightp=0:subme=0",
    },
    # Of builds of FFmpeg without x264. It has no constant quality.
    "libopenh264": {"b": "1500000", "rc_mode": "bitrate", "allow_skip_frames": "0"},
}
MOST_THREADS = 4
"""More gain little at this size."""


class NoEncoder(Exception):
    """This build of FFmpeg cannot write H.264."""


def video_encoder(available: Iterable[str] = av.codecs_available) -> str:
    """The first of our encoders that there is."""
    for name in ENCODERS:
        if name in available:
            return name
    raise NoEncoder(f"PyAV has no H.264 encoder ({' or '.join(ENCODERS)}): install its wheel from PyPI")


def threads() -> int:
    """For the encoder: one core is left to what else runs here, where there is more than one."""
    return max(1, min(MOST_THREADS, int(cores()) - 1))


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write, which gets its name when it is whole and on the disk; on an error it is gone.

    Its name until then is nobody else's: of two workers that make the same file, each makes its own.
    """
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial{path.suffix}")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class SegmentWriter:
    """Writes frames of the film from frame ``first`` on. A frame lasts until the next one."""

    def __init__(self, path: Path, first: int) -> None:
        self._first = first
        self._container = av.open(path, "w", format="mp4")
        name = video_encoder()
        stream = cast("VideoStream", self._container.add_stream(name, FPS, ENCODERS[name]))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = stream.codec_context
        context.time_base = FRAME_TIME
        context.gop_size = KEYFRAME_FRAMES
        context.thread_count = threads()
        # What WebRTC's cameras are.
        context.colorspace, context.color_range = Colorspace.ITU601, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        self._stream = stream

    def write(self, frame: VideoFrame, number: int, *, is_keyframe: bool) -> None:
        """``number`` counts from the beginning of the film."""
        frame.pts = number - self._first
        frame.time_base = FRAME_TIME
        frame.pict_type = PictureType.I if is_keyframe else PictureType.NONE
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()


def write_sound(path: Path, chunks: Iterable[Pcm]) -> None:
    """The whole sound, from its first sample on; the encoder puts ``AAC_PRIMING`` samples before it."""
    with av.open(path, "w", format="mp4", options={"use_editlist": "0"}) as container:
        # The fast coder takes less than half the time of the default one, at the same bit rate.
        stream = container.add_stream("aac", SAMPLE_RATE, {"aac_coder": "fast"})
        stream.bit_rate, stream.layout, stream.format = SOUND_BIT_RATE, "stereo", "fltp"
        written = 0
        for chunk in chunks:
            frame = AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
            frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, SAMPLE_TIME, written
            written += frame.samples
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
