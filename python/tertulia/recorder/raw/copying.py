"""A video track into a file, as it was sent."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
from av.container import OutputContainer
from av.stream import Stream

from tertulia.recorder.raw.decoding import LIMITS, decode_one
from tertulia.recorder.raw.errors import Unplayable
from tertulia.recorder.raw.inspection import visible
from tertulia.recorder.raw.muxing import VIDEO_RATE, open_output, put
from tertulia.recorder.raw.recording import Codec, Span, Track

_ELEMENTARY: Final[dict[Codec, str]] = {"H264": "h264", "AV1": "obu"}
"""FFmpeg's names of formats that are nothing but packets: those whose header has to be made of the first one."""


def copy_video(track: Track, path: Path) -> Span:
    """Returns where on the timeline it is."""
    pictures = visible(track)
    picture, stands = next(pictures, (None, 0.0))
    if picture is None:
        raise Unplayable(f"{track.name}'s {track.source} has no picture")
    begins, at = picture.at, 0
    with open_output(path, track.codec) as output, _add_stream(output, track.codec, picture.data) as stream:
        while picture is not None:
            length = round(stands * VIDEO_RATE)
            put(output, stream, picture.data, at, length, VIDEO_RATE, is_keyframe=picture.is_keyframe)
            picture, stands = next(pictures, (None, 0.0))
            at = max(round((picture.at - begins) * VIDEO_RATE), at + 1) if picture else at + length
    return Span(begins, begins + at / VIDEO_RATE)


@contextmanager
def _add_stream(output: OutputContainer, codec: Codec, first: bytes) -> Iterator[Stream]:
    if codec not in _ELEMENTARY:
        frame = decode_one(codec, first)
        yield output.add_mux_stream(codec.lower(), width=frame.width, height=frame.height)
        return
    with av.open(io.BytesIO(first), format=_ELEMENTARY[codec], options=LIMITS) as elementary:
        yield output.add_stream_from_template(elementary.streams.video[0], opaque=True)
