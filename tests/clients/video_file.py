"""A real video file: VP8 and Opus in WebM, a moving test picture and a tone."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.filter import Graph

WIDTH, HEIGHT, FRAMES_PER_SECOND = 320, 240, 15
TONE_HZ, SAMPLE_RATE, SAMPLES = 440, 48_000, 960


def write_video(path: Path, seconds: int = 4) -> Path:
    """Write the file and give its path."""
    with av.open(str(path), "w", format="webm") as file:
        video = file.add_stream("libvpx", rate=FRAMES_PER_SECOND)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {"deadline": "realtime", "cpu-used": "8"}
        audio = file.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        for shown in _source("testsrc2", f"size={WIDTH}x{HEIGHT}:rate={FRAMES_PER_SECOND}:duration={seconds}"):
            picture = shown.reformat(format="yuv420p")
            picture.time_base = Fraction(1, FRAMES_PER_SECOND)
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        tone = f"frequency={TONE_HZ}:sample_rate={SAMPLE_RATE}:samples_per_frame={SAMPLES}:duration={seconds}"
        for sound in _source("sine", tone):
            file.mux(audio.encode(sound))
        file.mux(audio.encode(None))
    return path


def _source(name: str, options: str) -> Iterator[Any]:
    """The frames of a source filter of FFmpeg."""
    graph = Graph()
    source = graph.add(name, options)
    sink = graph.add("abuffersink" if name == "sine" else "buffersink")
    source.link_to(sink)
    graph.configure()
    while True:
        try:
            yield graph.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return
